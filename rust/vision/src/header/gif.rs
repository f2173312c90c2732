//! The header of a GIF file.

use crate::format::{Format, Header};
use crate::gif_blocks::first;

/// `None` where there is no whole first image.
pub(super) fn read(bytes: &[u8]) -> Option<Header> {
    let first = first(bytes)?;
    if first.image_width == 0 || first.image_height == 0 {
        return None;
    }
    Some(Header {
        format: Format::Gif,
        width: first.width,
        height: first.height,
        orientation: 1,
        gray16: false,
    })
}
