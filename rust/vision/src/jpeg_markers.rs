//! The segments of a JPEG file.

use crate::bytes::{Order, slice};

/// In place of a marker: no marker has a zero.
pub(crate) const CODED: u8 = 0;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const APP1: u8 = 0xE1;

/// The name before an EXIF block in an APP1 segment.
pub(crate) const EXIF: &[u8] = b"Exif\0\0";
/// The name before a packet of XMP in an APP1 segment.
pub(crate) const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// A marker with its segment, or the coded bytes of a scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// The second byte of the marker; [`CODED`] for coded bytes.
    pub(crate) marker: u8,
    /// What follows the length; empty for a marker without one.
    pub(crate) body: &'a [u8],
    /// From the marker on.
    pub(crate) whole: &'a [u8],
    /// Where the next one may begin.
    pub(crate) end: usize,
}

/// Segments from the one after SOI on, up to EOI, or to where the file is broken.
///
/// Coded bytes are looked through only when what follows them is asked for.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let (mut next, mut scan) = (Some(2), false);
    std::iter::from_fn(move || {
        let at = next?;
        let segment = if scan {
            coded(bytes, at)
        } else {
            read(bytes, at)?
        };
        scan = segment.marker == SOS;
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
    Some(Segment {
        marker,
        body,
        whole: &bytes[at..end],
        end,
    })
}

/// The coded bytes of a scan, which end at a marker that is no restart.
fn coded(bytes: &[u8], begin: usize) -> Segment<'_> {
    let (mut at, mut end) = (begin, bytes.len());
    while let Some((found, marker)) = marker_from(bytes, at) {
        if !matches!(marker, 0xD0..=0xD7) {
            end = found;
            break;
        }
        at = found + 2;
    }
    Segment {
        marker: CODED,
        body: &[],
        whole: &bytes[begin..end],
        end,
    }
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
