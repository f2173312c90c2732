//! A `.tar` that is not compressed: its headers read once, its members where they stand.

use std::fs::File;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3Default;

use crate::error::{FileFault, FilesError, shown};
use crate::names::{Lookup, Names};
use crate::read::read_at;

const BLOCK: u64 = 512;

/// The longest name, or list of attributes, that is read.
const LONGEST_EXTENSION: u64 = 1 << 20;

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

/// What headers before a member's own say of it.
#[derive(Debug, Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
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
            if header.iter().all(|byte| *byte == 0) {
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
        let kind = header[156];
        let own = number(&header[124..136]).ok_or_else(|| damaged("a header has no size"))?;
        if matches!(kind, b'L' | b'K' | b'x' | b'g') {
            let bytes = self.extension(data, own, length)?;
            hash.update(&bytes);
            extension.read(kind, &bytes)?;
            return next(data, own, length);
        }
        let extension = std::mem::take(extension);
        let data = if kind == b'S' {
            self.behind_holes(header, data)?
        } else {
            data
        };
        let name = extension.name.unwrap_or_else(|| name_of(header));
        let size = extension.size.unwrap_or(own);
        let link = || {
            extension
                .link
                .unwrap_or_else(|| until_zero(&header[157..257]).to_vec())
        };
        let (member, size) = match kind {
            _ if extension.is_sparse || kind == b'S' => (Member::Unreadable("sparse"), size),
            b'0' | 0 | b'7' if !name.ends_with(b"/") => (Member::Data { offset: data, size }, size),
            b'1' => (Member::SameAs(plain_name(&link())), 0),
            b'2' => (Member::Unreadable("a link"), 0),
            b'0' | 0 | b'7' | b'3'..=b'6' => return Ok(data),
            _ => (Member::Unreadable("of a kind that is not read"), size),
        };
        self.members.push(member);
        if !self.names.push(&name) {
            return Err(damaged("it has more than four billion members"));
        }
        next(data, size, length)
    }

    /// Where the data of a sparse member begin: behind the list of its holes, if that is longer than its header.
    fn behind_holes(&self, header: &[u8], mut data: u64) -> Result<u64, FileFault> {
        let mut goes_on = header[482] != 0;
        while goes_on {
            let mut block = [0; BLOCK as usize];
            read_at(&self.file, &mut block, data)?;
            (goes_on, data) = (block[504] != 0, data + BLOCK);
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

impl Extension {
    fn read(&mut self, kind: u8, bytes: &[u8]) -> Result<(), FileFault> {
        match kind {
            b'L' => self.name = Some(until_zero(bytes).to_vec()),
            b'K' => self.link = Some(until_zero(bytes).to_vec()),
            b'x' => self
                .read_attributes(bytes)
                .ok_or_else(|| damaged("a list of attributes is damaged"))?,
            _ => {} // of all members: nothing of it says where one is
        }
        Ok(())
    }

    /// Reads `length key=value\n`, one after another.
    fn read_attributes(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
            let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
            bytes = &bytes[length..];
            let equals = record.iter().position(|byte| *byte == b'=')?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
                _ => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Some(())
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

/// Whether a block is a header: it has the checksum that it says.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let Some(stated) = block.get(148..156).and_then(number) else {
        return false;
    };
    if block.len() < BLOCK as usize {
        return false;
    }
    let byte = |(at, byte): (usize, &u8)| {
        if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        }
    };
    let bytes = block.iter().enumerate().map(byte);
    let unsigned: u64 = bytes.clone().map(u64::from).sum();
    let signed: i64 = bytes.map(|byte| i64::from(byte.cast_signed())).sum();
    unsigned == stated || u64::try_from(signed).is_ok_and(|signed| signed == stated)
}

/// An octal number, or one in base 256 where its first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let (first, rest) = field.split_first()?;
        let (high, low) = rest.split_at(rest.len().checked_sub(8)?);
        if *first != 0x80 || high.iter().any(|byte| *byte != 0) {
            return None;
        }
        return low.try_into().ok().map(u64::from_be_bytes);
    }
    let digits = std::str::from_utf8(field).ok()?;
    let digits = digits.trim_matches([' ', '\0']);
    match digits.is_empty() {
        true => Some(0),
        false => u64::from_str_radix(digits, 8).ok(),
    }
}

fn name_of(header: &[u8]) -> Vec<u8> {
    let name = until_zero(&header[..100]);
    let prefix = until_zero(&header[345..500]);
    match header[257..].starts_with(b"ustar\0") && !prefix.is_empty() {
        true => [prefix, b"/", name].concat(),
        false => name.to_vec(),
    }
}

fn until_zero(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

fn plain_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.trim_start_matches("./").to_owned()
}

fn damaged(what: &str) -> FileFault {
    FileFault::Damaged(what.to_owned())
}
