//! The files in which the images of a block were looked for: what a finished block is compared with before it is
//! used again.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use octomed_files::{Access, Temporary};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{IndexError, read_index};

/// What the extension of the file is.
const EXTENSION: &str = "image_files";

/// Size and time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// Bytes.
    pub size: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl FileState {
    /// The state of a file; links are followed, and what is no file has none.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let data = std::fs::metadata(path)
            .ok()
            .filter(std::fs::Metadata::is_file)?;
        let modified = data.modified().ok()?;
        let nanoseconds = match modified.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).ok()?,
            Err(before) => -i64::try_from(before.duration().as_nanos()).ok()?,
        };
        Some(Self {
            size: data.len(),
            mtime_ns: nanoseconds,
        })
    }
}

/// Files by their paths, relative to the source's folder of images; one that was not there has no state.
pub type ImageFiles = BTreeMap<String, Option<FileState>>;

/// The list of the block `stem`.
fn list_path(stem: &Path) -> PathBuf {
    stem.with_extension(EXTENSION)
}

/// Writes the list of a block; the file gets its name when it is renamed.
pub(crate) fn write_list(
    stem: &Path,
    files: &ImageFiles,
    access: Access,
) -> Result<(Temporary, PathBuf), IndexError> {
    let path = list_path(stem);
    let write = || {
        let mut bytes = serde_json::to_vec(files)?;
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        let mut file = Temporary::beside(&path, access)?;
        std::io::Write::write_all(file.file(), &bytes)?;
        Ok(file)
    };
    let file = write().map_err(IndexError::file("write", &path))?;
    Ok((file, path))
}

/// Reads the list of a block that has `count` files.
pub(crate) fn read_list(stem: &Path, count: u64) -> Result<ImageFiles, IndexError> {
    if count == 0 {
        return Ok(ImageFiles::new());
    }
    let path = list_path(stem);
    let bytes = std::fs::read(&path).map_err(IndexError::of_block(&path))?;
    let (list, hash) = bytes
        .split_last_chunk()
        .ok_or_else(|| IndexError::damaged(&path, "it is cut"))?;
    if xxh3_64(list) != u64::from_le_bytes(*hash) {
        return Err(IndexError::damaged(
            &path,
            "its bytes are not those written",
        ));
    }
    let files: ImageFiles =
        serde_json::from_slice(list).map_err(|error| IndexError::damaged(&path, error))?;
    if files.len() as u64 == count {
        return Ok(files);
    }
    Err(IndexError::damaged(
        &path,
        format!("{} files, the index counts {count}", files.len()),
    ))
}

/// The first file of images below `root` that is not what it was when the blocks were made: of another size or time,
/// gone, or there where none was. Blocks are named by their paths without extension; one whose `images` are none of
/// files has no list.
///
/// # Errors
/// When a list that is there cannot be read or is damaged.
pub fn changed_image_files(blocks: &[PathBuf], root: &Path) -> Result<Option<String>, IndexError> {
    let mut now = HashMap::new();
    for stem in blocks {
        let header = read_index(&stem.with_extension("index"))?.header;
        for (path, then) in read_list(stem, header.image_files)? {
            let state = match now.get(&path) {
                Some(state) => *state,
                None => FileState::of(&root.join(&path)),
            };
            if state != then {
                return Ok(Some(path));
            }
            now.insert(path, state);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Header, NewBlock, SCAN_VERSION};

    fn write(stem: &Path, files: &ImageFiles) {
        let header = Header {
            version: SCAN_VERSION,
            image_files: files.len() as u64,
            ..Header::default()
        };
        let block = NewBlock {
            files,
            ..NewBlock::new(&header)
        };
        block.write(stem, Access::Owner).unwrap();
    }

    fn listed(root: &Path, paths: &[&str]) -> ImageFiles {
        let state = |path: &&str| ((*path).to_owned(), FileState::of(&root.join(path)));
        paths.iter().map(state).collect()
    }

    #[test]
    fn a_file_that_changes_comes_or_goes_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("images");
        std::fs::create_dir_all(root.join("b")).unwrap();
        std::fs::write(root.join("a.png"), "one").unwrap();
        std::fs::write(root.join("b/c.png"), "two").unwrap();
        let stems = [folder.path().join("0"), folder.path().join("1")];
        write(&stems[0], &listed(&root, &["a.png", "none.png"]));
        write(&stems[1], &listed(&root, &["a.png", "b/c.png"]));
        let changed = || changed_image_files(&stems, &root).unwrap();
        assert_eq!(changed(), None);
        std::fs::write(root.join("none.png"), "three").unwrap();
        assert_eq!(changed().as_deref(), Some("none.png"));
        std::fs::remove_file(root.join("none.png")).unwrap();
        assert_eq!(changed(), None);
        std::fs::write(root.join("b/c.png"), "four").unwrap();
        assert_eq!(changed().as_deref(), Some("b/c.png"));
        std::fs::remove_file(root.join("b/c.png")).unwrap();
        assert_eq!(changed().as_deref(), Some("b/c.png"));
        std::fs::create_dir(root.join("b/c.png")).unwrap();
        assert_eq!(changed().as_deref(), Some("b/c.png"));
    }

    #[test]
    fn another_time_alone_is_a_change_and_so_is_one_link_that_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["a", "b"] {
            std::fs::write(root.join(name), "same").unwrap();
        }
        let at = |name: &str, seconds| {
            let file = std::fs::File::options().write(true).open(root.join(name));
            let time = UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.unwrap().set_modified(time).unwrap();
        };
        at("a", 100);
        at("b", 200);
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        let stem = root.join("0");
        write(&stem, &listed(root, &["link"]));
        let changed = || changed_image_files(std::slice::from_ref(&stem), root).unwrap();
        assert_eq!(changed(), None);
        at("a", 101);
        assert_eq!(changed().as_deref(), Some("link"));
        at("a", 100);
        std::fs::remove_file(root.join("link")).unwrap();
        std::os::unix::fs::symlink("b", root.join("link")).unwrap();
        assert_eq!(changed().as_deref(), Some("link"));
    }

    #[test]
    fn a_list_that_was_changed_cut_or_lost_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write(&stem, &listed(folder.path(), &["x", "y"]));
        let path = list_path(&stem);
        let whole = std::fs::read(&path).unwrap();
        let mut hostile: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            hostile.push(changed);
        }
        let hashed =
            |text: &str| [text.as_bytes(), &xxh3_64(text.as_bytes()).to_le_bytes()].concat();
        hostile.extend(["{}", "[]", "{\"x\": null}", "{\"x\": 1, \"y\": 2}"].map(hashed));
        let damaged = || {
            let changed = changed_image_files(std::slice::from_ref(&stem), folder.path());
            let header = crate::read_header(&stem.with_extension("index"));
            let is_damage = |error| matches!(error, IndexError::Damaged { .. });
            changed.is_err_and(is_damage) && header.is_err_and(is_damage)
        };
        for bytes in hostile {
            std::fs::write(&path, &bytes).unwrap();
            assert!(damaged(), "{bytes:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(damaged());
        std::fs::write(&path, &whole).unwrap();
        assert!(crate::read_header(&stem.with_extension("index")).is_ok());
    }
}
