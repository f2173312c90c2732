//! The segments of a JPEG file.

use crate::bytes::{Order, slice};

pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const APP1: u8 = 0xE1;

/// The name before an EXIF block in an APP1 segment.
pub(crate) const EXIF: &[u8] = b"Exif\0\0";
/// The name before a packet of XMP in an APP1 segment.
pub(crate) const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// A marker with its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// The second byte of the marker.
    pub(crate) marker: u8,
    /// What follows the length; empty for a marker without one.
    pub(crate) body: &'a [u8],
    /// From the marker on; of a scan also its coded bytes.
    pub(crate) whole: &'a [u8],
    /// Where the next one may begin.
    pub(crate) end: usize,
}

/// Segments from the one after SOI on, up to EOI, or to where the file is broken.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut next = Some(2);
    std::iter::from_fn(move || {
        let segment = read(bytes, next?)?;
        next = (segment.marker != EOI).then_some(segment.end);
        Some(segment)
    })
}

fn read(bytes: &[u8], at: usize) -> Option<Segment<'_>> {
    let (at, marker) = marker_from(bytes, at)?;
    let begin = at + 2;
    let alone = matches!(marker, 0x01 | 0xD0..=EOI);
    let length = if alone {
        0
    } else {
        usize::from(Order::Big.u16(bytes, begin)?)
    };
    let inside = slice(bytes, begin, length)?;
    let body = if alone { inside } else { inside.get(2..)? };
    let end = begin + length;
    let end = if marker == SOS {
        scan_end(bytes, end)
    } else {
        end
    };
    Some(Segment {
        marker,
        body,
        whole: &bytes[at..end],
        end,
    })
}

/// The next marker, over bytes that belong to none, as readers do.
fn marker_from(bytes: &[u8], mut at: usize) -> Option<(usize, u8)> {
    loop {
        at += memchr::memchr(0xFF, bytes.get(at..)?)?;
        match bytes.get(at + 1)? {
            0xFF => at += 1,
            0x00 => at += 2,
            marker => return Some((at, *marker)),
        }
    }
}

/// Where the coded bytes of a scan end: at a marker that is no restart.
fn scan_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some((found, marker)) = marker_from(bytes, at) {
        if !matches!(marker, 0xD0..=0xD7) {
            return found;
        }
        at = found + 2;
    }
    bytes.len()
}
