//! Encoded images to the patches of a batch, on threads of its own.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::decode::decode;
use crate::error::{Fault, ImageError};
use crate::family::{Family, Grid};
use crate::image::{DecodeRules, Image};
use crate::patches::patches;
use crate::resize::resize;

/// An encoded image, and the patches that it is to become.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// Its patches.
    pub grid: Grid,
}

/// How a run's images are prepared.
#[derive(Clone, Copy, Debug)]
pub struct Preparation {
    /// For which models.
    pub family: &'static Family,
    /// Fewest pixels of a prepared image.
    pub min_pixels: u64,
    /// Most pixels of a prepared image.
    pub max_pixels: u64,
    /// How files are decoded.
    pub rules: DecodeRules,
}

/// Why images did not become patches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// An image that cannot be used.
    #[error("image {image}: {error}")]
    Image {
        /// Its number, from 0.
        image: usize,
        /// What is wrong with it.
        error: ImageError,
    },
    /// Room for more or fewer patches than the grids have.
    #[error("{given} bytes are given for patches of {wanted} bytes")]
    Output {
        /// Bytes of the patches.
        wanted: u64,
        /// Bytes of the buffer.
        given: u64,
    },
}

/// Bytes of the patches of these grids.
///
/// # Errors
///
/// A grid that no image of the family has, by its number.
pub fn bytes_of_patches(
    grids: impl IntoIterator<Item = Grid>,
    family: &Family,
) -> Result<u64, LoadError> {
    let of_grid =
        |(image, grid)| check_grid(grid, family).map_err(|error| LoadError::Image { image, error });
    let mut total = 0_u64;
    for bytes in grids.into_iter().enumerate().map(of_grid) {
        total = total.saturating_add(bytes?);
    }
    Ok(total)
}

/// Decodes images, resizes them to their grids, and writes their patches one image after the other.
///
/// Threads take the next image each time they are free, and end with the call: a pool of the process would not outlive
/// the fork that makes a loader's worker.
///
/// # Errors
///
/// The first image in order that does not decode or has a size of another grid, and a buffer of another size.
pub fn load_patches(
    images: &[Encoded<'_>],
    preparation: &Preparation,
    threads: NonZeroUsize,
    out: &mut [u8],
) -> Result<(), LoadError> {
    let family = preparation.family;
    let wanted = bytes_of_patches(images.iter().map(|image| image.grid), family)?;
    let given = out.len() as u64;
    if wanted != given {
        return Err(LoadError::Output { wanted, given });
    }
    let work = Work::new(images, preparation, out);
    thread::scope(|scope| {
        for _ in 1..threads.get().min(images.len()) {
            // Where the system gives no more threads, those that there are take all images.
            let _ = thread::Builder::new().spawn_scoped(scope, || work.run());
        }
        work.run();
    });
    work.outcome()
}

impl Preparation {
    /// Writes the patches of one image.
    fn load(&self, image: &Encoded<'_>, out: &mut [u8]) -> Result<(), ImageError> {
        let decoded = self.decoded(image)?;
        let (height, width) = self.size_of(image.grid);
        if (decoded.height, decoded.width) == (height, width) {
            patches(&decoded, self.family, out);
        } else {
            patches(&resize(&decoded, height, width), self.family, out);
        }
        Ok(())
    }

    /// Decodes an image, whose size gives its grid.
    ///
    /// # Errors
    /// When it does not decode, or has a size of another grid.
    pub fn decoded(&self, image: &Encoded<'_>) -> Result<Image, ImageError> {
        let family = self.family;
        let wanted = self.size_of(image.grid);
        let decoded = decode(image.bytes, &self.rules)?;
        if (decoded.height, decoded.width) == wanted {
            return Ok(decoded);
        }
        let (min, max) = (self.min_pixels, self.max_pixels);
        let size = family.resized(decoded.height, decoded.width, min, max)?;
        if size != wanted {
            let Grid { h, w, .. } = family.grid(size.0, size.1);
            let detail = format!(
                "its size gives a grid of {h} × {w}, and not of {} × {}",
                image.grid.h, image.grid.w
            );
            return Err(ImageError::new(Fault::Shape, detail));
        }
        Ok(decoded)
    }

    /// Height and width of the image that has this grid.
    fn size_of(&self, grid: Grid) -> (u32, u32) {
        let patch = self.family.patch;
        (grid.h.saturating_mul(patch), grid.w.saturating_mul(patch))
    }
}

/// Images that wait, each with its room, and the first error.
struct Work<'a, 'b> {
    waiting: Mutex<Waiting<'a, 'b>>,
    failed: Mutex<Option<(usize, ImageError)>>,
    preparation: &'a Preparation,
}

struct Waiting<'a, 'b> {
    images: std::iter::Enumerate<std::slice::Iter<'a, Encoded<'a>>>,
    room: &'b mut [u8],
}

impl<'a, 'b> Work<'a, 'b> {
    fn new(images: &'a [Encoded<'a>], preparation: &'a Preparation, room: &'b mut [u8]) -> Self {
        let images = images.iter().enumerate();
        Self {
            waiting: Mutex::new(Waiting { images, room }),
            failed: Mutex::new(None),
            preparation,
        }
    }

    fn run(&self) {
        while let Some((number, image, room)) = self.next() {
            if let Err(error) = self.preparation.load(image, room) {
                self.fail(number, error);
                return;
            }
        }
    }

    /// The next image, unless one before it failed.
    fn next(&self) -> Option<(usize, &'a Encoded<'a>, &'b mut [u8])> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, image) = waiting.images.next()?;
        let bytes =
            image.grid.h as usize * image.grid.w as usize * self.preparation.family.patch_bytes();
        let (room, rest) = std::mem::take(&mut waiting.room).split_at_mut_checked(bytes)?;
        waiting.room = rest;
        Some((number, image, room))
    }

    /// Notes an error; images are begun in order, so that those before it are begun and will be heard.
    fn fail(&self, number: usize, error: ImageError) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.images = [].iter().enumerate();
        drop(waiting);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.as_ref().is_none_or(|(first, _)| number < *first) {
            *failed = Some((number, error));
        }
    }

    fn outcome(self) -> Result<(), LoadError> {
        let failed = self
            .failed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), |(image, error)| {
            Err(LoadError::Image { image, error })
        })
    }
}

/// Bytes of the patches of a grid.
fn check_grid(grid: Grid, family: &Family) -> Result<u64, ImageError> {
    let Grid { t, h, w } = grid;
    let is_whole = |patches: u32| {
        patches != 0 && patches.is_multiple_of(family.merge) && patches <= u32::MAX / family.patch
    };
    if t == 1 && is_whole(h) && is_whole(w) {
        return Ok((u64::from(h) * u64::from(w)).saturating_mul(family.patch_bytes() as u64));
    }
    let name = family.name;
    let detail = format!("its grid is {t} × {h} × {w}, which no image of {name} has");
    Err(ImageError::new(Fault::Shape, detail))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::encode::{Codec, encode};
    use crate::image::Image;

    fn preparation(family: usize) -> Preparation {
        Preparation {
            family: Family::ALL[family],
            min_pixels: 3_136,
            max_pixels: 30_000,
            rules: DecodeRules::default(),
        }
    }

    fn image(height: u32, width: u32) -> Image {
        let pixel = |at: u32| [at as u8, (at / width) as u8, 9];
        let pixels = (0..height * width).flat_map(pixel).collect();
        Image {
            width,
            height,
            pixels,
        }
    }

    fn grid(t: u32, h: u32, w: u32) -> Grid {
        Grid { t, h, w }
    }

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    fn refused(bytes: &[u8], grid: Grid, out: &mut [u8]) -> String {
        let images = [Encoded { bytes, grid }];
        let refused = load_patches(&images, &preparation(0), threads(2), out);
        refused.unwrap_err().to_string()
    }

    #[test]
    fn any_number_of_threads_writes_what_one_image_after_the_other_gives() {
        let preparation = preparation(0);
        let family = preparation.family;
        let (mut files, mut wanted) = (Vec::new(), Vec::new());
        for at in 0..23 {
            let image = image(20 + at * 7, 300 - at * 11);
            let (height, width) = family
                .resized(image.height, image.width, 3_136, 30_000)
                .unwrap();
            let grid = family.grid(height, width);
            let mut out = vec![0; (grid.h * grid.w) as usize * family.patch_bytes()];
            patches(&resize(&image, height, width), family, &mut out);
            files.push((encode(&image, Codec::Png).unwrap(), grid));
            wanted.extend(out);
        }
        let images: Vec<_> = files
            .iter()
            .map(|(bytes, grid)| Encoded { bytes, grid: *grid })
            .collect();
        for count in [1, 2, 8, 64] {
            let mut out = vec![0; wanted.len()];
            load_patches(&images, &preparation, threads(count), &mut out).unwrap();
            assert!(out == wanted);
        }
        assert_eq!(load_patches(&[], &preparation, threads(2), &mut []), Ok(()));
    }

    #[test]
    fn the_first_image_that_fails_is_named() {
        let file = encode(&image(56, 56), Codec::WebP).unwrap();
        for bad in [0, 3, 19] {
            let mut files = vec![file.clone(); 20];
            files[bad] = vec![];
            files[19] = vec![];
            let grid = grid(1, 4, 4);
            let images: Vec<_> = files.iter().map(|bytes| Encoded { bytes, grid }).collect();
            let mut out = vec![0; 20 * 16 * Family::ALL[0].patch_bytes()];
            let failed = load_patches(&images, &preparation(0), threads(2), &mut out).unwrap_err();
            assert!(failed.to_string().starts_with(&format!("image {bad}: ")));
        }
    }

    #[test]
    fn grids_and_buffers_that_do_not_fit_are_errors() {
        let file = encode(&image(60, 120), Codec::Png).unwrap();
        for (t, h, w) in [
            (2, 2, 2),
            (1, 0, 2),
            (1, 3, 2),
            (1, 2, 5),
            (0, 2, 2),
            (1, u32::MAX - 1, 2),
        ] {
            let said = refused(&file, grid(t, h, w), &mut []);
            assert!(said.starts_with("image 0: its grid is"), "{said}");
        }
        let said = refused(&file, grid(1, 2, 2), &mut [0; 5]);
        assert_eq!(said, "5 bytes are given for patches of 2352 bytes");
        let said = refused(&file, grid(1, 8, 4), &mut vec![0; 32 * 588]);
        let wanted = "image 0: its size gives a grid of 4 × 8, and not of 8 × 4";
        assert_eq!(said, wanted);
    }
}
