//! A folder of images.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{FileFault, missing, names_a_folder, outside};
use crate::path::{Below, Outside, below, names_of, relative_to};
use crate::read::{self, FileStamp, Found};

/// A folder, by the names under which rows may know it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    names: Vec<String>,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            names: names_of(path)?,
        })
    }

    pub(crate) fn read(&self, path: &str, way: Outside, most: u64) -> Result<Found, FileFault> {
        let (place, written) = self.place(path, way)?;
        let (bytes, stamp) = read::file(&place, &written, most)?;
        let file = Some(stamp);
        Ok(Found { bytes, file })
    }

    pub(crate) fn stamp(&self, path: &str, way: Outside) -> Result<FileStamp, FileFault> {
        let (place, written) = self.place(path, way)?;
        Ok(FileStamp::new(&written, &read::regular(&place, &written)?))
    }

    /// Where a path leads, and the path below the folder.
    fn place(&self, path: &str, way: Outside) -> Result<(PathBuf, String), FileFault> {
        let relative = match path.starts_with('/') {
            true => relative_to(path, &self.names),
            false => Some(path),
        };
        let inside = match relative.and_then(below) {
            Some(inside) if inside.left.is_empty() || way == Outside::Refuse => inside,
            _ if way == Outside::Allow => return Ok((self.path.join(path), path.to_owned())),
            _ => return Err(outside(path)),
        };
        self.check_left(&inside, path)?;
        match inside.is_folder {
            true => Err(names_a_folder(path)),
            false => Ok((self.path.join(&inside.path), inside.path)),
        }
    }

    /// Refuses `..` behind a link, where it leads out of the folder that the link stands in.
    fn check_left(&self, inside: &Below, path: &str) -> Result<(), FileFault> {
        for left in &inside.left {
            let left = self.path.join(left);
            let metadata = fs::symlink_metadata(&left).map_err(|error| read::fault(error, path))?;
            if metadata.is_symlink() {
                return Err(outside(path));
            }
            if !metadata.is_dir() {
                return Err(missing(path));
            }
        }
        Ok(())
    }
}
