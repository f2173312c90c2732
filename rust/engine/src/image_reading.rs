//! The images of a row are read: what the row says of each becomes bytes, and these become facts and what is stored.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use octomed_image_files::{FileFault, Found, ImageRoot, Outside, is_web_address};
use octomed_index::{FileState, ImageFiles, NewImage};
use octomed_trace::{ImagePlace, ImageRef, ImageValue, Reason, Row};
use octomed_vision::{Fault, Header, ImageError};
use xxhash_rust::xxh3::xxh3_64;

use crate::changed_files::state_of;
use crate::error::EngineError;
use crate::fetched::{Fetched, FetchedImages};
use crate::image_choices::StoreChoices;
use crate::image_facts::ImageFacts;
use crate::image_settings::{ImageSettings, OutsideRoot, Urls};
use crate::image_work::{Decoded, ImageWork};
use crate::row_images::{Failure, RowFault, RowImage, RowImages};
use crate::workers::Workers;

/// Bytes that the images of a row may take, as they come and as they are stored.
pub const MAX_ROW_IMAGE_BYTES: u64 = 64 << 20;
/// Tokens that the images of a row may take: a worker holds four bytes for each.
const MAX_ROW_IMAGE_TOKENS: u64 = 1 << 24;
/// Paths that a block remembers the images of.
const MOST_PATHS: usize = 1 << 16;

/// Where a source's images are, and what becomes of them.
#[derive(Debug)]
pub struct Images {
    root: ImageRoot,
    /// What was fetched before a block is scanned; nothing where addresses are refused.
    fetched: Option<FetchedImages>,
    work: ImageWork,
}

/// What a block knows of paths: which image a path led to, and the files that were looked for.
#[derive(Debug, Default)]
pub struct SeenPaths {
    /// The hash of the image, and the file that it was in.
    images: HashMap<String, (u64, Option<(String, FileState)>)>,
    /// Files of the part that is being made.
    pub files: ImageFiles,
}

impl Images {
    /// Opens the folder or archive that the settings name.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn new(settings: ImageSettings) -> Result<Self, EngineError> {
        let outside = match settings.outside_root {
            OutsideRoot::Refuse => Outside::Refuse,
            OutsideRoot::Allow => Outside::Allow,
        };
        let fetched = match settings.urls {
            Urls::Refuse => None,
            Urls::Fetch => settings.fetched.clone().map(FetchedImages::new),
        };
        let roots = settings.roots.iter().map(PathBuf::as_path);
        let root = ImageRoot::open_all(roots, outside)?;
        let work = ImageWork::new(settings);
        Ok(Self {
            root,
            fetched,
            work,
        })
    }

    /// Shares what is known of images with another source.
    pub fn share(&mut self, other: &Self) {
        self.work.share(&other.work);
    }

    /// Forgets what is known of images.
    pub fn forget(&self) {
        self.work.forget();
    }

    /// Whether images are decoded to find out about them.
    pub fn decodes(&self) -> bool {
        self.work.decodes()
    }

    /// The workers of the process that scan rows with images.
    pub fn workers(&self) -> &Workers {
        self.work.workers()
    }

    #[cfg(test)]
    pub fn is_known(&self, hash: u64) -> bool {
        self.work.known(hash).is_some()
    }

    /// Finds out about the images of a row that nobody is about, for whoever scans the row: what is wrong with one of
    /// them is told then. `texts` are hashes of the texts that were followed before.
    pub fn prepare(&self, row: &Row<'_>, texts: &mut HashSet<u64>) {
        let mut left = MAX_ROW_IMAGE_BYTES;
        for image in &row.images {
            let bytes = match &image.value {
                ImageValue::Bytes(bytes) => Cow::Borrowed(&**bytes),
                ImageValue::Text(text) if texts.insert(image.hash) => {
                    match self.root.read(text, left) {
                        Ok(found) => Cow::Owned(found.bytes),
                        Err(_) => continue,
                    }
                }
                _ => continue,
            };
            let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                return;
            };
            left = rest;
            self.work.prepare(&bytes, xxh3_64(&bytes));
        }
        if texts.len() >= MOST_PATHS {
            texts.clear();
        }
    }

    /// The images that a row shows; `is_held` tells of a hash whether what is stored of it is held already.
    ///
    /// # Errors
    /// When one of them cannot be used, and when a file cannot be read.
    pub fn of_row(
        &self,
        row: &Row<'_>,
        seen: &mut SeenPaths,
        is_held: impl Fn(u64) -> bool,
    ) -> Result<RowImages, Failure> {
        let mut reading = self.reading(seen);
        for (number, image) in row.images.iter().enumerate() {
            reading.add(number, image, &is_held)?;
        }
        Ok(reading.row)
    }

    /// Adds the images of a row that are not in `held` to what each choice of how they are stored takes; those that
    /// cannot be used take nothing.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn choices_of_row(
        &self,
        row: &Row<'_>,
        held: &mut HashSet<u64>,
        choices: &mut StoreChoices,
    ) -> Result<(), EngineError> {
        let mut seen = SeenPaths::default();
        let mut reading = self.reading(&mut seen);
        for (number, image) in row.images.iter().enumerate() {
            let came = match reading.came(&Here { number, image }) {
                Err(Failure::Scan(error)) => return Err(error),
                Ok(Some(came)) if held.insert(came.hash) => came,
                Ok(_) | Err(Failure::Row(_)) => continue,
            };
            if let Ok(facts) = self.work.examined(&came.bytes, came.hash) {
                // One that does not decode after all takes nothing, too.
                let _ = choices.add(&self.work, &came.bytes, &facts);
            }
        }
        Ok(())
    }

    /// Hands out the images of a row one after the other, as they came.
    ///
    /// # Errors
    /// When one of them cannot be read, or `each` fails.
    pub fn pictures_of_row(
        &self,
        row: &Row<'_>,
        seen: &mut SeenPaths,
        mut each: impl FnMut(Picture<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut reading = self.reading(seen);
        for (number, image) in row.images.iter().enumerate() {
            let here = Here { number, image };
            if let Some(came) = reading.came(&here)? {
                each(Picture {
                    bytes: &came.bytes,
                    hash: came.hash,
                    place: &came.place,
                    here: &here,
                })?;
            }
        }
        Ok(())
    }

    /// Decodes an image, in the room that all decoders share.
    ///
    /// # Errors
    /// When it does not decode.
    pub fn decode(&self, bytes: &[u8], header: &Header) -> Result<Decoded<'_>, ImageError> {
        self.work.decode(bytes, header)
    }

    /// Whether images are fetched.
    pub fn fetches(&self) -> bool {
        self.fetched.is_some()
    }

    /// Adds the addresses of a row's images that are fetched before it is scanned, each with the path under which what
    /// comes of it is kept.
    pub fn addresses_of_row(&self, row: &Row<'_>, addresses: &mut BTreeMap<String, PathBuf>) {
        let Some(fetched) = &self.fetched else {
            return;
        };
        for image in &row.images {
            if let ImageValue::Text(text) = &image.value
                && is_web_address(text)
                && !addresses.contains_key(&**text)
            {
                addresses.insert(text.to_string(), fetched.place_of(text));
            }
        }
    }

    fn reading<'r>(&'r self, seen: &'r mut SeenPaths) -> RowReading<'r> {
        RowReading {
            images: self,
            seen,
            row: RowImages::default(),
            held: HashSet::new(),
            read_bytes: 0,
            stored_bytes: 0,
            tokens: 0,
        }
    }
}

/// The images of one row while they are read.
struct RowReading<'r> {
    images: &'r Images,
    seen: &'r mut SeenPaths,
    row: RowImages,
    /// Hashes of the new ones.
    held: HashSet<u64>,
    read_bytes: u64,
    stored_bytes: u64,
    tokens: u64,
}

/// The bytes of an image, their hash, and where they are from.
struct Came<'b> {
    bytes: Cow<'b, [u8]>,
    hash: u64,
    place: String,
}

impl RowReading<'_> {
    fn add(
        &mut self,
        number: usize,
        image: &ImageRef<'_>,
        is_held: &impl Fn(u64) -> bool,
    ) -> Result<(), Failure> {
        let here = Here { number, image };
        if let Some((hash, facts)) = self.known_path(image)
            && (self.held.contains(&hash) || is_held(hash))
        {
            return self.show(&here, hash, facts, here.named());
        }
        let Some(came) = self.came(&here)? else {
            return Ok(());
        };
        let Came { bytes, hash, place } = came;
        let fault = |error: &ImageError| here.fault_of_image(&place, hash, error);
        let facts = self.images.work.examined(&bytes, hash);
        let facts = facts.map_err(|error| fault(&error))?;
        if !self.held.contains(&hash) && !is_held(hash) {
            let stored = self.images.work.stored(bytes.into_owned(), &facts);
            let stored = stored.map_err(|error| fault(&error))?;
            self.stored_bytes += stored.len() as u64;
            if self.stored_bytes > MAX_ROW_IMAGE_BYTES {
                return Err(here
                    .too_large("the images of the row take more than 64 MiB")
                    .into());
            }
            self.held.insert(hash);
            self.row.new.push(new_image(
                hash,
                &facts,
                self.images.work.has_dhash(),
                stored,
            ));
        }
        self.show(&here, hash, facts, place)
    }

    /// The image that the path of an image led to before, if both are still known.
    fn known_path(&mut self, image: &ImageRef<'_>) -> Option<(u64, ImageFacts)> {
        let ImageValue::Text(text) = &image.value else {
            return None;
        };
        let (hash, file) = self.seen.images.get(&**text)?;
        let facts = self.images.work.known(*hash)?.ok()?;
        if let Some((path, state)) = file {
            self.seen.files.insert(path.clone(), Some(*state));
        }
        Some((*hash, facts))
    }

    /// The bytes of an image; nothing of one that is left out.
    fn came<'b>(&mut self, here: &Here<'b, '_>) -> Result<Option<Came<'b>>, Failure> {
        let left = MAX_ROW_IMAGE_BYTES.saturating_sub(self.read_bytes);
        let came = match &here.image.value {
            ImageValue::Bytes(bytes) => Came {
                bytes: Cow::Borrowed(bytes),
                hash: xxh3_64(bytes),
                place: here.named(),
            },
            ImageValue::Text(text) => self.read(here, text, left)?,
            ImageValue::LeftOut => return Ok(None),
        };
        self.read_bytes += came.bytes.len() as u64;
        if came.bytes.len() as u64 > left {
            return Err(here
                .too_large("the images of the row have more than 64 MiB")
                .into());
        }
        Ok(Some(came))
    }

    /// Reads what a text leads to.
    fn read<'b>(
        &mut self,
        here: &Here<'_, '_>,
        text: &str,
        left: u64,
    ) -> Result<Came<'b>, Failure> {
        if let Some(fetched) = &self.images.fetched
            && is_web_address(text)
        {
            return self.read_fetched(fetched, here, text, left);
        }
        let found = self.images.root.read(text, left);
        let Found { bytes, file } = match found {
            Ok(found) => found,
            Err(fault) => return Err(self.fault_of_file(here, text, fault)),
        };
        let hash = xxh3_64(&bytes);
        let file = file.map(|stamp| {
            let (size, mtime_ns) = (stamp.size, stamp.mtime_ns);
            let state = FileState {
                size,
                mtime_ns,
                hash,
            };
            (stamp.path, state)
        });
        let place = match &file {
            Some((path, state)) => {
                self.seen.files.insert(path.clone(), Some(*state));
                format!("`{path}`")
            }
            None => here.named(),
        };
        self.remember(text, hash, file);
        let bytes = Cow::Owned(bytes);
        Ok(Came { bytes, hash, place })
    }

    /// Reads what was fetched from an address. The address itself is in no words: it may hold a key.
    fn read_fetched<'b>(
        &mut self,
        fetched: &FetchedImages,
        here: &Here<'_, '_>,
        address: &str,
        left: u64,
    ) -> Result<Came<'b>, Failure> {
        let place = here.named();
        let bytes = match fetched.read(address, left) {
            Ok(Fetched::Image(bytes)) => bytes,
            Ok(Fetched::TooLarge) => {
                let what = "the images of the row have more than 64 MiB";
                return Err(here.too_large(what).into());
            }
            Ok(Fetched::Fault(reason, detail)) => {
                return Err(here.fault(reason, &place, &detail).into());
            }
            Err(source) => {
                let place = format!("what was fetched of image {}, {place}", here.number + 1);
                return Err(Failure::Scan(EngineError::ImageFile { place, source }));
            }
        };
        let hash = xxh3_64(&bytes);
        self.remember(address, hash, None);
        let bytes = Cow::Owned(bytes);
        Ok(Came { bytes, hash, place })
    }

    fn remember(&mut self, text: &str, hash: u64, file: Option<(String, FileState)>) {
        if self.seen.images.len() < MOST_PATHS && text.len() <= LONGEST_PATH {
            self.seen.images.insert(text.to_owned(), (hash, file));
        }
    }

    fn show(
        &mut self,
        here: &Here<'_, '_>,
        hash: u64,
        facts: ImageFacts,
        place: String,
    ) -> Result<(), Failure> {
        let tokens = self.images.work.tokens(&facts);
        self.tokens += u64::from(tokens);
        if self.tokens > MAX_ROW_IMAGE_TOKENS {
            let most =
                format!("the images of the row take more than {MAX_ROW_IMAGE_TOKENS} tokens");
            return Err(here.too_large(&most).into());
        }
        self.row.images.push(RowImage {
            number: here.number,
            hash,
            facts,
            tokens,
            place,
        });
        Ok(())
    }

    /// What becomes of a row whose image cannot be read. The part notes the file, or that there is none: another one
    /// in its place is a reason to read the row again.
    fn fault_of_file(&mut self, here: &Here<'_, '_>, text: &str, fault: FileFault) -> Failure {
        let reason = match fault {
            FileFault::Missing(_) => Reason::ImageMissing,
            FileFault::OutsideRoot(_) => Reason::ImagePath,
            FileFault::Url(_) => Reason::ImageUrl,
            FileFault::TooLarge(_) => Reason::ImageTooLarge,
            FileFault::Damaged(_) => Reason::ImageDamaged,
            FileFault::Io(source) => {
                let place = format!("image {}, {}", here.number + 1, here.named());
                return Failure::Scan(EngineError::ImageFile { place, source });
            }
        };
        if matches!(reason, Reason::ImageMissing | Reason::ImageTooLarge)
            && text.len() <= LONGEST_PATH
        {
            match state_of(&self.images.root, text) {
                Ok(state) => _ = self.seen.files.insert(text.to_owned(), state),
                Err(error) => return Failure::Scan(error),
            }
        }
        here.fault(reason, &here.named(), &fault.to_string()).into()
    }
}

/// An image of a row, and its number there.
pub struct Here<'b, 'a> {
    number: usize,
    image: &'b ImageRef<'a>,
}

impl Here<'_, '_> {
    /// Where the row has it.
    fn named(&self) -> String {
        match &self.image.place {
            ImagePlace::Unmapped(name) | ImagePlace::Column(name) => format!("column `{name}`"),
            ImagePlace::Placeholder(what) | ImagePlace::Turn(what) => what.clone(),
        }
    }

    fn fault(&self, reason: Reason, place: &str, what: &str) -> RowFault {
        let number = self.number + 1;
        RowFault::new(reason, format!("image {number}, {place}: {what}"))
    }

    fn too_large(&self, what: &str) -> RowFault {
        self.fault(Reason::ImageTooLarge, &self.named(), what)
    }

    /// What is wrong with an image, which is named by its place and the hash of its bytes.
    fn fault_of_image(&self, place: &str, hash: u64, error: &ImageError) -> RowFault {
        let reason = match error.fault {
            Fault::Damaged => Reason::ImageDamaged,
            Fault::Kind => Reason::ImageKind,
            Fault::TooLarge => Reason::ImageTooLarge,
            Fault::Shape => Reason::ImageShape,
            Fault::Depth => Reason::ImageDepth,
        };
        self.fault(reason, &format!("{place} ({hash:016x})"), &error.detail)
    }
}

/// An image of a row as it came.
pub struct Picture<'p> {
    /// The bytes.
    pub bytes: &'p [u8],
    /// Their hash.
    pub hash: u64,
    place: &'p str,
    here: &'p Here<'p, 'p>,
}

impl Picture<'_> {
    /// What is wrong with it.
    pub fn fault(&self, error: &ImageError) -> Failure {
        self.here
            .fault_of_image(self.place, self.hash, error)
            .into()
    }
}

/// The longest text that is a path.
const LONGEST_PATH: usize = 4096;

fn new_image(hash: u64, facts: &ImageFacts, has_dhash: bool, stored: Vec<u8>) -> NewImage {
    NewImage {
        hash,
        pixel_hash: facts.pixel_hash,
        dhash: has_dhash.then_some(facts.dhash),
        height: facts.height,
        width: facts.width,
        grid_h: facts.grid_h,
        grid_w: facts.grid_w,
        has_metadata: facts.has_metadata,
        stored,
    }
}
