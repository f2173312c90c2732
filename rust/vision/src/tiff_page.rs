//! The first page of a TIFF file: what its directory says.

use crate::bytes::{Order, slice};
use crate::exif::{Turned, entries, tiff_start};

/// What the directory says of the pixels.
#[derive(Clone, Debug)]
pub(crate) struct Page<'a> {
    pub(crate) order: Order,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) orientation: u8,
    /// Of the first sample; the others have as many, or the page is refused.
    pub(crate) bits: u32,
    pub(crate) even_bits: bool,
    pub(crate) samples: u32,
    pub(crate) compression: u32,
    pub(crate) photometric: u32,
    pub(crate) planar: bool,
    pub(crate) reversed_bits: bool,
    pub(crate) predictor: u32,
    pub(crate) sample_format: u32,
    /// What the first sample beyond the colours is.
    pub(crate) extra: Option<u32>,
    /// Width and height of a tile; strips are tiles as wide as the image.
    pub(crate) tile: (u32, u32),
    pub(crate) tiled: bool,
    pub(crate) offsets: Vec<u32>,
    pub(crate) lengths: Vec<u32>,
    /// 16 bits a value, all reds, all greens, all blues.
    pub(crate) colours: Vec<u32>,
    pub(crate) jpeg_tables: &'a [u8],
}

/// An entry of a directory.
pub(crate) struct Field<'a> {
    pub(crate) tag: u16,
    pub(crate) kind: u16,
    pub(crate) count: u32,
    /// The bytes of its value; none of an unknown kind.
    pub(crate) value: &'a [u8],
}

/// The entries of the first directory; `None` where one is not whole.
pub(crate) fn fields(bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let (order, at) = tiff_start(bytes)?;
    let directory = Directory { bytes, order, at };
    directory.whole()?;
    let field = |entry| {
        Some(Field {
            tag: order.u16(entry, 0)?,
            kind: order.u16(entry, 2)?,
            count: order.u32(entry, 4)?,
            value: directory.value(entry)?,
        })
    };
    entries(bytes, order, at).map(field).collect()
}

/// Whether the bytes begin as a TIFF file does.
pub(crate) fn is_tiff(bytes: &[u8]) -> bool {
    tiff_start(bytes).is_some()
}

/// The first page; `None` where its directory, or a value of it, is not whole.
pub(crate) fn read(bytes: &[u8]) -> Option<Page<'_>> {
    let (order, at) = tiff_start(bytes)?;
    let directory = Directory { bytes, order, at };
    directory.whole()?;
    let width = directory.one(256)?;
    let height = directory.one(257)?;
    let bits = directory.all(258).unwrap_or_else(|| vec![1]);
    let (tile, offsets, lengths) = directory.pieces(width, height)?;
    Some(Page {
        order,
        width,
        height,
        orientation: directory.turned().orientation(),
        bits: *bits.first()?,
        even_bits: bits.windows(2).all(|pair| pair[0] == pair[1]),
        samples: directory.one(277).unwrap_or(1),
        compression: directory.one(259).unwrap_or(1),
        photometric: directory.one(262).unwrap_or(0),
        planar: directory.one(284) == Some(2),
        reversed_bits: directory.one(266) == Some(2),
        predictor: directory.one(317).unwrap_or(1),
        sample_format: directory.one(339).unwrap_or(1),
        extra: directory.one(338),
        tile,
        tiled: directory.all(322).is_some(),
        offsets,
        lengths,
        colours: directory.all(320).unwrap_or_default(),
        jpeg_tables: directory.raw(347).unwrap_or_default(),
    })
}

type Pieces = ((u32, u32), Vec<u32>, Vec<u32>);

/// A directory, and the file that its values stand in.
struct Directory<'a> {
    bytes: &'a [u8],
    order: Order,
    at: usize,
}

impl<'a> Directory<'a> {
    /// Whether all entries, and all values out of line, are in the file.
    fn whole(&self) -> Option<()> {
        let count = usize::from(self.order.u16(self.bytes, self.at)?);
        // Where the next page is said to be.
        self.order.u32(self.bytes, self.at + 2 + 12 * count)?;
        let found = entries(self.bytes, self.order, self.at)
            .filter(|entry| self.value(entry).is_some())
            .count();
        (found == count).then_some(())
    }

    fn turned(&self) -> Turned {
        let mut turned = Turned::default();
        turned.note_exif(self.bytes);
        if let Some(packet) = self.raw(700) {
            turned.note_xmp(packet);
        }
        turned
    }

    /// Sides of tiles, and where each begins and how many bytes it has. Strips are tiles as wide as the image.
    fn pieces(&self, width: u32, height: u32) -> Option<Pieces> {
        if let Some(across) = self.one(322) {
            let lengths = self.all(325).unwrap_or_default();
            return Some(((across, self.one(323)?), self.all(324)?, lengths));
        }
        let rows = self.one(278).unwrap_or(height).clamp(1, height.max(1));
        let lengths = self.all(279).unwrap_or_default();
        Some(((width, rows), self.all(273)?, lengths))
    }

    /// The bytes of an entry's value. Those of an unknown kind have none.
    fn value(&self, entry: &'a [u8]) -> Option<&'a [u8]> {
        let size = size_of_kind(self.order.u16(entry, 2)?);
        let length = usize::try_from(self.order.u32(entry, 4)?)
            .ok()?
            .checked_mul(size)?;
        if length <= 4 {
            return slice(entry, 8, length);
        }
        slice(
            self.bytes,
            usize::try_from(self.order.u32(entry, 8)?).ok()?,
            length,
        )
    }

    fn entry(&self, tag: u16) -> Option<&'a [u8]> {
        entries(self.bytes, self.order, self.at)
            .filter(|entry| self.order.u16(entry, 0) == Some(tag))
            .last()
    }

    fn raw(&self, tag: u16) -> Option<&'a [u8]> {
        self.value(self.entry(tag)?)
    }

    /// Whole numbers: as many as the file has bytes for.
    fn all(&self, tag: u16) -> Option<Vec<u32>> {
        let entry = self.entry(tag)?;
        let value = self.value(entry)?;
        let number = |piece: &[u8]| match piece.len() {
            1 => piece.first().copied().map(u32::from),
            2 => self.order.u16(piece, 0).map(u32::from),
            _ => self.order.u32(piece, 0),
        };
        let kind = self.order.u16(entry, 2)?;
        if !matches!(kind, 1 | 3 | 4 | 13) {
            return None;
        }
        value.chunks_exact(size_of_kind(kind)).map(number).collect()
    }

    fn one(&self, tag: u16) -> Option<u32> {
        self.all(tag)?.first().copied()
    }
}

fn size_of_kind(kind: u16) -> usize {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 => 8,
        _ => 0,
    }
}
