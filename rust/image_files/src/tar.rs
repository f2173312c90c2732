//! A `.tar` that is not compressed: its headers read once, its members where they stand.

use std::fs::File;
use std::path::Path;

use octomed_tar::{
    self as tar, BLOCK, Extension, Kind, LONGEST_EXTENSION, is_end, is_header, size_of,
};
use xxhash_rust::xxh3::Xxh3Default;

use crate::error::{FileFault, FilesError, shown};
use crate::names::{Lookup, Names};
use crate::read::read_at;

/// How many links to links are followed.
const MOST_LINKS: usize = 8;

/// An archive of files, one behind the other.
#[derive(Debug)]
pub(crate) struct Tar {
    file: File,
    names: Names,
    members: Vec<Member>,
    hash: u64,
}

#[derive(Debug)]
enum Member {
    Data {
        offset: u64,
        size: u64,
    },
    /// The same file as an earlier member.
    SameAs(String),
    Unreadable(&'static str),
}

impl Tar {
    pub(crate) fn open(file: File, path: &Path) -> Result<Self, FilesError> {
        let read = Self::read_headers(file);
        read.map_err(|fault| match fault {
            FileFault::Io(error) => FilesError::Io {
                path: path.to_owned(),
                error,
            },
            other => FilesError::Damaged {
                path: path.to_owned(),
                detail: other.to_string(),
            },
        })
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.hash
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn read(&self, number: u32, most_bytes: u64) -> Result<Vec<u8>, FileFault> {
        let mut number = number;
        for _ in 0..MOST_LINKS {
            let name = || shown(&String::from_utf8_lossy(self.names.name(number)));
            match &self.members[number as usize] {
                Member::Data { size, .. } if *size > most_bytes => {
                    return Err(FileFault::TooLarge(*size));
                }
                Member::Data { offset, size } => {
                    let size = usize::try_from(*size);
                    let mut bytes = vec![0; size.map_err(|_| damaged("a member is too large"))?];
                    read_at(&self.file, &mut bytes, *offset)?;
                    return Ok(bytes);
                }
                Member::Unreadable(what) => {
                    let words = format!("the member `{}` cannot be read: it is {what}", name());
                    return Err(FileFault::Damaged(words));
                }
                Member::SameAs(other) => match self.names.find(other) {
                    Lookup::One(other) => number = other,
                    _ => {
                        let words = format!("`{}` links to a member that is not there", name());
                        return Err(FileFault::Missing(words));
                    }
                },
            }
        }
        Err(damaged("members link to each other in a circle"))
    }

    fn read_headers(file: File) -> Result<Self, FileFault> {
        let length = file.metadata().map_err(FileFault::Io)?.len();
        let mut tar = Self {
            file,
            names: Names::default(),
            members: Vec::new(),
            hash: 0,
        };
        let mut hash = Xxh3Default::new();
        let mut extension = Extension::default();
        let mut at = 0;
        while at < length {
            let mut header = [0; BLOCK as usize];
            read_at(&tar.file, &mut header, at)?;
            if is_end(&header) {
                break;
            }
            hash.update(&header);
            if !is_header(&header) {
                return Err(damaged("a header has another checksum than it says"));
            }
            at = tar.read_member(&header, at + BLOCK, length, &mut extension, &mut hash)?;
        }
        tar.names.sort();
        tar.hash = hash.digest();
        Ok(tar)
    }

    /// Reads what follows a header; gives where the next one is.
    fn read_member(
        &mut self,
        header: &[u8],
        data: u64,
        length: u64,
        extension: &mut Extension,
        hash: &mut Xxh3Default,
    ) -> Result<u64, FileFault> {
        let no_size = || damaged("a header has no size");
        if Extension::is_one(header) {
            let own = size_of(header).ok_or_else(no_size)?;
            let bytes = self.extension(data, own, length)?;
            hash.update(&bytes);
            let read = extension.read(header, &bytes);
            read.ok_or_else(|| damaged("a list of attributes is damaged"))?;
            return next(data, own, length);
        }
        let found = tar::Member::of(header, std::mem::take(extension)).ok_or_else(no_size)?;
        let offset = self.behind_holes(header, data)?;
        let member = match found.kind {
            Kind::File => Member::Data {
                offset,
                size: found.size,
            },
            Kind::HardLink => Member::SameAs(plain_name(&found.link)),
            Kind::Link => Member::Unreadable("a link"),
            Kind::Sparse => Member::Unreadable("sparse"),
            Kind::Folder | Kind::Device => return Ok(data),
            Kind::Other => Member::Unreadable("of a kind that is not read"),
        };
        self.members.push(member);
        if !self.names.push(&found.name) {
            return Err(damaged("it has more than four billion members"));
        }
        next(offset, found.size, length)
    }

    /// Where the data of a sparse member begin: behind the list of its holes, if that is longer than its header.
    fn behind_holes(&self, header: &[u8], mut data: u64) -> Result<u64, FileFault> {
        let mut goes_on = tar::holes_follow(header);
        while goes_on {
            let mut block = [0; BLOCK as usize];
            read_at(&self.file, &mut block, data)?;
            (goes_on, data) = (tar::more_holes_follow(&block), data + BLOCK);
        }
        Ok(data)
    }

    fn extension(&self, data: u64, size: u64, length: u64) -> Result<Vec<u8>, FileFault> {
        if size > LONGEST_EXTENSION || data + size > length {
            return Err(damaged(
                "a name or its attributes are longer than a MiB, or cut",
            ));
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most a MiB")]
        let mut bytes = vec![0; size as usize];
        read_at(&self.file, &mut bytes, data)?;
        Ok(bytes)
    }
}

/// Where the header behind data is, which have to be there.
fn next(data: u64, size: u64, length: u64) -> Result<u64, FileFault> {
    let cut = || damaged("it is cut, as a file is that was not fetched to its end");
    let end = data
        .checked_add(size)
        .filter(|end| *end <= length)
        .ok_or_else(cut)?;
    Ok(end.next_multiple_of(BLOCK))
}

fn plain_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.trim_start_matches("./").to_owned()
}

fn damaged(what: &str) -> FileFault {
    FileFault::Damaged(what.to_owned())
}
