//! What images would take in the working store for each choice of `images.store`, from a few of them.

use octomed_vision::{Codec, ImageError, encode, read_header, resize};

use crate::image_facts::ImageFacts;
use crate::image_work::ImageWork;

/// Bytes of a few images for each choice of how they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreChoices {
    /// Images.
    pub images: u64,
    /// Their patches.
    pub patches: u64,
    /// Bytes as they came.
    pub original: u64,
    /// Bytes once they are resized, as lossless WebP, PNG and JPEG.
    pub resized: [u64; 3],
}

const CODECS: [Codec; 3] = [Codec::WebP, Codec::Png, Codec::Jpeg];

impl StoreChoices {
    /// Adds an image, which can be used.
    ///
    /// # Errors
    /// When it does not decode: with `verify: header` nobody has tried.
    pub fn add(
        &mut self,
        work: &ImageWork,
        bytes: &[u8],
        facts: &ImageFacts,
    ) -> Result<(), ImageError> {
        let original = bytes.len() as u64;
        let mut resized = [original; 3];
        if let Some((height, width)) = work.resized_size(facts) {
            let decoded = work.decode(bytes, &read_header(bytes)?)?;
            let image = resize(&decoded.image, height, width);
            for (codec, bytes) in CODECS.into_iter().zip(&mut resized) {
                *bytes = encode(&image, codec)?.len() as u64;
            }
        }
        self.images += 1;
        self.patches += u64::from(facts.grid_h) * u64::from(facts.grid_w);
        self.original += original;
        for (sum, bytes) in self.resized.iter_mut().zip(resized) {
            *sum += bytes;
        }
        Ok(())
    }
}
