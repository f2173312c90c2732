//! The directory of a `.zip`: which members it has, and where.

use std::fs::File;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::FileFault;
use crate::names::Names;
use crate::read::read_at;

/// The bytes of the header before each member's data, but for name and extra fields.
pub(crate) const LOCAL_HEADER: u64 = 30;
const ENTRY: usize = 46;
const END: usize = 22;
const LOCATOR: u64 = 20;
const END_64: usize = 56;

/// The longest directory that is read: tens of millions of members.
const LONGEST_DIRECTORY: u64 = 1 << 31;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// What a directory says of a member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) offset: u64,
    pub(crate) packed: u64,
    pub(crate) size: u64,
    pub(crate) checksum: u32,
    pub(crate) method: u16,
    pub(crate) name_length: u16,
    /// The CRC of the name as both headers write it.
    pub(crate) name_checksum: u32,
    flags: u16,
    /// Whether it begins before the member before it ends.
    overlaps: bool,
    is_link: bool,
}

/// A directory in memory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) names: Names,
    pub(crate) members: Vec<Member>,
    /// Where the directory begins, and no member's data reach.
    pub(crate) start: u64,
    /// The hash of its bytes.
    pub(crate) hash: u64,
}

/// Where the directory is.
#[derive(Clone, Copy, Debug)]
struct Extent {
    entries: u64,
    size: u64,
    /// Where it says that it begins.
    offset: u64,
    /// Where it ends.
    end: u64,
}

impl Member {
    pub(crate) fn is_deflated(&self) -> bool {
        self.method == DEFLATED
    }

    /// Why its data cannot be read, whatever they are.
    pub(crate) fn unreadable(&self) -> Option<String> {
        let what = if self.flags & 0x2041 != 0 {
            "it is encrypted"
        } else if self.flags & 0x20 != 0 {
            "it is a patch of another file"
        } else if self.overlaps {
            "it overlaps another member"
        } else if self.is_link {
            "it is a link"
        } else if self.method == STORED && self.packed != self.size {
            "it says two sizes"
        } else {
            let name = match self.method {
                STORED | DEFLATED => return None,
                1 => "shrink",
                2..=5 => "reduce",
                6 => "implode",
                9 => "deflate64",
                12 => "bzip2",
                14 => "lzma",
                20 | 93 => "zstd",
                95 => "xz",
                96 => "a variant of jpeg",
                98 => "ppmd",
                99 => "AES encryption",
                other => {
                    return Some(format!(
                        "it is compressed by method {other}, which is not read"
                    ));
                }
            };
            return Some(format!(
                "it is compressed by {name}; `stored` and `deflate` are read"
            ));
        };
        Some(what.to_owned())
    }
}

impl Directory {
    pub(crate) fn read(file: &File) -> Result<Self, FileFault> {
        let length = file.metadata().map_err(FileFault::Io)?.len();
        let extent = find(file, length)?;
        let start = extent.end.checked_sub(extent.size);
        let start = start.ok_or_else(|| damaged("its directory is longer than the archive"))?;
        // Something may stand before the archive, as in those that unpack themselves.
        let before = start.checked_sub(extent.offset);
        let before = before.ok_or_else(|| damaged("its directory is not where it says"))?;
        if extent.size > LONGEST_DIRECTORY {
            return Err(damaged("its directory is larger than 2 GiB"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 2 GiB")]
        let mut bytes = vec![0; extent.size as usize];
        read_at(file, &mut bytes, start)?;
        let mut directory = Self {
            names: Names::default(),
            members: Vec::new(),
            start,
            hash: xxh3_64(&bytes),
        };
        let mut rest = bytes.as_slice();
        let mut entries = 0;
        while !rest.is_empty() {
            rest = directory.push(rest, before)?;
            entries += 1;
        }
        // Of an old archive with more than 65,535 members only the last bits are there.
        if entries != extent.entries && (entries & 0xFFFF) != extent.entries {
            return Err(damaged(
                "its directory has another number of members than it says",
            ));
        }
        directory.names.sort();
        directory.mark_overlaps();
        Ok(directory)
    }

    /// Adds the first entry; gives the rest.
    fn push<'b>(&mut self, bytes: &'b [u8], before: u64) -> Result<&'b [u8], FileFault> {
        let cut = || damaged("its directory is cut");
        let head = bytes.get(..ENTRY).ok_or_else(cut)?;
        if !head.starts_with(b"PK\x01\x02") {
            return Err(damaged("its directory has an entry that is none"));
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(head, at)));
        let rest = bytes
            .get(ENTRY + name + extra + comment..)
            .ok_or_else(cut)?;
        let (name, fields) = (&bytes[ENTRY..ENTRY + name], &bytes[ENTRY + name..][..extra]);
        let flags = u16_at(head, 8);
        let mut written = name_of(name, fields, flags);
        if head[5] == 0 {
            // Of DOS: some tools write its backslashes, against the format.
            written
                .iter_mut()
                .filter(|byte| **byte == b'\\')
                .for_each(|byte| *byte = b'/');
        }
        if written.ends_with(b"/") {
            return Ok(rest);
        }
        let mut member = Member {
            offset: u64::from(u32_at(head, 42)),
            packed: u64::from(u32_at(head, 20)),
            size: u64::from(u32_at(head, 24)),
            checksum: u32_at(head, 16),
            method: u16_at(head, 10),
            name_length: u16_at(head, 28),
            name_checksum: crc32fast::hash(name),
            flags,
            overlaps: false,
            is_link: head[5] == 3 && u32_at(head, 38) >> 28 == 0xA,
        };
        member
            .widen(fields)
            .ok_or_else(|| damaged("its directory has a size that is cut"))?;
        let offset = member.offset.checked_add(before);
        let offset = offset.filter(|offset| *offset < self.start);
        member.offset = offset.ok_or_else(|| damaged("a member begins behind the directory"))?;
        self.members.push(member);
        match self.names.push(&written) {
            true => Ok(rest),
            false => Err(damaged("it has more than four billion members")),
        }
    }

    /// Marks members that share bytes: of a sound archive none do, of a bomb all.
    fn mark_overlaps(&mut self) {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_unstable_by_key(|number| self.members[*number].offset);
        let mut reached = (0, None);
        for number in order {
            let member = &mut self.members[number];
            let own = LOCAL_HEADER + u64::from(member.name_length);
            let end = member
                .offset
                .saturating_add(own)
                .saturating_add(member.packed);
            if member.offset < reached.0 {
                member.overlaps = true;
                if let Some(other) = reached.1 {
                    self.members[other as usize].overlaps = true;
                }
            }
            if end > reached.0 {
                reached = (end, Some(number as u64));
            }
        }
    }
}

impl Member {
    /// Takes sizes and place of 64 bits out of the extra fields where the entry has none.
    fn widen(&mut self, fields: &[u8]) -> Option<()> {
        let wide = [&mut self.size, &mut self.packed, &mut self.offset];
        let mut wide = wide
            .into_iter()
            .filter(|value| **value == 0xFFFF_FFFF)
            .peekable();
        if wide.peek().is_none() {
            return Some(());
        }
        let Some(mut field) = extra_field(fields, 1) else {
            return Some(());
        };
        for value in wide {
            let (first, rest) = field.split_first_chunk::<8>()?;
            *value = u64::from_le_bytes(*first);
            field = rest;
        }
        Some(())
    }
}

/// Finds the directory by the record at the end of the file.
fn find(file: &File, length: u64) -> Result<Extent, FileFault> {
    let none =
        || damaged("it has no directory at its end, as a file has that was not fetched to its end");
    let tail_length = length.min(END as u64 + 0xFFFF);
    #[expect(clippy::cast_possible_truncation, reason = "at most 65,557")]
    let mut tail = vec![0; tail_length as usize];
    read_at(file, &mut tail, length - tail_length)?;
    let is_end = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(b"PK\x05\x06") && usize::from(u16_at(record, 20)) == record.len() - END
    };
    let last = tail.len().checked_sub(END).ok_or_else(none)?;
    let at = (0..=last).rev().find(is_end).ok_or_else(none)?;
    let record = &tail[at..];
    let place = length - tail_length + at as u64;
    if let Some(wide) = find_64(file, place)? {
        return Ok(wide);
    }
    let is_one_of_many = u16_at(record, 4) != 0 || u16_at(record, 6) != 0;
    if is_one_of_many {
        return Err(damaged("it is one of several parts"));
    }
    Ok(Extent {
        entries: u64::from(u16_at(record, 10)),
        size: u64::from(u32_at(record, 12)),
        offset: u64::from(u32_at(record, 16)),
        end: place,
    })
}

/// The same of an archive of more than 4 GiB or 65,535 members.
fn find_64(file: &File, place: u64) -> Result<Option<Extent>, FileFault> {
    let Some(locator_at) = place.checked_sub(LOCATOR) else {
        return Ok(None);
    };
    let mut locator = [0; LOCATOR as usize];
    read_at(file, &mut locator, locator_at)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // Where something stands before the archive, the record is not where the locator says, but before the locator.
    let said = u64_at(&locator, 8);
    let near = locator_at.checked_sub(END_64 as u64);
    for at in [Some(said), near]
        .into_iter()
        .flatten()
        .filter(|at| *at < locator_at)
    {
        let mut record = [0; END_64];
        if locator_at - at < END_64 as u64 {
            continue;
        }
        read_at(file, &mut record, at)?;
        if record.starts_with(b"PK\x06\x06") {
            return Ok(Some(Extent {
                entries: u64_at(&record, 32),
                size: u64_at(&record, 40),
                offset: u64_at(&record, 48),
                end: at,
            }));
        }
    }
    Err(damaged("its directory is not where it says"))
}

/// A member's name as UTF-8: as it is where it is that, else out of the field that has it, else by the code page of DOS.
fn name_of(name: &[u8], fields: &[u8], flags: u16) -> Vec<u8> {
    if flags & 0x800 == 0 && !name.is_ascii() {
        let unicode = extra_field(fields, 0x7075).and_then(|field| field.split_first_chunk::<5>());
        if let Some(([1, checksum @ ..], unicode)) = unicode
            && u32::from_le_bytes(*checksum) == crc32fast::hash(name)
        {
            return unicode.to_vec();
        }
    }
    match std::str::from_utf8(name) {
        Ok(_) => name.to_vec(),
        Err(_) => name
            .iter()
            .map(|byte| letter_of_dos(*byte))
            .collect::<String>()
            .into_bytes(),
    }
}

/// The upper half of code page 437.
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

fn letter_of_dos(byte: u8) -> char {
    let upper = byte.checked_sub(128).map(usize::from);
    let letter = upper.and_then(|place| UPPER.chars().nth(place));
    letter.unwrap_or(char::from(byte))
}

fn extra_field(mut fields: &[u8], wanted: u16) -> Option<&[u8]> {
    while fields.len() >= 4 {
        let (number, length) = (u16_at(fields, 0), usize::from(u16_at(fields, 2)));
        let field = fields.get(4..4 + length)?;
        if number == wanted {
            return Some(field);
        }
        fields = &fields[4 + length..];
    }
    None
}

fn damaged(what: &str) -> FileFault {
    FileFault::Damaged(what.to_owned())
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
