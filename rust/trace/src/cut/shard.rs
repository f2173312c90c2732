//! Tar shards in WebDataset's form: members of one key, one after the other, are a row.

mod name;

use std::collections::HashSet;
use std::sync::OnceLock;

use octomed_tar::{self as tar, Extension, Kind, Member};
use xxhash_rust::xxh3::xxh3_128;

use crate::block::{Block, Content, too_large};
use crate::error::TraceError;
use crate::limits::{DEFAULT_MAX_ROW_BYTES, MAX_BLOCK_ROWS};
use crate::mapping::Mapping;
use crate::picture;
use crate::reason::Reason;
use crate::shard_rows::{OBJECT, ShardRows, is_picture_name};
use crate::value::utf8;

use name::{LONGEST_NAME, Named, named};

/// Members that a row has at most.
const MOST_MEMBERS: usize = 1024;

/// A block is cut as well when all that it holds passes this many times the target.
const HELD_TARGETS: u64 = 2;

/// Cuts a tar archive into blocks; a task is the whole archive, uncompressed.
///
/// A member's key is its name up to the first dot behind the last `/`, and what follows that dot, in small letters, is its
/// column, as the `webdataset` library has it. Members of one key that follow one another are a row, in whatever order
/// they are; a key that comes again later is an error of the archive, because a row would be two. The keys of a member
/// `json` are columns; others are texts, or bytes of images. Folders, names without a key and names below `__any__` are
/// passed over, as the library does. A link, a device and a sparse member refuse their row: nothing but the archive's
/// own bytes is read. Names are looked up nowhere, so that `..` in one means nothing.
///
/// Positions are numbers of rows. An archive without its end, two blocks of zeros of which one is enough, is cut off.
#[derive(Debug)]
pub struct ShardCutter {
    mapping: Mapping,
    target: u64,
    max_row_bytes: u64,
    reading: Reading,
    /// Bytes until what is read ends.
    to_come: u64,
    /// Bytes that fill up the last block of what is read.
    padding: u64,
    /// Offset of the next byte in the archive.
    at: u64,
    /// A header, or the data of an extension.
    gathered: Vec<u8>,
    /// The header of the extension whose data are read.
    header: Vec<u8>,
    extension: Extension,
    /// The key of the row that is open.
    key: Option<Vec<u8>>,
    /// Hashes of the keys that were there.
    seen: HashSet<u128>,
    held: ShardRows,
    /// The next row's number.
    row: u64,
    /// Rows of the block to come.
    rows_held: u64,
    /// Where the row that is open begins in the archive.
    row_begin: u64,
    /// Bytes of its members that the mapping reads.
    row_bytes: u64,
    row_image_bytes: u64,
    source_bytes: u64,
    image_bytes: u64,
    largest_row: u64,
}

/// What the next bytes of the archive are.
#[derive(Debug)]
enum Reading {
    Header,
    Extension,
    /// Blocks with lists of holes, behind which data of this length follow.
    Holes(u64),
    /// A member: its column, where its bytes begin, and whether the mapping reads it.
    Member {
        column: String,
        start: usize,
        is_wanted: bool,
    },
    Skipped,
    Padding,
    End,
}

impl ShardCutter {
    /// A cutter for a whole archive. A block is cut when its rows reach `target` bytes of the archive.
    pub fn new(mapping: &Mapping, target: u64) -> Self {
        Self {
            mapping: mapping.clone(),
            target,
            max_row_bytes: DEFAULT_MAX_ROW_BYTES,
            reading: Reading::Header,
            to_come: tar::BLOCK,
            padding: 0,
            at: 0,
            gathered: Vec::new(),
            header: Vec::new(),
            extension: Extension::default(),
            key: None,
            seen: HashSet::new(),
            held: ShardRows::default(),
            row: 0,
            rows_held: 0,
            row_begin: 0,
            row_bytes: 0,
            row_image_bytes: 0,
            source_bytes: 0,
            image_bytes: 0,
            largest_row: 0,
        }
    }

    /// The same cutter with another limit on the bytes of a row.
    #[must_use]
    pub fn with_max_row_bytes(mut self, limit: u64) -> Self {
        self.max_row_bytes = limit;
        self
    }

    /// Rows so far, refused ones and the one that is being read counted.
    pub fn rows(&self) -> u64 {
        self.row
    }

    /// Takes the next bytes of the archive and gives the blocks that they complete.
    ///
    /// # Errors
    /// [`TraceError::Archive`], [`TraceError::ScatteredKey`].
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<Vec<Block>, TraceError> {
        let mut blocks = Vec::new();
        while !chunk.is_empty() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "at most the length of the chunk"
            )]
            let length = self.to_come.min(chunk.len() as u64) as usize;
            let (part, rest) = chunk.split_at(length);
            chunk = rest;
            self.take(part)?;
            self.to_come -= part.len() as u64;
            self.at += part.len() as u64;
            while self.to_come == 0 {
                blocks.extend(self.ended()?);
            }
        }
        Ok(blocks)
    }

    /// Ends the archive and gives the last block.
    ///
    /// # Errors
    /// [`TraceError::Archive`] when it is cut off.
    pub fn finish(&mut self) -> Result<Option<Block>, TraceError> {
        if !matches!(self.reading, Reading::End) {
            return Err(self.fault("it ends without the zeros at its end: the file is cut off"));
        }
        Ok(self.cut())
    }

    fn fault(&self, message: &'static str) -> TraceError {
        TraceError::Archive {
            at: self.at,
            message,
        }
    }

    fn take(&mut self, part: &[u8]) -> Result<(), TraceError> {
        match &self.reading {
            Reading::Header | Reading::Extension | Reading::Holes(_) => {
                self.gathered.extend_from_slice(part);
            }
            Reading::Member { .. } => self.held.extend(part),
            Reading::Skipped | Reading::Padding => {}
            Reading::End => {
                if let Some(behind) = part.iter().position(|byte| *byte != 0) {
                    self.at += behind as u64;
                    let what = "something stands behind its end, as where two archives were put into one file";
                    return Err(self.fault(what));
                }
            }
        }
        Ok(())
    }

    /// Goes on behind what was read.
    fn ended(&mut self) -> Result<Option<Block>, TraceError> {
        let gathered = std::mem::take(&mut self.gathered);
        match std::mem::replace(&mut self.reading, Reading::Skipped) {
            Reading::Header => return self.header(gathered),
            Reading::Extension => {
                let read = self.extension.read(&self.header, &gathered);
                read.ok_or_else(|| self.fault("a list of attributes is damaged"))?;
            }
            Reading::Holes(left) if tar::more_holes_follow(&gathered) => {
                self.read(Reading::Holes(left), tar::BLOCK, 0);
                return Ok(None);
            }
            Reading::Holes(left) => {
                self.read(Reading::Skipped, left, padding_of(left));
                return Ok(None);
            }
            Reading::Member {
                column,
                start,
                is_wanted,
            } => self.end_member(&column, start, is_wanted),
            Reading::Padding => {
                self.read(Reading::Header, tar::BLOCK, 0);
                return Ok(None);
            }
            Reading::Skipped | Reading::End => {}
        }
        let padding = self.padding;
        self.read(Reading::Padding, padding, 0);
        Ok(None)
    }

    fn read(&mut self, reading: Reading, to_come: u64, padding: u64) {
        self.reading = reading;
        self.to_come = to_come;
        self.padding = padding;
    }

    fn header(&mut self, header: Vec<u8>) -> Result<Option<Block>, TraceError> {
        if tar::is_end(&header) {
            let block = self.end_row();
            self.read(Reading::End, u64::MAX, 0);
            return Ok(block);
        }
        let no_size = "a header has no size";
        if !tar::is_header(&header) {
            return Err(self.fault("a header is not one, or has another checksum than it says"));
        }
        if Extension::is_one(&header) {
            let size = tar::size_of(&header).ok_or_else(|| self.fault(no_size))?;
            if size > tar::LONGEST_EXTENSION {
                return Err(self.fault("a name or its attributes are longer than a MiB"));
            }
            self.header = header;
            self.read(Reading::Extension, size, padding_of(size));
            return Ok(None);
        }
        let extension = std::mem::take(&mut self.extension);
        let member = Member::of(&header, extension).ok_or_else(|| self.fault(no_size))?;
        if member.name.len() > LONGEST_NAME || member.size > u64::MAX / 2 {
            return Err(self.fault("a name or a size is larger than any file's"));
        }
        let block = self.member(&member)?;
        if tar::holes_follow(&header) {
            self.read(Reading::Holes(member.size), tar::BLOCK, 0);
        }
        Ok(block)
    }

    /// Begins a member, and with it perhaps a row.
    fn member(&mut self, member: &Member) -> Result<Option<Block>, TraceError> {
        let size = member.size;
        self.read(Reading::Skipped, size, padding_of(size));
        let Some(Named { key, column }) =
            named(&member.name).filter(|_| member.kind != Kind::Folder)
        else {
            return Ok(None);
        };
        let block = self.begin_row(key)?;
        if self.held.is_refused() {
            return Ok(block);
        }
        if self.held.members_of_last() >= MOST_MEMBERS {
            let detail = format!("the row has more than {MOST_MEMBERS} members");
            self.held.refuse(Reason::RowTooLarge, detail);
            return Ok(block);
        }
        if member.kind != Kind::File {
            let what = match member.kind {
                Kind::HardLink | Kind::Link => "a link",
                Kind::Device => "a device or a pipe",
                Kind::Sparse => "a file with holes",
                Kind::File | Kind::Folder | Kind::Other => "of a kind of its own",
            };
            let detail = format!("the member `{column}` is {what}, which is not read");
            self.held.refuse(Reason::WrongType, detail);
            return Ok(block);
        }
        self.begin_member(column, size);
        Ok(block)
    }

    fn begin_member(&mut self, column: String, size: u64) {
        let key = self.mapping.keys.iter().position(|key| *key == column);
        let is_wanted = key.is_some() || column == OBJECT;
        let start = self.held.end();
        if is_wanted {
            self.row_bytes = self.row_bytes.saturating_add(size);
            if key.is_some_and(|key| self.mapping.image_keys.contains(&key)) {
                self.row_image_bytes += size;
            }
            if self.row_bytes > self.max_row_bytes {
                let fault = too_large(self.row_bytes);
                self.held.refuse(fault.reason, fault.detail);
                return;
            }
        } else if !self.mapping.searches_pictures_in(&column) || size > self.max_row_bytes {
            // What is too large to be looked at is a picture where its name says so.
            if self.mapping.searches_pictures_in(&column) && is_picture_name(&column) {
                let hash = picture::hash(0, &size.to_le_bytes());
                self.held.add_picture(&column, hash);
            }
            self.held.end_member(&column, start, false);
            return;
        }
        let reading = Reading::Member {
            column,
            start,
            is_wanted,
        };
        self.read(reading, size, padding_of(size));
    }

    fn end_member(&mut self, column: &str, start: usize, is_wanted: bool) {
        if !is_wanted {
            let bytes = self.held.open_bytes(start);
            let is_named = is_picture_name(column);
            let is_picture = match utf8(bytes) {
                Ok(text) => picture::is_picture_text(text, is_named),
                Err(_) => picture::is_picture_bytes(bytes, is_named),
            };
            if is_picture {
                let hash = picture::hash(0, bytes);
                self.held.add_picture(column, hash);
            }
        }
        if self.held.end_member(column, start, is_wanted) {
            let detail = format!("the row has two members `{column}`");
            self.held.refuse(Reason::DuplicateKey, detail);
        }
    }

    /// Ends the row of another key, and begins one of this.
    fn begin_row(&mut self, key: &[u8]) -> Result<Option<Block>, TraceError> {
        if self.key.as_deref() == Some(key) {
            return Ok(None);
        }
        let block = self.end_row();
        if !self.seen.insert(xxh3_128(key)) {
            return Err(TraceError::ScatteredKey {
                key: String::from_utf8_lossy(key).escape_debug().to_string(),
            });
        }
        self.key = Some(key.to_vec());
        self.row_begin = self.at;
        self.held.begin_row(self.row, key);
        self.row += 1;
        self.rows_held += 1;
        Ok(block)
    }

    fn end_row(&mut self) -> Option<Block> {
        self.key.take()?;
        let bytes = std::mem::take(&mut self.row_bytes);
        let of_images = std::mem::take(&mut self.row_image_bytes);
        self.source_bytes += self.at - self.row_begin;
        if !self.held.is_refused() {
            self.image_bytes += of_images;
            self.largest_row = self.largest_row.max(bytes - of_images);
        }
        let is_full = self.source_bytes >= self.target
            || self.rows_held >= MAX_BLOCK_ROWS as u64
            || self.held.bytes_held() >= self.target.saturating_mul(HELD_TARGETS);
        is_full.then(|| self.cut()).flatten()
    }

    fn cut(&mut self) -> Option<Block> {
        let rows = std::mem::take(&mut self.rows_held);
        let held = std::mem::take(&mut self.held);
        (rows > 0).then(|| Block {
            content: Content::Shard(held),
            rows,
            largest_row: std::mem::take(&mut self.largest_row),
            image_bytes: std::mem::take(&mut self.image_bytes),
            source_bytes: std::mem::take(&mut self.source_bytes),
            first_ordinal: self.row - rows,
            end_position: self.row,
            given: OnceLock::new(),
        })
    }
}

/// Bytes that fill up the last block of data.
fn padding_of(size: u64) -> u64 {
    size.next_multiple_of(tar::BLOCK) - size
}
