//! How an image is turned: what EXIF says, else XMP, as Pillow reads both.

use crate::bytes::{Order, find, slice};

const ORIENTATION: u16 = 0x0112;

/// What a file's metadata says of its orientation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turned {
    exif: Option<u32>,
    xmp: Option<u32>,
}

impl Turned {
    /// Notes an EXIF block: a TIFF header and its directories. A broken one says nothing.
    pub(crate) fn note_exif(&mut self, mut block: &[u8]) {
        while let Some(rest) = block.strip_prefix(b"Exif\0\0") {
            block = rest;
        }
        self.exif = in_tiff(block);
    }

    /// Notes a packet of XMP, which counts where EXIF says nothing.
    pub(crate) fn note_xmp(&mut self, packet: &[u8]) {
        self.xmp = in_xmp(packet);
    }

    /// 1 to 8; what is no orientation is 1.
    pub(crate) fn orientation(&self) -> u8 {
        let said = self.exif.or(self.xmp).unwrap_or(1);
        u8::try_from(said)
            .ok()
            .filter(|number| (1..=8).contains(number))
            .unwrap_or(1)
    }
}

/// The order of bytes and the place of the first directory of a TIFF, or of an EXIF block.
pub(crate) fn tiff_start(bytes: &[u8]) -> Option<(Order, usize)> {
    let order = match bytes.get(..4)? {
        // The second of each is wrong, and known.
        b"II*\0" | b"II\0*" => Order::Little,
        b"MM\0*" | b"MM*\0" => Order::Big,
        _ => return None,
    };
    Some((order, usize::try_from(order.u32(bytes, 4)?).ok()?))
}

/// Entries of 12 bytes of the directory at `at`: as many as there are, whatever it claims.
pub(crate) fn entries(bytes: &[u8], order: Order, at: usize) -> impl Iterator<Item = &[u8]> {
    let claimed = order.u16(bytes, at).map_or(0, usize::from);
    let begin = at.saturating_add(2);
    let rest = bytes.get(begin..).unwrap_or_default();
    rest.chunks_exact(12).take(claimed)
}

fn in_tiff(bytes: &[u8]) -> Option<u32> {
    let (order, at) = tiff_start(bytes)?;
    entries(bytes, order, at)
        .filter(|entry| order.u16(entry, 0) == Some(ORIENTATION))
        .filter_map(|entry| single(order, entry))
        .last()
}

/// The value of an entry that holds one whole number.
pub(crate) fn single(order: Order, entry: &[u8]) -> Option<u32> {
    const SHORT: [u16; 2] = [3, 8];
    const LONG: [u16; 3] = [4, 9, 13];
    let kind = order.u16(entry, 2)?;
    if order.u32(entry, 4)? != 1 {
        None
    } else if SHORT.contains(&kind) {
        order.u16(entry, 8).map(u32::from)
    } else if LONG.contains(&kind) {
        order.u32(entry, 8)
    } else {
        None
    }
}

/// `tiff:Orientation="6"` or `<tiff:Orientation>6`: the first of them.
fn in_xmp(packet: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut rest = packet;
    while let Some(at) = find(rest, NAME) {
        rest = &rest[at + NAME.len()..];
        let digit = match slice(rest, 0, 1)? {
            b">" => rest.get(1),
            _ if rest.starts_with(b"=\"") => rest.get(2),
            _ => None,
        };
        if let Some(digit) = digit.filter(|digit| digit.is_ascii_digit()) {
            return Some(u32::from(digit - b'0'));
        }
    }
    None
}

/// Whether an EXIF block says more than an orientation; a broken one may.
pub(crate) fn says_more(block: &[u8]) -> bool {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let Some((order, at)) = tiff_start(block) else {
        return !block.is_empty();
    };
    let count = order.u16(block, at).map_or(0, usize::from);
    let only = entries(block, order, at).all(|entry| order.u16(entry, 0) == Some(ORIENTATION));
    // One directory, one entry, and nothing behind it.
    let length = at.saturating_add(2 + 12 * count + 4);
    !(only && count <= 1 && block.len() <= length && order.u32(block, length - 4).unwrap_or(0) == 0)
}
