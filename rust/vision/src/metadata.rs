//! Metadata that says of whom, where and when an image is, and images without it.

mod gif;
mod jpeg;
mod png;
mod tiff;
mod webp;

use crate::error::{Fault, ImageError};
use crate::format::Format;
use crate::header::{format_of, read_header};

/// Whether a file has metadata beside its pixels, colours and orientation: EXIF of more than the orientation, XMP, IPTC,
/// text, comments, times, blocks of unknown programs, or bytes behind its end.
///
/// A file that is no image has none.
#[must_use]
pub fn has_metadata(bytes: &[u8]) -> bool {
    match format_of(bytes) {
        Ok(Format::Jpeg) => jpeg::has(bytes),
        Ok(Format::Png) => png::has(bytes),
        Ok(Format::WebP) => webp::has(bytes),
        Ok(Format::Gif) => gif::has(bytes),
        Ok(Format::Tiff) => tiff::has(bytes),
        Ok(Format::Bmp) | Err(_) => false,
    }
}

/// The file without its metadata: pixels, colours and orientation are as they were, bit for bit.
///
/// An orientation other than 1 stays as EXIF that says nothing else. A TIFF with metadata is written again: its first
/// page, with the tags that pixels and colours need.
pub fn strip_metadata(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let header = read_header(bytes)?;
    let exif = (header.orientation != 1).then(|| only(header.orientation));
    let exif = exif.as_deref();
    let stripped = match header.format {
        Format::Jpeg => jpeg::strip(bytes, exif),
        Format::Png => png::strip(bytes, exif),
        Format::WebP => webp::strip(bytes, exif),
        Format::Gif => gif::strip(bytes),
        Format::Bmp => Some(bytes.to_vec()),
        Format::Tiff if tiff::has(bytes) => return tiff::strip(bytes, header.orientation),
        Format::Tiff => Some(bytes.to_vec()),
    };
    stripped.ok_or_else(|| {
        ImageError::new(
            Fault::Damaged,
            format!(
                "the {} file is damaged: it ends before its end marker",
                header.format.name()
            ),
        )
    })
}

/// An EXIF block that has only an orientation.
fn only(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.push(orientation);
    // The rest of the value's four bytes, and no next directory.
    block.extend_from_slice(&[0; 6]);
    block
}
