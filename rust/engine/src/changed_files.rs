//! Whether files of images are what they were when blocks were made of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use octomed_image_files::{FileFault, ImageRoot, Outside};
use octomed_index::{FileState, image_files};

use crate::error::EngineError;

/// The first file of images that is not what it was when the blocks were made: of another size or time, gone, or there
/// where none was. Blocks are named by their paths without extension, `roots` are the folders and archives of their
/// source; members of an archive are no files of their own.
///
/// # Errors
/// When a root cannot be opened, or a block is damaged.
pub fn changed_image_files(
    blocks: &[PathBuf],
    roots: &[PathBuf],
) -> Result<Option<String>, EngineError> {
    let root = ImageRoot::open_all(roots.iter().map(PathBuf::as_path), Outside::Allow)?;
    let mut now = HashMap::new();
    for stem in blocks {
        if let Some(path) = changed_of_block(stem, &root, &mut now)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The first such file of one block; `now` has what was found of files before.
fn changed_of_block(
    stem: &Path,
    root: &ImageRoot,
    now: &mut HashMap<String, Option<FileState>>,
) -> Result<Option<String>, EngineError> {
    for (path, then) in image_files(stem)? {
        let state = match now.get(&path) {
            Some(state) => *state,
            None => state_of(root, &path)?,
        };
        let is_same = match (state, then) {
            (Some(now), Some(then)) => now.is_same(&then),
            (now, then) => now.is_none() && then.is_none(),
        };
        if !is_same {
            return Ok(Some(path));
        }
        now.insert(path, state);
    }
    Ok(None)
}

/// What a file is now; nothing where it is not there.
pub fn state_of(root: &ImageRoot, path: &str) -> Result<Option<FileState>, EngineError> {
    match root.stamp(path) {
        Ok(stamp) => Ok(Some(FileState {
            size: stamp.size,
            mtime_ns: stamp.mtime_ns,
            hash: 0,
        })),
        Err(FileFault::Io(source)) => {
            let place = format!("image `{path}`");
            Err(EngineError::ImageFile { place, source })
        }
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, UNIX_EPOCH};

    use octomed_files::Access;
    use octomed_index::{Header, ImageFiles, NewBlock, SCAN_VERSION};

    use super::*;

    /// Writes a block that was made of these files, as they are now.
    fn write(stem: &Path, root: &Path, paths: &[&str]) {
        let root = ImageRoot::open(Some(root), Outside::Refuse).unwrap();
        let state = |path: &&str| ((*path).to_owned(), state_of(&root, path).unwrap());
        let files: ImageFiles = paths.iter().map(state).collect();
        let header = Header {
            version: SCAN_VERSION,
            image_files: files.len() as u64,
            ..Header::default()
        };
        let block = NewBlock {
            files: &files,
            ..NewBlock::new(&header)
        };
        block.write(stem, Access::Owner).unwrap();
    }

    #[test]
    fn a_file_that_changes_comes_or_goes_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("images");
        std::fs::create_dir_all(root.join("b")).unwrap();
        std::fs::write(root.join("a.png"), "one").unwrap();
        std::fs::write(root.join("b/c.png"), "two").unwrap();
        let stems = ["0", "1"].map(|name| folder.path().join(name));
        write(&stems[0], &root, &["a.png", "none.png"]);
        write(&stems[1], &root, &["a.png", "b/c.png"]);
        let changed = || changed_image_files(&stems, std::slice::from_ref(&root)).unwrap();
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
    fn another_time_alone_is_a_change_and_so_is_a_link_that_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let at = |name: &str, seconds| {
            let file = std::fs::File::options().write(true).open(root.join(name));
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            file.unwrap().set_modified(time).unwrap();
        };
        for (name, time) in [("a", 100), ("b", 200)] {
            std::fs::write(root.join(name), "same").unwrap();
            at(name, time);
        }
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        let stem = root.join("0");
        write(&stem, &root, &["link"]);
        let changed = || {
            let stems = std::slice::from_ref(&stem);
            changed_image_files(stems, std::slice::from_ref(&root)).unwrap()
        };
        assert_eq!(changed(), None);
        at("a", 101);
        assert_eq!(changed().as_deref(), Some("link"));
        at("a", 100);
        std::fs::remove_file(root.join("link")).unwrap();
        std::os::unix::fs::symlink("b", root.join("link")).unwrap();
        assert_eq!(changed().as_deref(), Some("link"));
    }
}
