//! Where a row's path leads, by its own words.

use std::path::Path;
use std::{fs, io};

/// What becomes of a path that leads out of the root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outside {
    /// It is refused.
    #[default]
    Refuse,
    /// It is opened, wherever that is.
    Allow,
}

/// A path below a root: `a/./b//c/../d` is `a/b/d`, as long as `a/b/c` is a folder and no link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Below {
    /// The path without `.`, `..` and empty parts.
    pub(crate) path: String,
    /// The folders that `..` leaves again. Behind a link `..` leads elsewhere.
    pub(crate) left: Vec<String>,
    /// Whether it ends as only a folder's path may.
    pub(crate) is_folder: bool,
}

/// The path below a root that a relative path names; `None` if it leads out.
pub(crate) fn below(path: &str) -> Option<Below> {
    if path.starts_with('/') || is_of_windows(path) {
        return None;
    }
    let mut below = Below::default();
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                below.left.push(parts.join("/"));
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    below.path = parts.join("/");
    below.is_folder = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    Some(below)
}

/// The relative path of an absolute one, below any of these roots; `None` if it is below none.
///
/// It has to begin in the root's own words, so that no `..` and no link decides where it is.
pub(crate) fn relative_to<'p>(path: &'p str, roots: &[String]) -> Option<&'p str> {
    roots.iter().find_map(|root| behind(path, root))
}

fn behind<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    let mut rest = path.strip_prefix('/')?;
    for part in root.split('/').filter(|part| !part.is_empty()) {
        loop {
            rest = rest.trim_start_matches('/');
            match rest.strip_prefix("./") {
                Some(behind) => rest = behind,
                None => break,
            }
        }
        rest = rest.strip_prefix(part)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
    }
    Some(rest.trim_start_matches('/'))
}

/// Whether a path is one of Windows that leads out: a drive, another machine, or `..` between backslashes.
///
/// Any other backslash is a character of a name.
fn is_of_windows(path: &str) -> bool {
    let drive =
        matches!(path.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let climbs = path.contains('\\') && path.split(['/', '\\']).any(|part| part == "..");
    drive || path.starts_with('\\') || climbs
}

/// Whether a shell would read the path as somebody's home.
pub(crate) fn is_home(path: &str) -> bool {
    path == "~" || (path.starts_with('~') && path.contains('/'))
}

/// A path as it is written, made absolute, and as the system resolves it.
pub(crate) fn names_of(path: &Path) -> io::Result<Vec<String>> {
    let names = [std::path::absolute(path)?, fs::canonicalize(path)?];
    let names = names.iter().filter_map(|name| name.to_str());
    Ok(names.map(ToOwned::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::path::{Component, Path};

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// A slow reading: the system's parts, one after another.
    fn slow(path: &str) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        for part in Path::new(path).components() {
            match part {
                Component::Normal(name) => parts.push(name.to_str().unwrap().to_owned()),
                Component::ParentDir => {
                    parts.pop()?;
                }
                Component::CurDir => {}
                _ => return None,
            }
        }
        Some(parts)
    }

    proptest! {
        #[test]
        fn no_path_below_climbs(parts in prop::collection::vec(select(vec!["..", ".", "", "a", "b c", "...", "..a", "~", "\u{e9}"]), 0..9)) {
            let path = parts.join("/");
            let found = below(&path);
            prop_assert_eq!(found.as_ref().map(|below| below.path.clone()), slow(&path).map(|parts| parts.join("/")));
            if let Some(found) = found {
                prop_assert!(!found.path.starts_with('/') && !found.path.split('/').any(|part| part == ".."));
                prop_assert_eq!(found.left.len(), parts.iter().filter(|part| **part == "..").count());
            }
        }

        #[test]
        fn any_text_is_read_without_climbing(path in "[/.a\\\\:~\u{0}]{0,12}") {
            if let Some(found) = below(&path) {
                prop_assert!(!found.path.split(['/', '\\']).any(|part| part == ".."));
                prop_assert!(!found.path.starts_with('/'));
            }
        }
    }

    #[test]
    fn an_absolute_path_is_below_a_root_in_the_root_s_own_words() {
        let roots = ["/data/images".to_owned(), "/mnt".to_owned()];
        for (path, expected) in [
            ("/data/images/a/b.png", Some("a/b.png")),
            ("//data/./images//a", Some("a")),
            ("/data/images", Some("")),
            ("/data/images2/a", None),
            ("/data/x/../images/a", None),
            ("/mnt/../etc/passwd", Some("../etc/passwd")),
            ("data/images/a", None),
            ("/", None),
        ] {
            assert_eq!(relative_to(path, &roots), expected, "{path}");
        }
        assert_eq!(below("../etc/passwd"), None);
    }

    #[test]
    fn paths_of_windows_lead_out_and_other_backslashes_are_names() {
        for path in [
            "C:\\a.png",
            "c:/a.png",
            "\\\\host\\a.png",
            "a\\..\\..\\b",
            "a/..\\b",
            "\\a",
        ] {
            assert_eq!(below(path), None, "{path}");
        }
        assert_eq!(below("a\\b.png").unwrap().path, "a\\b.png");
        assert_eq!(below("a:b/..c").unwrap().path, "a:b/..c");
    }

    #[test]
    fn what_ends_as_a_folder_is_one() {
        for path in ["", "a/", "a/.", "a/b/..", "."] {
            assert!(below(path).unwrap().is_folder, "{path}");
        }
        assert!(!below("a/./b").unwrap().is_folder);
    }
}
