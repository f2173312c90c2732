//! Images: what a header says, pixels, and the sizes and patches that a vision-language model takes.
//!
//! Bytes of an image file come in; an upright RGB image, its size for a model, and its patches go out. Where files
//! come from, and what a row says of them, other crates know.

mod bmp_header;
mod bytes;
mod convolve;
mod decode;
mod dhash;
mod encode;
mod error;
mod exif;
mod family;
mod format;
mod gif_blocks;
mod header;
mod image;
mod jpeg_markers;
mod kind;
mod loader;
mod metadata;
mod palette;
mod patches;
mod png_chunks;
mod png_text;
mod resize;
mod riff;
mod samples;
mod size;
mod tiff_meaning;
mod tiff_page;
mod upright;

pub use decode::{decode, pixel_hash};
pub use encode::{Codec, encode};
pub use error::{Fault, ImageError};
pub use family::{Family, Grid};
pub use format::{Format, Header};
pub use header::read_header;
pub use image::{Alpha, DecodeRules, Gray16, Image, content_hash};
pub use loader::{Encoded, LoadError, Preparation, bytes_of_patches, load_patches};
pub use metadata::{has_metadata, strip_metadata};
pub use patches::{patches, pixel_values};
pub use resize::resize;
