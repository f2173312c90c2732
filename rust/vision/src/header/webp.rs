//! The header of a WebP file.

use crate::exif::Turned;
use crate::format::{Format, Header};
use crate::riff::{canvas, chunks, file, frame_size};

/// `None` where the file is shorter than it says, or has neither canvas nor frame.
pub(super) fn read(bytes: &[u8]) -> Option<Header> {
    let inside = file(bytes)?;
    let first = chunks(inside).next()?;
    let mut turned = Turned::default();
    let (width, height) = if &first.name == b"VP8X" {
        for chunk in chunks(inside) {
            match &chunk.name {
                b"EXIF" => turned.note_exif(chunk.body),
                b"XMP " => turned.note_xmp(chunk.body),
                _ => {}
            }
        }
        let (_, width, height) = canvas(first.body)?;
        (width, height)
    } else {
        frame_size(first)?
    };
    Some(Header {
        format: Format::WebP,
        width,
        height,
        orientation: turned.orientation(),
        gray16: false,
    })
}
