//! What is found out about one image from its bytes, and what is stored of it.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use octomed_vision::{
    Fault, Gray16, Grid, Header, Image, ImageError, decode, encode, has_metadata, pixel_hash,
    read_header, resize, strip_metadata,
};

use crate::image_facts::{DecodingRoom, Examined, FactsTable, ImageFacts, Taken};
use crate::image_settings::{ImageSettings, Metadata, Store, Verify};
use crate::workers::Workers;

/// What the workers of a process share.
#[derive(Debug)]
struct SharedImages {
    facts: FactsTable,
    room: DecodingRoom,
    workers: Workers,
}

/// Bytes that all decoders may take at once: an image of as many pixels as
/// [`DecodeRules::max_source_pixels`](octomed_vision::DecodeRules) is by default is decoded alone, and others next to one
/// another.
pub const DECODING: u64 = 1_600_000_000;
/// The same for each core, where there are many.
const DECODING_A_CORE: u64 = 400_000_000;
/// The most bytes that decoding takes for a pixel, those of the result included.
pub const BYTES_PER_PIXEL: u64 = 16;

impl Default for SharedImages {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get) as u64;
        Self {
            facts: FactsTable::default(),
            workers: Workers::default(),
            room: DecodingRoom::of(DECODING.max(cores * DECODING_A_CORE)),
        }
    }
}

/// An image in memory, and the room that it takes there.
pub struct Decoded<'a> {
    /// The image.
    pub image: Image,
    _room: Taken<'a>,
}

/// Finds out about images by one set of settings.
#[derive(Debug)]
pub struct ImageWork {
    settings: ImageSettings,
    shared: Arc<SharedImages>,
    /// What keys of the table are mixed with: what other settings found out is another matter.
    salt: u64,
}

impl ImageWork {
    /// Works by these settings.
    pub fn new(settings: ImageSettings) -> Self {
        Self {
            salt: settings.hash(),
            settings,
            shared: Arc::default(),
        }
    }

    /// Shares what is known with another source.
    pub fn share(&mut self, other: &Self) {
        self.shared = Arc::clone(&other.shared);
    }

    /// Forgets what is known.
    pub fn forget(&self) {
        self.shared.facts.clear();
    }

    /// Tokens that stand for an image.
    pub fn tokens(&self, facts: &ImageFacts) -> u32 {
        self.settings.family.tokens(Grid {
            t: 1,
            h: u32::from(facts.grid_h),
            w: u32::from(facts.grid_w),
        })
    }

    /// What is known of the image whose bytes have this hash.
    pub fn known(&self, hash: u64) -> Option<Examined> {
        self.shared.facts.known(hash ^ self.salt)
    }

    /// What is found out about an image: once a process.
    pub fn examined(&self, bytes: &[u8], hash: u64) -> Examined {
        let examine = || self.examine(bytes).map_err(Box::new);
        self.shared.facts.get(hash ^ self.salt, examine)
    }

    /// Finds out about an image that is unknown so far, unless somebody else is about it.
    pub fn prepare(&self, bytes: &[u8], hash: u64) {
        let examine = || self.examine(bytes).map_err(Box::new);
        self.shared.facts.prepare(hash ^ self.salt, examine);
    }

    /// Whether images are decoded to find out about them.
    pub fn decodes(&self) -> bool {
        self.settings.decodes()
    }

    /// Whether images get a hash of their gradients.
    pub fn has_dhash(&self) -> bool {
        self.settings.dhash
    }

    /// The workers of the process that scan rows with images.
    pub fn workers(&self) -> &Workers {
        &self.shared.workers
    }

    /// What is stored of an image that was examined.
    ///
    /// # Errors
    /// When it cannot be written in another form.
    pub fn stored(&self, bytes: Vec<u8>, facts: &ImageFacts) -> Result<Vec<u8>, ImageError> {
        let settings = &self.settings;
        let size = self.resized_size(facts);
        if let Some((height, width)) = size.filter(|_| settings.store == Store::Resized) {
            let decoded = self.decode(&bytes, &read_header(&bytes)?)?;
            return encode(&resize(&decoded.image, height, width), settings.codec);
        }
        if settings.metadata == Metadata::Strip && facts.has_metadata {
            return strip_metadata(&bytes);
        }
        Ok(bytes)
    }

    /// The size that a resized image is stored in, if that is another one than its own: it is never enlarged.
    pub fn resized_size(&self, facts: &ImageFacts) -> Option<(u32, u32)> {
        let patch = self.settings.family.patch;
        let height = u32::from(facts.grid_h) * patch;
        let width = u32::from(facts.grid_w) * patch;
        let is_smaller = height <= facts.height && width <= facts.width;
        let is_other = (height, width) != (facts.height, facts.width);
        (is_smaller && is_other).then_some((height, width))
    }

    fn examine(&self, bytes: &[u8]) -> Result<ImageFacts, ImageError> {
        let settings = &self.settings;
        let header = read_header(bytes)?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        if pixels > settings.max_source_pixels {
            let most = settings.max_source_pixels;
            let detail = format!("the image has {pixels} pixels, more than {most}");
            return Err(ImageError::new(Fault::TooLarge, detail));
        }
        if header.gray16 && settings.gray16 == Gray16::Reject {
            let detail = "the image has 16 bits of grey, which have no 8-bit meaning of their own";
            return Err(ImageError::new(Fault::Depth, detail));
        }
        let mut facts = self.facts_of(&header)?;
        facts.has_metadata = has_metadata(bytes);
        if settings.decodes() {
            let hash = if settings.dhash {
                let Decoded { image, _room } = self.decode(bytes, &header)?;
                facts.dhash = image.dhash();
                image.pixel_hash()
            } else {
                let _room = self.room_for(&header);
                pixel_hash(bytes, &settings.rules())?
            };
            if settings.verify == Verify::Decode {
                facts.pixel_hash = hash;
            }
        }
        if settings.metadata == Metadata::Strip && facts.has_metadata {
            strip_metadata(bytes)?;
        }
        Ok(facts)
    }

    /// What the header alone says.
    fn facts_of(&self, header: &Header) -> Result<ImageFacts, ImageError> {
        let settings = &self.settings;
        let (height, width) = header.upright();
        let (least, most) = (settings.min_pixels, settings.max_pixels);
        let (for_model_h, for_model_w) = settings.family.resized(height, width, least, most)?;
        let grid = settings.family.grid(for_model_h, for_model_w);
        let narrow = |patches: u32| {
            let detail = || format!("a side of the image has {patches} patches");
            u16::try_from(patches).map_err(|_| ImageError::new(Fault::TooLarge, detail()))
        };
        Ok(ImageFacts {
            height,
            width,
            grid_h: narrow(grid.h)?,
            grid_w: narrow(grid.w)?,
            ..ImageFacts::default()
        })
    }

    /// Decodes an image by these settings, in the room that all decoders share.
    ///
    /// # Errors
    /// When it does not decode, or is of another size than its header says.
    pub fn decode(&self, bytes: &[u8], header: &Header) -> Result<Decoded<'_>, ImageError> {
        let room = self.room_for(header);
        let image = decode(bytes, &self.settings.rules())?;
        if (image.height, image.width) != header.upright() {
            let detail = "the image is of another size than its header says";
            return Err(ImageError::new(Fault::Damaged, detail));
        }
        Ok(Decoded { image, _room: room })
    }

    /// Waits for the room that decoding an image takes.
    fn room_for(&self, header: &Header) -> Taken<'_> {
        let pixels = u64::from(header.width) * u64::from(header.height);
        self.shared
            .room
            .take(pixels.saturating_mul(BYTES_PER_PIXEL))
    }
}
