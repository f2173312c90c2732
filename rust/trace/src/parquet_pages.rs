//! The page headers of a Parquet column chunk, read before anything is allocated for the pages: how large they are,
//! and how many bytes a value may have once it is decoded.
//!
//! Only the numbers that bound memory are looked at, in Thrift's compact protocol. A chunk that cannot be walked
//! to its end gives what was found: what is wrong with it, its reader says.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes in which a header is looked for first, and at most: statistics may stand in it.
const HEADER_BYTES: usize = 1 << 10;
const MAX_HEADER_BYTES: usize = 16 << 20;

/// The kinds of pages.
const DATA_PAGE: i64 = 0;
const DICTIONARY_PAGE: i64 = 2;
const DATA_PAGE_V2: i64 = 3;

/// Encodings of values that stand in a dictionary, and of values that share bytes with the one before.
const DICTIONARY_ENCODINGS: [i64; 2] = [2, 8];
const DELTA_BYTE_ARRAY: i64 = 7;

/// What the pages of a column chunk need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkPages {
    /// Bytes of the largest page, as it is stored or uncompressed.
    pub largest_page: u64,
    /// Values of the page that has most.
    pub most_values: u64,
    /// The most bytes that a value has on average of a page, where its values stand in the page.
    pub bytes_a_value: u64,
    /// Whether values stand in the dictionary.
    pub uses_dictionary: bool,
    /// Where the dictionary's bytes begin, and how many they are, stored and uncompressed.
    pub dictionary: Option<[u64; 3]>,
}

/// Walks over the pages of a chunk of `values` values that begins at byte `offset` of the file.
///
/// # Errors
/// When the file cannot be read.
pub fn chunk_pages(file: &File, offset: u64, values: u64) -> io::Result<ChunkPages> {
    let mut pages = ChunkPages::default();
    let (mut at, mut seen) = (offset, 0);
    while seen < values {
        let Some((length, header)) = header_at(file, at)? else {
            break;
        };
        at = at.saturating_add(length).saturating_add(header.stored);
        seen += pages.add(at - header.stored, &header);
    }
    Ok(pages)
}

impl ChunkPages {
    /// Takes a page in whose bytes begin at `begin`; gives its values.
    fn add(&mut self, begin: u64, page: &PageHeader) -> u64 {
        let size = page.stored.max(page.uncompressed);
        self.largest_page = self.largest_page.max(size);
        if page.kind == DICTIONARY_PAGE {
            self.dictionary = Some([begin, page.stored, page.uncompressed]);
            return 0;
        }
        if page.kind != DATA_PAGE && page.kind != DATA_PAGE_V2 {
            return 0;
        }
        self.most_values = self.most_values.max(page.values);
        let each = match page.encoding {
            encoding if DICTIONARY_ENCODINGS.contains(&encoding) => {
                self.uses_dictionary = true;
                0
            }
            // A value may be the whole of the one before it.
            DELTA_BYTE_ARRAY => size,
            _ => size.div_ceil(page.values.max(1)),
        };
        self.bytes_a_value = self.bytes_a_value.max(each);
        page.values
    }
}

/// The length of the longest text in a dictionary of texts: each has its length before it.
pub fn longest_text(dictionary: &[u8]) -> u64 {
    let (mut rest, mut longest) = (dictionary, 0);
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(u64::from(length));
        rest = behind.get(length as usize..).unwrap_or_default();
    }
    longest.min(dictionary.len() as u64)
}

/// What a page says of itself.
#[derive(Clone, Copy, Debug, Default)]
struct PageHeader {
    kind: i64,
    stored: u64,
    uncompressed: u64,
    values: u64,
    encoding: i64,
}

/// The header at `at`, and its length; nothing where there is none.
fn header_at(file: &File, at: u64) -> io::Result<Option<(u64, PageHeader)>> {
    let mut length = HEADER_BYTES;
    loop {
        let mut bytes = vec![0; length];
        let read = read_at(file, &mut bytes, at)?;
        bytes.truncate(read);
        let mut reader = Compact {
            bytes: &bytes,
            at: 0,
        };
        if let Some(header) = page_header(&mut reader) {
            return Ok(Some((reader.at as u64, header)));
        }
        if read < length || length >= MAX_HEADER_BYTES {
            return Ok(None);
        }
        length *= 16;
    }
}

fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at.saturating_add(read as u64))? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

fn page_header(reader: &mut Compact<'_>) -> Option<PageHeader> {
    let mut header = PageHeader::default();
    reader.fields(0, |reader, field, kind| {
        match (field, kind) {
            (1, INTEGER) => header.kind = reader.integer()?,
            (2, INTEGER) => header.uncompressed = u64::try_from(reader.integer()?).ok()?,
            (3, INTEGER) => header.stored = u64::try_from(reader.integer()?).ok()?,
            (5 | 8, STRUCT) => {
                // The encoding is the second field of a page's first version, and the fourth of its second.
                let encoding = if field == 5 { 2 } else { 4 };
                reader.fields(1, |reader, inner, kind| match (inner, kind) {
                    (1, INTEGER) => {
                        header.values = u64::try_from(reader.integer()?).ok()?;
                        Some(())
                    }
                    (inner, INTEGER) if inner == encoding => {
                        header.encoding = reader.integer()?;
                        Some(())
                    }
                    _ => reader.skip(kind, 1),
                })?;
            }
            _ => reader.skip(kind, 0)?,
        }
        Some(())
    })?;
    Some(header)
}

/// Types of Thrift's compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const SHORT: u8 = 4;
const INTEGER: u8 = 5;
const LONG: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

const MAX_DEPTH: u32 = 16;

/// Thrift's compact protocol.
struct Compact<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Calls `each` for every field of a struct: its number and its type.
    fn fields(
        &mut self,
        depth: u32,
        mut each: impl FnMut(&mut Self, i64, u8) -> Option<()>,
    ) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut field = 0;
        loop {
            let byte = self.byte()?;
            if byte == 0 {
                return Some(());
            }
            field = match byte >> 4 {
                0 => self.integer()?,
                step => field + i64::from(step),
            };
            each(self, field, byte & 0xf)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        match kind {
            TRUE | FALSE => {}
            BYTE => self.pass(1)?,
            SHORT | INTEGER | LONG => {
                self.varint()?;
            }
            DOUBLE => self.pass(8)?,
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.pass(length)?;
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    count => u64::from(count),
                };
                let kind = head & 0xf;
                for _ in 0..count {
                    match kind {
                        TRUE | FALSE => self.pass(1)?,
                        kind => self.skip(kind, depth + 1)?,
                    }
                }
            }
            STRUCT => self.fields(depth + 1, |reader, _, kind| reader.skip(kind, depth + 1))?,
            _ => return None,
        }
        Some(())
    }

    fn pass(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes)?;
        (self.at <= self.bytes.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// A data page of `values` values and 100 bytes, uncompressed 200.
    fn page(kind: u8, values: u8, encoding: u8) -> Vec<u8> {
        let number = |value: u8| {
            [
                value << 1 & 0x7f | if value > 63 { 0x80 } else { 0 },
                value >> 6,
            ]
        };
        let mut bytes = vec![0x15, kind << 1, 0x15];
        bytes.extend(number(200));
        bytes.push(0x15);
        bytes.extend(number(100));
        bytes.extend([0x2c, 0x15, values << 1, 0x15, encoding << 1, 0, 0]);
        bytes.extend([7; 100]);
        bytes
    }

    #[test]
    fn pages_say_how_large_they_are() {
        let bytes = [page(0, 10, 0), page(0, 50, 8)].concat();
        let pages = chunk_pages(&file(&bytes), 0, 60).unwrap();
        let expected = ChunkPages {
            largest_page: 200,
            most_values: 50,
            bytes_a_value: 20,
            uses_dictionary: true,
            dictionary: None,
        };
        assert_eq!(pages, expected);
    }

    #[test]
    fn a_value_may_be_as_long_as_its_page_where_it_shares_bytes_with_the_one_before() {
        let pages = chunk_pages(&file(&page(0, 10, 7)), 0, 10).unwrap();
        assert_eq!(pages.bytes_a_value, 200);
    }

    #[test]
    fn the_longest_text_of_a_dictionary_is_found() {
        assert_eq!(longest_text(b"\x01\0\0\0a\x03\0\0\0abc\x02\0\0\0ab"), 3);
        assert_eq!(longest_text(b"\xff\xff\xff\xffabc"), 7);
        assert_eq!(longest_text(b""), 0);
    }

    proptest! {
        #[test]
        fn whatever_stands_there_ends(bytes in prop::collection::vec(any::<u8>(), 0..300), values: u64) {
            let _ = chunk_pages(&file(&bytes), 0, values).unwrap();
            let _ = longest_text(&bytes);
        }
    }
}
