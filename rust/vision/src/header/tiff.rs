//! The header of a TIFF file.

use crate::error::{Fault, ImageError};
use crate::format::{Format, Header};
use crate::tiff_meaning::meaning;
use crate::tiff_page;

/// `None` where the directory of the first page is not whole.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, ImageError> {
    let Some(page) = tiff_page::read(bytes) else {
        return Ok(None);
    };
    let gray = page.photometric <= 1;
    if gray && page.bits > 16 {
        return Err(ImageError::new(
            Fault::Depth,
            format!("{} bits of grey have no meaning in 8", page.bits),
        ));
    }
    meaning(&page).map_err(|what| ImageError::new(Fault::Kind, format!("a TIFF {what}")))?;
    Ok(Some(Header {
        format: Format::Tiff,
        width: page.width,
        height: page.height,
        orientation: page.orientation,
        gray16: gray && page.bits > 8,
    }))
}
