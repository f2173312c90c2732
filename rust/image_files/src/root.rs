//! Where the images of a source are.

use std::fs;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use crate::archive::Archive;
use crate::error::{FileFault, FilesError, missing, outside, shown};
use crate::folder::Folder;
use crate::path::{Outside, is_home};
use crate::read::{self, FileStamp, Found};
use crate::value::{self, Value};

/// The folders and archives that the paths of a source's rows begin in; shared by all workers.
#[derive(Debug, Default)]
pub struct ImageRoot {
    places: Vec<Place>,
    outside: Outside,
}

#[derive(Debug)]
enum Place {
    Folder(Folder),
    Archive(Archive),
}

impl ImageRoot {
    /// Opens a folder, a `.zip` or a `.tar`; none where rows have their images in themselves.
    ///
    /// # Errors
    /// What is at the path is not there, or is no such thing, or is damaged.
    pub fn open(path: Option<&Path>, outside: Outside) -> Result<Self, FilesError> {
        Self::open_all(path, outside)
    }

    /// Opens several folders or archives, in which a path is looked up one after another.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub fn open_all<'p>(
        paths: impl IntoIterator<Item = &'p Path>,
        outside: Outside,
    ) -> Result<Self, FilesError> {
        let places = paths
            .into_iter()
            .map(Place::open)
            .collect::<Result<_, _>>()?;
        Ok(Self { places, outside })
    }

    /// The bytes of what a row says: a path, a data URL, a `file:` URL or base64.
    ///
    /// # Errors
    /// The row's fault, or the system's: [`FileFault::Io`].
    pub fn read(&self, value: &str, most_bytes: u64) -> Result<Found, FileFault> {
        match value::read(value, most_bytes)? {
            Value::Bytes(bytes) => Ok(Found { bytes, file: None }),
            Value::Path(path) => self.read_path(&path, most_bytes),
        }
    }

    /// What a file of a folder is now, to be compared with what it was: its path is one of [`FileStamp::path`].
    ///
    /// # Errors
    /// As of [`ImageRoot::read`], where there is no such file any more.
    pub fn stamp(&self, path: &str) -> Result<FileStamp, FileFault> {
        let mut fault = None;
        for place in &self.places {
            let Place::Folder(folder) = place else {
                continue;
            };
            match folder.stamp(path, self.outside) {
                Ok(stamp) => return Ok(stamp),
                Err(other) => keep_nearer(&mut fault, other)?,
            }
        }
        if self.may_be_elsewhere(path) {
            let path_there = Path::new(path);
            return Ok(FileStamp::new(path, &read::regular(path_there, path)?));
        }
        Err(fault.unwrap_or_else(|| missing(path)))
    }

    /// A hash of the archives' sizes, times and indexes; none without an archive. Files of folders have stamps.
    #[must_use]
    pub fn fingerprint(&self) -> Option<u128> {
        let hashes = self.places.iter().filter_map(|place| match place {
            Place::Archive(archive) => Some(archive.fingerprint().to_le_bytes()),
            Place::Folder(_) => None,
        });
        let key: Vec<u8> = hashes.flatten().collect();
        (!key.is_empty()).then(|| xxh3_128(&key))
    }

    fn read_path(&self, path: &str, most_bytes: u64) -> Result<Found, FileFault> {
        let mut fault = None;
        for place in &self.places {
            match place.read(path, self.outside, most_bytes) {
                Ok(found) => return Ok(found),
                Err(other) => keep_nearer(&mut fault, other)?,
            }
        }
        if let Some(found) = self.read_similar(path, most_bytes)? {
            return Ok(found);
        }
        if self.may_be_elsewhere(path) {
            let (bytes, stamp) = read::file(Path::new(path), path, most_bytes)?;
            let file = Some(stamp);
            return Ok(Found { bytes, file });
        }
        Err(match fault {
            Some(FileFault::Missing(_)) | None if self.is_refused_home(path) => outside(path),
            Some(fault) => fault,
            None if path.starts_with('/') => outside(path),
            None => FileFault::Missing(format!(
                "no folder or archive of images is named, in which `{}` would be",
                shown(path)
            )),
        })
    }

    fn is_refused_home(&self, path: &str) -> bool {
        self.outside == Outside::Refuse && is_home(path)
    }

    fn may_be_elsewhere(&self, path: &str) -> bool {
        self.outside == Outside::Allow && path.starts_with('/')
    }

    /// The only member of all archives that the path may mean, where none has its name.
    fn read_similar(&self, path: &str, most_bytes: u64) -> Result<Option<Found>, FileFault> {
        let archives = self.places.iter().filter_map(|place| match place {
            Place::Archive(archive) => Some(archive),
            Place::Folder(_) => None,
        });
        let mut found = archives.flat_map(|archive| {
            let members = archive.similar(path).into_iter();
            members.map(move |number| (archive, number))
        });
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some((archive, number)), None) => {
                let bytes = archive.member(number, most_bytes)?;
                Ok(Some(Found { bytes, file: None }))
            }
            (Some(_), Some(_)) => Err(FileFault::Missing(format!(
                "there is no `{}`, and several members that end in it",
                shown(path)
            ))),
        }
    }
}

impl Place {
    fn open(path: &Path) -> Result<Self, FilesError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                FilesError::NotThere(path.to_owned())
            }
            _ => FilesError::Io {
                path: path.to_owned(),
                error,
            },
        };
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            return Folder::open(path).map(Self::Folder).map_err(failed);
        }
        if !metadata.is_file() {
            let (path, what) = (path.to_owned(), "no regular file");
            return Err(FilesError::Kind { path, what });
        }
        Archive::open(path).map(Self::Archive)
    }

    fn read(&self, path: &str, way: Outside, most_bytes: u64) -> Result<Found, FileFault> {
        match self {
            Self::Folder(folder) => folder.read(path, way, most_bytes),
            Self::Archive(archive) => {
                let bytes = archive.read(path, most_bytes)?;
                Ok(Found { bytes, file: None })
            }
        }
    }
}

/// Keeps a fault of one place while the next is looked at; any fault but that the path is not there is final.
fn keep_nearer(kept: &mut Option<FileFault>, fault: FileFault) -> Result<(), FileFault> {
    match (&kept, &fault) {
        (None, FileFault::Missing(_) | FileFault::OutsideRoot(_))
        | (Some(FileFault::OutsideRoot(_)), FileFault::Missing(_)) => *kept = Some(fault),
        (Some(_), FileFault::Missing(_) | FileFault::OutsideRoot(_)) => {}
        _ => return Err(fault),
    }
    Ok(())
}
