//! Images: what a header says, pixels, and the sizes and patches that a vision-language model takes.
//!
//! Bytes of an image file come in; an upright RGB image, its size for a model, and its patches go out. Where files
//! come from, and what a row says of them, other crates know.

mod bytes;
mod error;
mod exif;
mod family;
mod format;
mod header;
mod image;
mod jpeg_markers;
mod kind;
mod png_chunks;
mod size;

pub use error::{Fault, ImageError};
pub use family::{Family, Grid};
pub use format::{Format, Header};
pub use header::read_header;
pub use image::{Alpha, DecodeRules, Gray16, Image};
