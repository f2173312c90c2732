//! The segments of a JPEG file before its first scan.

use crate::bytes::{Order, slice};

pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const APP1: u8 = 0xE1;
pub(crate) const COM: u8 = 0xFE;

/// The name before an EXIF block in an APP1 segment.
pub(crate) const EXIF: &[u8] = b"Exif\0\0";
/// The name before a packet of XMP in an APP1 segment.
pub(crate) const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// A marker with its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// The second byte of the marker.
    pub(crate) marker: u8,
    /// Where its 0xFF stands.
    pub(crate) at: usize,
    /// What follows the length; empty for a marker without one.
    pub(crate) body: &'a [u8],
    /// Where the next one may begin.
    pub(crate) end: usize,
}

/// Segments from the one after SOI on: up to SOS or EOI, or to where the file is broken.
pub(crate) fn segments(bytes: &[u8]) -> Segments<'_> {
    Segments { bytes, at: 2 }
}

pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let segment = self.read()?;
        // After a scan's header come its bytes, which are no segments.
        self.at = match segment.marker {
            SOS | EOI => self.bytes.len(),
            _ => segment.end,
        };
        Some(segment)
    }
}

impl<'a> Segments<'a> {
    fn read(&self) -> Option<Segment<'a>> {
        let (at, marker) = marker_from(self.bytes, self.at)?;
        let begin = at + 2;
        let alone = matches!(marker, 0x01 | 0xD0..=EOI);
        let length = if alone {
            0
        } else {
            usize::from(Order::Big.u16(self.bytes, begin)?)
        };
        let whole = slice(self.bytes, begin, length)?;
        let body = if alone { whole } else { whole.get(2..)? };
        Some(Segment {
            marker,
            at,
            body,
            end: begin + length,
        })
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
