//! The files in which the images of a block were looked for: what a finished block is compared with before it is
//! used again.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

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
    /// `xxh3_64` of its bytes; 0 where nobody has read them.
    #[serde(default)]
    pub hash: u64,
}

impl FileState {
    /// Whether a file that was in one of these states and is in the other is unchanged.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.size, self.mtime_ns) == (other.size, other.mtime_ns)
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

/// The files in which the images of the block `stem` were looked for, which is a path without extension.
///
/// # Errors
/// When the index or the list cannot be read or is damaged.
pub fn image_files(stem: &Path) -> Result<ImageFiles, IndexError> {
    let header = read_index(&stem.with_extension("index"))?.header;
    read_list(stem, header.image_files)
}

/// The paths of the files that a block's images were in, by the hash of the bytes; of several the first. None where the
/// list is damaged: whoever reads the block says so.
#[must_use]
pub fn image_names(stem: &Path, count: u64) -> HashMap<u64, String> {
    let files = read_list(stem, count).unwrap_or_default();
    let mut names = HashMap::new();
    for (path, state) in files {
        if let Some(state) = state.filter(|state| state.hash != 0) {
            names.entry(state.hash).or_insert(path);
        }
    }
    names
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

    fn listed() -> ImageFiles {
        let state = FileState {
            size: 7,
            mtime_ns: -3,
            hash: u64::MAX,
        };
        [("x".to_owned(), Some(state)), ("y".to_owned(), None)].into()
    }

    #[test]
    fn a_list_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let stems = ["0", "0-1"].map(|name| folder.path().join(name));
        write(&stems[0], &listed());
        write(&stems[1], &ImageFiles::new());
        assert_eq!(image_files(&stems[0]).unwrap(), listed());
        assert_eq!(image_files(&stems[1]).unwrap(), ImageFiles::new());
    }

    #[test]
    fn names_are_found_by_hash_and_lists_without_hashes_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write(&stem, &listed());
        assert_eq!(image_names(&stem, 2), [(u64::MAX, "x".to_owned())].into());
        assert!(image_names(&stem, 3).is_empty());
        let old: ImageFiles =
            serde_json::from_str(r#"{"x": {"size": 7, "mtime_ns": -3}}"#).unwrap();
        let (new, old) = (listed()["x"].unwrap(), old["x"].unwrap());
        assert!(old.hash == 0 && old.is_same(&new));
        write(&stem, &[("x".to_owned(), Some(old))].into());
        assert!(image_names(&stem, 1).is_empty());
    }

    #[test]
    fn a_list_that_was_changed_cut_or_lost_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write(&stem, &listed());
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
            let header = crate::read_header(&stem.with_extension("index"));
            let is_damage = |error| matches!(error, IndexError::Damaged { .. });
            image_files(&stem).is_err_and(is_damage) && header.is_err_and(is_damage)
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
