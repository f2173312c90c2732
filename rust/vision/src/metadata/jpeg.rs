//! Metadata of JPEG files.

use crate::exif::says_more;
use crate::jpeg_markers::{APP1, EOI, EXIF, Segment, segments};

pub(super) fn has(bytes: &[u8]) -> bool {
    let mut end = bytes.len();
    for segment in segments(bytes) {
        if tells(segment) {
            return true;
        }
        end = segment.end;
    }
    bytes[end..].iter().any(|byte| *byte != 0)
}

/// `None` where the file has no end.
pub(super) fn strip(bytes: &[u8], exif: Option<&[u8]>) -> Option<Vec<u8>> {
    const APP0: u8 = 0xE0;
    let mut exif = exif;
    let mut stripped = bytes.get(..2)?.to_vec();
    let mut last = None;
    for segment in segments(bytes) {
        // JFIF wants its own segment to be the first.
        if segment.marker != APP0
            && let Some(block) = exif.take()
        {
            push_exif(&mut stripped, block)?;
        }
        if keeps(segment) {
            stripped.extend_from_slice(segment.whole);
        }
        last = Some(segment.marker);
    }
    (last == Some(EOI)).then_some(stripped)
}

fn push_exif(bytes: &mut Vec<u8>, block: &[u8]) -> Option<()> {
    let length = u16::try_from(2 + EXIF.len() + block.len()).ok()?;
    bytes.extend_from_slice(&[0xFF, APP1]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(EXIF);
    bytes.extend_from_slice(block);
    Some(())
}

/// Whether a segment is needed for pixels and colours: all that are no comment and no application's, and of those JFIF,
/// colour profiles, and Adobe's, which say what the channels are.
fn keeps(segment: Segment) -> bool {
    match segment.marker {
        0xE0 => segment.body.starts_with(b"JFIF\0"),
        0xE2 => segment.body.starts_with(b"ICC_PROFILE\0"),
        0xEE => segment.body.starts_with(b"Adobe"),
        0xE1..=0xEF | 0xFE => false,
        _ => true,
    }
}

fn tells(segment: Segment) -> bool {
    match (segment.marker, segment.body.strip_prefix(EXIF)) {
        (APP1, Some(block)) => says_more(block),
        // Settings of an encoder.
        (0xEC, _) if segment.body.starts_with(b"Ducky") => false,
        _ => !keeps(segment),
    }
}
