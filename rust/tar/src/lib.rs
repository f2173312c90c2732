//! Headers of tar archives, as ustar, GNU tar and pax write them: what each member is called, how long it is and of
//! what kind. Nothing is read here: whoever has the bytes, of a file or of a stream, hands in blocks of 512.
//!
//! ```
//! let mut block = vec![0; 512];
//! assert!(octomed_tar::is_end(&block) && !octomed_tar::is_header(&block));
//! ```

/// Archives are made of blocks of this size: a header is one, and data fill up their last one.
pub const BLOCK: u64 = 512;

/// The longest name, or list of attributes, that is read.
pub const LONGEST_EXTENSION: u64 = 1 << 20;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, whose data follow.
    File,
    /// A folder.
    Folder,
    /// The same file as an earlier member.
    HardLink,
    /// A symbolic link.
    Link,
    /// A device or a pipe.
    Device,
    /// A file with holes, of which the archive has the rest.
    Sparse,
    /// Something that only the program knows which wrote it.
    Other,
}

/// What a header says, with the extensions before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, as it stands there.
    pub name: Vec<u8>,
    /// What it links to.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Bytes of data that follow the header.
    pub size: u64,
}

/// What headers before a member's own say of it.
#[derive(Clone, Debug, Default)]
pub struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

impl Extension {
    /// Whether the header is one of these, and its data say something of the member to come.
    pub fn is_one(header: &[u8]) -> bool {
        matches!(kind_byte(header), b'L' | b'K' | b'x' | b'g')
    }

    /// Takes the data of such a header; nothing where they are damaged.
    pub fn read(&mut self, header: &[u8], data: &[u8]) -> Option<()> {
        match kind_byte(header) {
            b'L' => self.name = Some(until_zero(data).to_vec()),
            b'K' => self.link = Some(until_zero(data).to_vec()),
            b'x' => self.read_attributes(data)?,
            _ => {} // of all members: nothing of it says where one is
        }
        Some(())
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

impl Member {
    /// What a header says, and the extensions before it; nothing where it has no size.
    pub fn of(header: &[u8], extension: Extension) -> Option<Self> {
        let own = size_of(header)?;
        let name = extension.name.unwrap_or_else(|| name_of(header));
        let size = extension.size.unwrap_or(own);
        let is_folder = name.ends_with(b"/");
        let (kind, size) = match kind_byte(header) {
            byte if extension.is_sparse || byte == b'S' => (Kind::Sparse, size),
            b'0' | 0 | b'7' if !is_folder => (Kind::File, size),
            b'1' => (Kind::HardLink, 0),
            b'2' => (Kind::Link, 0),
            b'0' | 0 | b'7' | b'5' => (Kind::Folder, 0),
            b'3' | b'4' | b'6' => (Kind::Device, 0),
            _ => (Kind::Other, size),
        };
        let link = extension.link;
        Some(Self {
            name,
            link: link.unwrap_or_else(|| until_zero(field(header, 157, 257)).to_vec()),
            kind,
            size,
        })
    }
}

/// Whether a block is a header: it has the checksum that it says.
pub fn is_header(block: &[u8]) -> bool {
    let Some(stated) = block.get(148..156).and_then(number) else {
        return false;
    };
    if (block.len() as u64) < BLOCK {
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

/// Whether a block is nothing but zeros: behind it there are no members.
pub fn is_end(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// The bytes of data that a header says; nothing where it says none.
pub fn size_of(header: &[u8]) -> Option<u64> {
    number(field(header, 124, 136))
}

/// Whether the list of holes goes on in the block behind the header of an old sparse member.
pub fn holes_follow(header: &[u8]) -> bool {
    kind_byte(header) == b'S' && field(header, 482, 483) != [0]
}

/// Whether the list of holes goes on behind such a block.
pub fn more_holes_follow(block: &[u8]) -> bool {
    field(block, 504, 505) != [0]
}

fn kind_byte(header: &[u8]) -> u8 {
    header.get(156).copied().unwrap_or(0)
}

/// Bytes of a block; none of one that is too short.
fn field(block: &[u8], begin: usize, end: usize) -> &[u8] {
    block.get(begin..end).unwrap_or_default()
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
    let name = until_zero(field(header, 0, 100));
    let prefix = until_zero(field(header, 345, 500));
    match field(header, 257, 263) == b"ustar\0" && !prefix.is_empty() {
        true => [prefix, b"/", name].concat(),
        false => name.to_vec(),
    }
}

fn until_zero(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(name: &[u8], size: &[u8], kind: u8) -> Vec<u8> {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name);
        header[124..124 + size.len()].copy_from_slice(size);
        header[156] = kind;
        header[148..156].fill(b' ');
        let sum: u64 = header.iter().copied().map(u64::from).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header
    }

    #[test]
    fn a_header_has_its_checksum() {
        let mut block = header(b"a.txt", b"17 ", b'0');
        assert!(is_header(&block) && !is_end(&block));
        block[0] ^= 1;
        assert!(!is_header(&block));
        assert!(!is_header(&block[..511]) && !is_header(&[]));
    }

    #[test]
    fn sizes_are_octal_or_of_base_256() {
        assert_eq!(size_of(&header(b"a", b"00000000021\0", b'0')), Some(17));
        let large = [&[0x80, 0, 0, 0][..], &(9_u64 << 33).to_be_bytes()].concat();
        assert_eq!(size_of(&header(b"a", &large, b'0')), Some(9 << 33));
        assert_eq!(size_of(&header(b"a", b"9", b'0')), None);
    }

    #[test]
    fn what_stands_before_a_header_counts_for_it() {
        let mut extension = Extension::default();
        let attributes = header(b"", b"", b'x');
        assert!(Extension::is_one(&attributes));
        let data = b"15 path=b.json\n10 size=9\n22 linkpath=elsewhere\n";
        extension.read(&attributes, data).unwrap();
        let member = Member::of(&header(b"a.json", b"0", b'0'), extension).unwrap();
        assert_eq!((member.name, member.size), (b"b.json".to_vec(), 9));
        assert_eq!(member.link, b"elsewhere");
        let mut broken = Extension::default();
        assert!(broken.read(&attributes, b"99 path=b\n").is_none());
        assert!(broken.read(&attributes, b"x").is_none());
    }

    #[test]
    fn members_are_told_apart() {
        let kind = |name: &[u8], byte| {
            let member = Member::of(&header(name, b"5", byte), Extension::default());
            member.map(|member| (member.kind, member.size)).unwrap()
        };
        assert_eq!(kind(b"a", b'0'), (Kind::File, 5));
        assert_eq!(kind(b"a/", 0), (Kind::Folder, 0));
        assert_eq!(kind(b"a", b'1'), (Kind::HardLink, 0));
        assert_eq!(kind(b"a", b'2'), (Kind::Link, 0));
        assert_eq!(kind(b"a", b'6'), (Kind::Device, 0));
        assert_eq!(kind(b"a", b'S'), (Kind::Sparse, 5));
        assert_eq!(kind(b"a", b'M'), (Kind::Other, 5));
    }
}
