//! The header of a JPEG file.

use crate::bytes::Order;
use crate::exif::Turned;
use crate::format::{Format, Header};
use crate::jpeg_markers::{APP1, EXIF, SOS, XMP, segments};

/// `None` where no frame and scan begin.
pub(super) fn read(bytes: &[u8]) -> Option<Header> {
    let mut size = None;
    let mut turned = Turned::default();
    let mut exif: Option<Vec<u8>> = None;
    for segment in segments(bytes) {
        match segment.marker {
            // SOF: all but DHT, JPG and DAC.
            0xC0..=0xCF if !matches!(segment.marker, 0xC4 | 0xC8 | 0xCC) => {
                size = Some((
                    Order::Big.u16(segment.body, 3)?,
                    Order::Big.u16(segment.body, 1)?,
                ));
            }
            APP1 => {
                if let Some(block) = segment.body.strip_prefix(EXIF) {
                    // A block of more than 64 KiB is cut into several segments.
                    exif.get_or_insert_default().extend_from_slice(block);
                } else if let Some(packet) = segment.body.strip_prefix(XMP) {
                    turned.note_xmp(packet);
                }
            }
            SOS => {
                if let Some(block) = &exif {
                    turned.note_exif(block);
                }
                let (width, height) = size?;
                return Some(Header {
                    format: Format::Jpeg,
                    width: width.into(),
                    height: height.into(),
                    orientation: turned.orientation(),
                    gray16: false,
                });
            }
            _ => {}
        }
    }
    None
}
