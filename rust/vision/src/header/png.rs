//! The header of a PNG file.

use crate::bytes::Order;
use crate::exif::Turned;
use crate::format::{Format, Header};
use crate::png_chunks::chunks;

/// `None` where the first chunk is no header.
pub(super) fn read(bytes: &[u8]) -> Option<Header> {
    let first = chunks(bytes).next()?;
    if &first.name != b"IHDR" || first.body.len() != 13 {
        return None;
    }
    let (depth, colour) = (first.body[8], first.body[9]);
    Some(Header {
        format: Format::Png,
        width: Order::Big.u32(first.body, 0)?,
        height: Order::Big.u32(first.body, 4)?,
        orientation: turned(bytes).orientation(),
        gray16: depth == 16 && matches!(colour, 0 | 4),
    })
}

/// What its chunks say of its orientation, behind the pixels too.
fn turned(bytes: &[u8]) -> Turned {
    let mut turned = Turned::default();
    for chunk in chunks(bytes) {
        if &chunk.name == b"eXIf" {
            turned.note_exif(chunk.body);
        }
    }
    turned
}
