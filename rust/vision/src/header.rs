//! What a file's header says: its format, size and orientation, without its pixels.

mod bmp;
mod gif;
mod jpeg;
mod png;
mod tiff;
mod webp;

use crate::error::{Fault, ImageError};
use crate::format::{Format, Header};
use crate::{gif_blocks, kind, png_chunks, riff, tiff_page};

/// Reads the header of an image file: the format by its content, sides as stored, and how it is turned.
///
/// Only a whole header passes. Whether its pixels are there, decoding tells.
pub fn read_header(bytes: &[u8]) -> Result<Header, ImageError> {
    let format = format_of(bytes)?;
    let header = match format {
        Format::Jpeg => jpeg::read(bytes)?,
        Format::Png => png::read(bytes),
        Format::WebP => webp::read(bytes),
        Format::Gif => gif::read(bytes),
        Format::Bmp => bmp::read(bytes)?,
        Format::Tiff => tiff::read(bytes)?,
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
    } else if riff::is_webp(bytes) {
        Ok(Format::WebP)
    } else if gif_blocks::is_gif(bytes) {
        Ok(Format::Gif)
    } else if bytes.starts_with(b"BM") {
        Ok(Format::Bmp)
    } else if tiff_page::is_tiff(bytes) {
        Ok(Format::Tiff)
    } else {
        Err(kind::refusal(bytes))
    }
}
