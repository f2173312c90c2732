//! The header of a PNG file.

use crate::bytes::Order;
use crate::exif::Turned;
use crate::format::{Format, Header};
use crate::png_chunks::chunks;
use crate::png_text::{raw_profile, text};

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

/// What its chunks say of its orientation, behind the pixels too: EXIF, before EXIF that ImageMagick writes as text.
fn turned(bytes: &[u8]) -> Turned {
    let mut turned = Turned::default();
    let (mut exif, mut written) = (None, None);
    for chunk in chunks(bytes) {
        match &chunk.name {
            b"eXIf" => exif = Some(chunk.body.to_vec()),
            b"tEXt" | b"zTXt" | b"iTXt" => match text(chunk) {
                Some((b"Raw profile type exif", value)) => written = raw_profile(&value),
                Some((b"XML:com.adobe.xmp", value)) => turned.note_xmp(&value),
                _ => {}
            },
            _ => {}
        }
    }
    if let Some(block) = exif.or(written) {
        turned.note_exif(&block);
    }
    turned
}
