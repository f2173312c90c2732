//! What a file's header says: its format, size and orientation, without its pixels.

mod jpeg;
mod png;

use crate::error::{Fault, ImageError};
use crate::format::{Format, Header};
use crate::{kind, png_chunks};

/// Reads the header of an image file: the format by its content, sides as stored, and how it is turned.
///
/// Only a whole header passes. Whether its pixels are there, decoding tells.
pub fn read_header(bytes: &[u8]) -> Result<Header, ImageError> {
    let format = format_of(bytes)?;
    let header = match format {
        Format::Jpeg => jpeg::read(bytes),
        Format::Png => png::read(bytes),
        _ => None,
    };
    let header = header.ok_or_else(|| {
        ImageError::new(
            Fault::Damaged,
            format!("the header of the {} file is broken", format.name()),
        )
    })?;
    if header.pixels() == 0 {
        return Err(ImageError::new(
            Fault::Damaged,
            format!("{} × {} pixels", header.width, header.height),
        ));
    }
    Ok(header)
}

/// The format, by the first bytes.
pub(crate) fn format_of(bytes: &[u8]) -> Result<Format, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::new(Fault::Damaged, "an empty file"));
    }
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Ok(Format::Jpeg)
    } else if bytes.starts_with(png_chunks::SIGNATURE) {
        Ok(Format::Png)
    } else {
        Err(kind::refusal(bytes))
    }
}
