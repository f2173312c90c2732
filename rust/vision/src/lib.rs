//! Images: what a header says, pixels, and the sizes and patches that a vision-language model takes.
//!
//! Bytes of an image file come in; an upright RGB image, its size for a model, and its patches go out. Where files
//! come from, and what a row says of them, other crates know.

mod error;
mod family;
mod image;
mod size;

pub use error::{Fault, ImageError};
pub use family::{Family, Grid};
pub use image::{Alpha, DecodeRules, Gray16, Image};
