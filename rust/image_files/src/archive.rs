//! An archive of images: the names of its members once in memory, their bytes read where they stand.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use crate::error::{FileFault, FilesError, missing, names_a_folder, outside, shown};
use crate::names::{Lookup, Names};
use crate::path::{below, names_of, relative_to};
use crate::read::changed_at;
use crate::tar::Tar;
use crate::zip::Zip;

/// An archive, by the names under which rows may know it.
#[derive(Debug)]
pub(crate) struct Archive {
    names: Vec<String>,
    form: Form,
    fingerprint: u128,
}

#[derive(Debug)]
enum Form {
    Zip(Zip),
    Tar(Tar),
}

/// What a file begins with that is no archive of ours.
const OTHERS: [(&[u8], &str); 7] = [
    (b"\x1f\x8b", "compressed by gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\0", "compressed by xz"),
    (b"7z\xbc\xaf\x27\x1c", "an archive of 7-Zip"),
    (b"Rar!", "an archive of RAR"),
    (b"\x89HDF\r\n\x1a\n", "a file of HDF5"),
];

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self, FilesError> {
        let failed = |error| FilesError::Io {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let form = form_of(&file, path)?;
        let index = match &form {
            Form::Zip(zip) => zip.fingerprint(),
            Form::Tar(tar) => tar.fingerprint(),
        };
        let mut key = metadata.len().to_le_bytes().to_vec();
        key.extend(changed_at(&metadata).to_le_bytes());
        key.extend(index.to_le_bytes());
        Ok(Self {
            names: names_of(path).map_err(failed)?,
            form,
            fingerprint: xxh3_128(&key),
        })
    }

    /// A hash of the archive's size, time and index.
    pub(crate) fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    /// The member that the path names.
    pub(crate) fn read(&self, path: &str, most_bytes: u64) -> Result<Vec<u8>, FileFault> {
        let name = self.name(path)?;
        match self.members().find(&name) {
            Lookup::One(number) => self.member(number, most_bytes),
            Lookup::Several(_) => Err(FileFault::Damaged(format!(
                "the archive has several members `{}`",
                shown(&name)
            ))),
            Lookup::Nothing => Err(missing(path)),
        }
    }

    /// Up to two of the members that the path may mean where none has its name.
    pub(crate) fn similar(&self, path: &str) -> Vec<u32> {
        let name = self.name(path);
        name.map_or_else(|_| Vec::new(), |name| self.members().similar(&name))
    }

    pub(crate) fn member(&self, number: u32, most_bytes: u64) -> Result<Vec<u8>, FileFault> {
        match &self.form {
            Form::Zip(zip) => zip.read(number, most_bytes),
            Form::Tar(tar) => tar.read(number, most_bytes),
        }
    }

    /// The path as a member's name.
    fn name(&self, path: &str) -> Result<String, FileFault> {
        let relative = match path.starts_with('/') {
            true => relative_to(path, &self.names),
            false => Some(path),
        };
        let inside = relative.and_then(below).ok_or_else(|| outside(path))?;
        match inside.is_folder {
            true => Err(names_a_folder(path)),
            false => Ok(inside.path),
        }
    }

    fn members(&self) -> &Names {
        match &self.form {
            Form::Zip(zip) => zip.names(),
            Form::Tar(tar) => tar.names(),
        }
    }
}

/// The archive that a file is by its first bytes, and by its name where these do not tell.
fn form_of(file: &File, path: &Path) -> Result<Form, FilesError> {
    let is_named = |ending: &str| {
        let found = path.extension().and_then(|found| found.to_str());
        found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
    };
    let mut start = [0; 512];
    let failed = |error| FilesError::Io {
        path: path.to_owned(),
        error,
    };
    let known = beginning(file, &mut start).map_err(failed)?;
    let start = &start[..known];
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") || is_named("zip") {
        return Zip::open(file.try_clone().map_err(failed)?, path).map(Form::Zip);
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
        let path = path.to_owned();
        return Err(FilesError::Kind { path, what });
    }
    if octomed_tar::is_header(start) || is_named("tar") {
        return Tar::open(file.try_clone().map_err(failed)?, path).map(Form::Tar);
    }
    let (path, what) = (path.to_owned(), "a file of another kind");
    Err(FilesError::Kind { path, what })
}

fn beginning(mut file: &File, start: &mut [u8]) -> io::Result<usize> {
    file.seek(SeekFrom::Start(0))?;
    let mut known = 0;
    while known < start.len() {
        match file.read(&mut start[known..])? {
            0 => break,
            read => known += read,
        }
    }
    Ok(known)
}
