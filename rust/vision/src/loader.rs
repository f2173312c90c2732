//! Encoded images to the patches of a batch, on threads of its own.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::{Fault, ImageError};
use crate::family::{Family, Grid};
use crate::image::Image;
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
/// The first image in order that does not decode or whose grid is none of the family's, and a buffer of another size.
pub fn load_patches(
    images: &[Encoded<'_>],
    family: &Family,
    decode: impl Fn(&[u8]) -> Result<Image, ImageError> + Sync,
    threads: NonZeroUsize,
    out: &mut [u8],
) -> Result<(), LoadError> {
    let wanted = bytes_of_patches(images.iter().map(|image| image.grid), family)?;
    let given = out.len() as u64;
    if wanted != given {
        return Err(LoadError::Output { wanted, given });
    }
    let load = |image: &Encoded<'_>, out: &mut [u8]| {
        let (height, width) = (image.grid.h * family.patch, image.grid.w * family.patch);
        let decoded = decode(image.bytes)?;
        if (decoded.height, decoded.width) == (height, width) {
            patches(&decoded, family, out);
        } else {
            patches(&resize(&decoded, height, width), family, out);
        }
        Ok(())
    };
    let work = Work::new(images, family, out);
    thread::scope(|scope| {
        for _ in 1..threads.get().min(images.len()) {
            scope.spawn(|| work.run(&load));
        }
        work.run(&load);
    });
    work.outcome()
}

/// Images that wait, each with its room, and the first error.
struct Work<'a, 'b> {
    waiting: Mutex<Waiting<'a, 'b>>,
    failed: Mutex<Option<(usize, ImageError)>>,
    family: &'a Family,
}

struct Waiting<'a, 'b> {
    images: std::iter::Enumerate<std::slice::Iter<'a, Encoded<'a>>>,
    room: &'b mut [u8],
}

impl<'a, 'b> Work<'a, 'b> {
    fn new(images: &'a [Encoded<'a>], family: &'a Family, room: &'b mut [u8]) -> Self {
        let images = images.iter().enumerate();
        Self {
            waiting: Mutex::new(Waiting { images, room }),
            failed: Mutex::new(None),
            family,
        }
    }

    fn run(&self, load: &impl Fn(&Encoded<'_>, &mut [u8]) -> Result<(), ImageError>) {
        while let Some((number, image, room)) = self.next() {
            if let Err(error) = load(image, room) {
                self.fail(number, error);
                return;
            }
        }
    }

    /// The next image, unless one before it failed.
    fn next(&self) -> Option<(usize, &'a Encoded<'a>, &'b mut [u8])> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, image) = waiting.images.next()?;
        let bytes = image.grid.h as usize * image.grid.w as usize * self.family.patch_bytes();
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
        patches != 0 && patches % family.merge == 0 && patches <= u32::MAX / family.patch
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
    use super::*;

    /// A "file" is a height, a width and a color.
    fn decode(bytes: &[u8]) -> Result<Image, ImageError> {
        let &[height, width, color] = bytes else {
            return Err(ImageError::new(Fault::Damaged, "no three bytes"));
        };
        let pixels =
            (0..usize::from(height) * usize::from(width)).flat_map(|at| [color, at as u8, 9]);
        Ok(Image {
            height: height.into(),
            width: width.into(),
            pixels: pixels.collect(),
        })
    }

    fn two() -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }

    #[test]
    fn any_number_of_threads_writes_what_one_image_after_the_other_gives() {
        let family = Family::ALL[0];
        let files: Vec<[u8; 3]> = (0..23).map(|at| [20 + at, 90 - at, at]).collect();
        let grid = |at: usize| Grid {
            t: 1,
            h: 2 + 2 * (at as u32 % 3),
            w: 4,
        };
        let images: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(at, file)| Encoded {
                bytes: file,
                grid: grid(at),
            })
            .collect();
        let mut wanted = Vec::new();
        for image in &images {
            let decoded = decode(image.bytes).unwrap();
            let resized = resize(&decoded, image.grid.h * 14, image.grid.w * 14);
            let mut out = vec![0; (image.grid.h * image.grid.w) as usize * family.patch_bytes()];
            patches(&resized, family, &mut out);
            wanted.extend(out);
        }
        for threads in [1, 2, 8, 64] {
            let mut out = vec![0; wanted.len()];
            load_patches(
                &images,
                family,
                decode,
                NonZeroUsize::new(threads).unwrap(),
                &mut out,
            )
            .unwrap();
            assert!(out == wanted);
        }
        assert_eq!(load_patches(&[], family, decode, two(), &mut []), Ok(()));
    }

    #[test]
    fn the_first_image_that_fails_is_named() {
        let family = Family::ALL[1];
        let grid = Grid { t: 1, h: 2, w: 2 };
        for bad in [0, 3, 19] {
            let mut files = vec![vec![40, 40, 1]; 20];
            files[bad] = vec![];
            files[19] = vec![];
            let images: Vec<_> = files.iter().map(|bytes| Encoded { bytes, grid }).collect();
            let mut out = vec![0; 20 * 4 * family.patch_bytes()];
            let error = load_patches(&images, family, decode, two(), &mut out).unwrap_err();
            assert_eq!(error.to_string(), format!("image {bad}: no three bytes"));
        }
    }

    #[test]
    fn grids_and_buffers_that_do_not_fit_are_errors() {
        let family = Family::ALL[0];
        for (t, h, w) in [
            (2, 2, 2),
            (1, 0, 2),
            (1, 3, 2),
            (1, 2, 5),
            (0, 2, 2),
            (1, u32::MAX - 1, 2),
        ] {
            let image = Encoded {
                bytes: &[40, 40, 1],
                grid: Grid { t, h, w },
            };
            let error = load_patches(&[image], family, decode, two(), &mut []).unwrap_err();
            assert!(
                error.to_string().starts_with("image 0: its grid is"),
                "{error}"
            );
        }
        let image = Encoded {
            bytes: &[40, 40, 1],
            grid: Grid { t: 1, h: 2, w: 2 },
        };
        let error = load_patches(&[image], family, decode, two(), &mut [0; 5]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "5 bytes are given for patches of 2352 bytes"
        );
    }
}
