//! Decodes the images of a run's packs, for `verify --deep`: each distinct one once.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use octomed_mds::Reader;
use octomed_vision::{Encoded, ImageError, Preparation, read_header};
use xxhash_rust::xxh3::xxh3_64;

use crate::check::PackContent;
use crate::error::EngineError;
use crate::image_facts::DecodingRoom;
use crate::image_work::{BYTES_PER_PIXEL, DECODING};

/// What decoding the images of a shard came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodedImages {
    /// Distinct images that no shard before had.
    pub images: u64,
    /// Row of the shard, and what is wrong with an image of it.
    pub faults: Vec<(u64, String)>,
}

/// Decodes the images of a run; threads share it.
#[derive(Debug)]
pub struct ImageDecoding {
    preparation: Preparation,
    /// Hash of the bytes and grid of each image that was decoded, or is being decoded.
    seen: Mutex<HashSet<(u64, u32, u32)>>,
    room: DecodingRoom,
}

impl ImageDecoding {
    /// Nothing is decoded yet.
    #[must_use]
    pub fn new(preparation: Preparation) -> Self {
        Self {
            preparation,
            seen: Mutex::default(),
            room: DecodingRoom::of(DECODING),
        }
    }

    /// Decodes the images of shard `shard` of the stream in `directory` that were not decoded before, and compares the
    /// size of each with its grid.
    ///
    /// # Errors
    /// When the shard cannot be read at all.
    pub fn shard(&self, directory: &Path, shard: usize) -> Result<DecodedImages, EngineError> {
        let reader = Reader::open(directory)?;
        let shard = reader.written_shard(shard)?;
        let mut decoded = DecodedImages::default();
        for row in 0..shard.len() {
            let pack = PackContent::read(&shard.row(row)?)?;
            for (number, image) in pack.encoded_images().iter().enumerate() {
                let hash = xxh3_64(image.bytes);
                if !self.is_new((hash, image.grid.h, image.grid.w)) {
                    continue;
                }
                decoded.images += 1;
                if let Err(error) = self.decode(image) {
                    let what = format!("image {number} ({hash:016x}): {error}");
                    decoded.faults.push((row as u64, what));
                }
            }
        }
        Ok(decoded)
    }

    fn is_new(&self, image: (u64, u32, u32)) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(image)
    }

    fn decode(&self, image: &Encoded<'_>) -> Result<(), ImageError> {
        let header = read_header(image.bytes)?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        let most = self.preparation.rules.max_source_pixels;
        let _room = self
            .room
            .take(pixels.min(most).saturating_mul(BYTES_PER_PIXEL));
        self.preparation.decoded(image).map(drop)
    }
}
