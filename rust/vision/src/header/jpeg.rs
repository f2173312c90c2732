//! The header of a JPEG file.

use crate::bytes::Order;
use crate::error::{Fault, ImageError};
use crate::exif::Turned;
use crate::format::{Format, Header};
use crate::jpeg_markers::{APP1, EXIF, SOS, Segment, XMP, segments};

/// `None` where no frame and scan begin.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, ImageError> {
    let mut size = None;
    let mut turned = Turned::default();
    let mut exif = Vec::new();
    for segment in segments(bytes) {
        match segment.marker {
            // SOF: all but DHT, JPG and DAC.
            0xC0..=0xCF if !matches!(segment.marker, 0xC4 | 0xC8 | 0xCC) => size = frame(segment)?,
            // A block of more than 64 KiB is cut into several segments.
            APP1 => match (
                segment.body.strip_prefix(EXIF),
                segment.body.strip_prefix(XMP),
            ) {
                (Some(block), _) => exif.extend_from_slice(block),
                (_, Some(packet)) => turned.note_xmp(packet),
                _ => {}
            },
            SOS => {
                turned.note_exif(&exif);
                return Ok(size.map(|(width, height)| Header {
                    format: Format::Jpeg,
                    width,
                    height,
                    orientation: turned.orientation(),
                    gray16: false,
                }));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Width and height of a frame, of the kinds that are read.
fn frame(segment: Segment) -> Result<Option<(u32, u32)>, ImageError> {
    let number = |at| Order::Big.u16(segment.body, at).map(u32::from);
    let (Some(bits), Some(height), Some(width), Some(channels)) = (
        segment.body.first(),
        number(1),
        number(3),
        segment.body.get(5),
    ) else {
        return Ok(None);
    };
    let what = match (segment.marker, bits, channels) {
        (0xC3 | 0xC7 | 0xCB | 0xCF, ..) => "a lossless JPEG".to_owned(),
        (0xC5 | 0xC6 | 0xCD | 0xCE, ..) => "a hierarchical JPEG".to_owned(),
        (_, 8, 1 | 3 | 4) => return Ok(Some((width, height))),
        (_, 8, _) => format!("a JPEG of {channels} channels"),
        _ => format!("a JPEG of {bits} bits"),
    };
    Err(ImageError::new(
        Fault::Kind,
        format!("not an image that is read: {what}"),
    ))
}
