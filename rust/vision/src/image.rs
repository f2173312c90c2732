//! An image in memory, and the rules by which a file becomes one.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What becomes of transparency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Alpha {
    /// The colour below it is taken as it is, as transformers 4.57 does.
    #[default]
    Drop,
    /// The image is composited on white, as transformers does from 5.21 on.
    White,
}

/// What becomes of an image with 16 bits of grey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gray16 {
    /// It is refused.
    #[default]
    Reject,
    /// Its smallest and largest values become 0 and 255, and those between them are scaled evenly.
    Window,
}

/// By which rules a file becomes an upright RGB image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeRules {
    /// What becomes of transparency.
    pub alpha: Alpha,
    /// What becomes of 16 bits of grey.
    pub gray16: Gray16,
    /// Pixels of the largest image that is decoded.
    pub max_source_pixels: u64,
}

impl Default for DecodeRules {
    fn default() -> Self {
        Self {
            alpha: Alpha::default(),
            gray16: Gray16::default(),
            max_source_pixels: 100_000_000,
        }
    }
}

/// A hash of the bytes of an image file as they came.
#[must_use]
pub fn content_hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// An upright RGB image of 8 bits a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each pixel, row by row.
    pub pixels: Vec<u8>,
}

impl Image {
    /// A hash of size and pixels: equal for a picture and its lossless copy in another format.
    #[must_use]
    pub fn pixel_hash(&self) -> u64 {
        let mut hash = PixelHash::of_size(self.width, self.height);
        hash.add(&self.pixels);
        hash.digest()
    }
}

/// What [`Image::pixel_hash`] is made of, pixels being added as they come.
pub(crate) struct PixelHash {
    hasher: Xxh3,
    bytes: u64,
}

impl PixelHash {
    /// That of an image of this size, no pixel added.
    pub(crate) fn of_size(width: u32, height: u32) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&width.to_le_bytes());
        hasher.update(&height.to_le_bytes());
        Self { hasher, bytes: 0 }
    }

    /// Adds the next rows.
    pub(crate) fn add(&mut self, pixels: &[u8]) {
        self.hasher.update(pixels);
        self.bytes += pixels.len() as u64;
    }

    /// Bytes that were added.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn digest(&self) -> u64 {
        self.hasher.digest()
    }
}
