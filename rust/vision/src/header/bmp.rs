//! The header of a BMP file.

use crate::bmp_header;
use crate::error::{Fault, ImageError};
use crate::format::{Format, Header};

/// `None` where the header is broken.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, ImageError> {
    let bmp = bmp_header::read(bytes).map_err(|what| ImageError::new(Fault::Kind, what))?;
    Ok(bmp.map(|bmp| Header {
        format: Format::Bmp,
        width: bmp.width,
        height: bmp.height,
        orientation: 1,
        gray16: false,
    }))
}
