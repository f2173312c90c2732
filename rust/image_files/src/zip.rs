//! A `.zip`: its directory read once, its members where they stand, by many threads at a time.

use std::fs::File;
use std::path::Path;

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::{FileFault, FilesError, shown};
use crate::names::Names;
use crate::read::read_at;
use crate::zip_directory::{Directory, LOCAL_HEADER, Member, u16_at};

/// How much of a compressed member is read at a time.
const PIECE: u64 = 1 << 16;

/// An archive of members that are stored or deflated.
#[derive(Debug)]
pub(crate) struct Zip {
    file: File,
    directory: Directory,
}

impl Zip {
    pub(crate) fn open(file: File, path: &Path) -> Result<Self, FilesError> {
        let directory = Directory::read(&file).map_err(|fault| match fault {
            FileFault::Io(error) => FilesError::Io {
                path: path.to_owned(),
                error,
            },
            other => FilesError::Damaged {
                path: path.to_owned(),
                detail: other.to_string(),
            },
        })?;
        Ok(Self { file, directory })
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.directory.hash
    }

    pub(crate) fn names(&self) -> &Names {
        &self.directory.names
    }

    /// A member's bytes, which are as many as it says and have its checksum.
    pub(crate) fn read(&self, number: u32, most_bytes: u64) -> Result<Vec<u8>, FileFault> {
        let member = &self.directory.members[number as usize];
        let say = |what: &str| self.damaged(number, what);
        if let Some(what) = member.unreadable() {
            return Err(say(&what));
        }
        if member.size > most_bytes {
            return Err(FileFault::TooLarge(member.size));
        }
        let start = self.start_of_data(number, member)?;
        let bytes = if member.is_deflated() {
            self.inflate(member, start)
                .map_err(|wrong| wrong.put(say))?
        } else {
            let mut bytes = vec![0; usize::try_from(member.size).map_err(|_| say("too large"))?];
            read_at(&self.file, &mut bytes, start)?;
            bytes
        };
        match crc32fast::hash(&bytes) == member.checksum {
            true => Ok(bytes),
            false => Err(say("its bytes are not those of its checksum")),
        }
    }

    fn damaged(&self, number: u32, what: &str) -> FileFault {
        let name = String::from_utf8_lossy(self.directory.names.name(number));
        FileFault::Damaged(format!(
            "the member `{}` cannot be read: {what}",
            shown(&name)
        ))
    }

    /// Where a member's data begin: behind the header that stands before them, which has to say what the directory says.
    fn start_of_data(&self, number: u32, member: &Member) -> Result<u64, FileFault> {
        let say = |what: &str| self.damaged(number, what);
        let mut header = [0; LOCAL_HEADER as usize];
        read_at(&self.file, &mut header, member.offset)?;
        let (name, extra) = (u16_at(&header, 26), u16_at(&header, 28));
        let is_same = header.starts_with(b"PK\x03\x04")
            && u16_at(&header, 8) == member.method
            && u64::from(name) == u64::from(member.name_length);
        if !is_same {
            return Err(say("its header is not the one of the directory"));
        }
        let mut written = vec![0; usize::from(name)];
        read_at(&self.file, &mut written, member.offset + LOCAL_HEADER)?;
        if crc32fast::hash(&written) != member.name_checksum {
            return Err(say("its header has another name than the directory"));
        }
        let start = member.offset + LOCAL_HEADER + u64::from(name) + u64::from(extra);
        match start.checked_add(member.packed) {
            Some(end) if end <= self.directory.start => Ok(start),
            _ => Err(say("it reaches into the directory")),
        }
    }

    /// Inflates a member into as many bytes as it says, and no more.
    fn inflate(&self, member: &Member, start: u64) -> Result<Vec<u8>, Wrong> {
        let size = usize::try_from(member.size).map_err(|_| Wrong::Says("too large"))?;
        let mut out = Vec::with_capacity(size + 1);
        let mut inflater = Decompress::new(false);
        let mut piece = Vec::new();
        let mut at = 0;
        loop {
            let length = PIECE.min(member.packed - at);
            #[expect(clippy::cast_possible_truncation, reason = "at most a piece")]
            piece.resize(length as usize, 0);
            read_at(&self.file, &mut piece, start + at).map_err(Wrong::Fault)?;
            let before = inflater.total_in();
            let mut status = Status::Ok;
            while status == Status::Ok {
                let read = inflater.total_in() - before;
                #[expect(clippy::cast_possible_truncation, reason = "at most a piece")]
                let rest = &piece[read as usize..];
                let made = out.len();
                status = inflater
                    .decompress_vec(rest, &mut out, FlushDecompress::None)
                    .map_err(|_| Wrong::Says("its compressed data are damaged"))?;
                if out.len() > size {
                    return Err(Wrong::Says("it has more bytes than it says"));
                }
                let nothing = inflater.total_in() - before == read && out.len() == made;
                if nothing {
                    break;
                }
            }
            at += length;
            let all_read = inflater.total_in() == member.packed;
            match (status, at == member.packed) {
                (Status::StreamEnd, _) if all_read && out.len() == size => return Ok(out),
                (Status::StreamEnd, _) => {
                    return Err(Wrong::Says("its data end where it does not say"));
                }
                (_, true) => return Err(Wrong::Says("its compressed data are cut")),
                _ if inflater.total_in() < at => {
                    return Err(Wrong::Says("it has more bytes than it says"));
                }
                _ => {}
            }
        }
    }
}

/// What is wrong with a member whose name is not known yet.
enum Wrong {
    Says(&'static str),
    Fault(FileFault),
}

impl Wrong {
    fn put(self, say: impl Fn(&str) -> FileFault) -> FileFault {
        match self {
            Self::Says(what) => say(what),
            Self::Fault(fault) => fault,
        }
    }
}
