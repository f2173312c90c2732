//! What a member's name says: the key of its row, and its column there.

/// The longest name that is taken.
pub(super) const LONGEST_NAME: usize = 4096;

/// A name with a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'n> {
    pub(super) key: &'n [u8],
    /// In small letters; of a name that is not UTF-8 with marks in the place of what is none.
    pub(super) column: String,
}

/// The key and the column of a name, as the `webdataset` library divides it: at the first dot behind the last `/`. There
/// is none in a name without such a dot, in one that begins with it, and in what lies below `__any__`.
pub(super) fn named(name: &[u8]) -> Option<Named<'_>> {
    let first = name.split(|byte| *byte == b'/').next().unwrap_or(name);
    if first.len() >= 4 && first.starts_with(b"__") && first.ends_with(b"__") {
        return None;
    }
    let base = name
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let dot = name[base..].iter().position(|byte| *byte == b'.')?;
    (dot > 0).then(|| Named {
        key: &name[..base + dot],
        column: String::from_utf8_lossy(&name[base + dot + 1..]).to_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::named;

    #[test]
    fn names_are_divided_at_the_first_dot_behind_the_last_slash() {
        let divided = |name: &str| {
            let found = named(name.as_bytes())?;
            Some((String::from_utf8(found.key.to_vec()).unwrap(), found.column))
        };
        for (name, key, column) in [
            ("0001.json", "0001", "json"),
            ("a.b/0001.left.JPG", "a.b/0001", "left.jpg"),
            ("../../etc/passwd.txt", "../../etc/passwd", "txt"),
            ("./x.cls", "./x", "cls"),
            ("x.", "x", ""),
            ("/x.txt", "/x", "txt"),
        ] {
            assert_eq!(
                divided(name),
                Some((key.to_owned(), column.to_owned())),
                "{name}"
            );
        }
        for name in [
            "",
            "x",
            "a.b/c",
            ".hidden.txt",
            "a/._x.jpg",
            "__meta__/x.json",
            "__x__",
        ] {
            assert_eq!(divided(name), None, "{name}");
        }
    }
}
