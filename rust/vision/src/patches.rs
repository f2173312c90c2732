//! An image as the rows of patches that a vision tower takes, in the order of Hugging Face's processors.
//!
//! Rows follow one another as `[grid_h / merge, grid_w / merge, merge, merge]`, so that the patches of a token stand
//! together; a row is `[channel, y, x]` of 8 bits, or, as `pixel_values`, `[channel, time, y, x]` of normalised float32.

use crate::family::Family;
use crate::image::Image;

/// Red, green and blue.
const CHANNELS: usize = 3;

impl Family {
    /// Bytes of a patch without its copies along time: its values of 8 bits.
    #[must_use]
    pub fn patch_bytes(&self) -> usize {
        CHANNELS * self.plane()
    }

    /// Values of a patch with its copies along time.
    #[must_use]
    pub fn patch_values(&self) -> usize {
        self.patch_bytes() * self.temporal as usize
    }

    /// Pixels of a patch.
    fn plane(&self) -> usize {
        (self.patch * self.patch) as usize
    }
}

/// Writes the patches of an image that has a size for the family; `out` has [`Family::patch_bytes`] for each.
///
/// What is beyond the last whole token of the image, or of `out`, is left out.
pub fn patches(image: &Image, family: &Family, out: &mut [u8]) {
    let (side, merge) = (family.patch as usize, family.merge as usize);
    let grid = family.grid(image.height, image.width);
    let tokens_wide = grid.w as usize / merge;
    let line = image.width as usize * CHANNELS;
    if tokens_wide == 0 {
        return;
    }
    for (at, patch) in out.chunks_exact_mut(family.patch_bytes()).enumerate() {
        let (token, within) = (at / (merge * merge), at % (merge * merge));
        let row = (token / tokens_wide * merge + within / merge) * side;
        let column = (token % tokens_wide * merge + within % merge) * side;
        let first = row * line + column * CHANNELS;
        let Some(pixels) = image.pixels.get(first..) else {
            return;
        };
        write_patch(pixels, line, side, patch);
    }
}

/// One patch out of pixels that begin with its first, whose rows are `line` bytes apart.
fn write_patch(pixels: &[u8], line: usize, side: usize, patch: &mut [u8]) {
    let (red, rest) = patch.split_at_mut(side * side);
    let (green, blue) = rest.split_at_mut(side * side);
    let planes = red.chunks_exact_mut(side).zip(green.chunks_exact_mut(side));
    let planes = planes.zip(blue.chunks_exact_mut(side));
    for (((red, green), blue), pixels) in planes.zip(pixels.chunks(line)) {
        let colors = red.iter_mut().zip(green).zip(blue);
        for (((red, green), blue), pixel) in colors.zip(pixels.chunks_exact(CHANNELS)) {
            (*red, *green, *blue) = (pixel[0], pixel[1], pixel[2]);
        }
    }
}

/// Writes what a model takes of patches: normalised, with the copies along time; `out` has [`Family::patch_values`] for each.
///
/// A value is `(byte − 255 · mean) / (255 · std)`, each step in float32, as transformers' fast processor computes it.
pub fn pixel_values(patches: &[u8], family: &Family, out: &mut [f32]) {
    let values = values_of_bytes(family);
    let (plane, copies) = (family.plane(), family.temporal as usize);
    let rows = patches.chunks_exact(family.patch_bytes());
    for (patch, row) in rows.zip(out.chunks_exact_mut(family.patch_values())) {
        let channels = patch.chunks_exact(plane).zip(&values);
        for ((channel, values), copied) in channels.zip(row.chunks_exact_mut(plane * copies)) {
            for copy in copied.chunks_exact_mut(plane) {
                for (byte, value) in channel.iter().zip(copy) {
                    *value = values[usize::from(*byte)];
                }
            }
        }
    }
}

/// What each byte becomes in each channel.
fn values_of_bytes(family: &Family) -> [[f32; 256]; CHANNELS] {
    std::array::from_fn(|channel| {
        let (mean, std) = (family.mean[channel] * 255.0, family.std[channel] * 255.0);
        std::array::from_fn(|byte| (byte as f32 - mean) / std)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image whose every pixel says where it stands.
    fn image(height: u32, width: u32) -> Image {
        let pixel = |at: u32| [(at / width) as u8, (at % width) as u8, (at * 7) as u8];
        let pixels = (0..height * width).flat_map(pixel).collect();
        Image {
            width,
            height,
            pixels,
        }
    }

    #[test]
    fn patches_stand_as_the_processor_has_them() {
        for family in Family::ALL {
            let (side, merge) = (family.patch, family.merge);
            let image = image(side * 4, side * 6);
            let mut out = vec![0; 24 * family.patch_bytes()];
            patches(&image, family, &mut out);
            let mut wanted = Vec::new();
            for (ty, tx) in (0..2).flat_map(|y| (0..3).map(move |x| (y, x))) {
                for (my, mx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    for channel in 0..3 {
                        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                            let row = (ty * merge + my) * side + y;
                            let column = (tx * merge + mx) * side + x;
                            wanted.push(
                                image.pixels[((row * image.width + column) * 3 + channel) as usize],
                            );
                        }
                    }
                }
            }
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn values_are_normalised_and_stand_twice() {
        let family = Family::ALL[0];
        let bytes: Vec<u8> = (0..family.patch_bytes()).map(|at| at as u8).collect();
        let mut out = vec![0.0; family.patch_values()];
        pixel_values(&bytes, family, &mut out);
        let plane = family.plane();
        for (at, byte) in bytes.iter().enumerate() {
            let (channel, within) = (at / plane, at % plane);
            let (mean, std) = (family.mean[channel] * 255.0, family.std[channel] * 255.0);
            let wanted = (f32::from(*byte) - mean) / std;
            for copy in 0..2 {
                assert_eq!(out[(channel * 2 + copy) * plane + within], wanted);
            }
        }
    }

    #[test]
    fn images_and_buffers_of_other_sizes_are_no_panic() {
        for family in Family::ALL {
            for (height, width) in [(0, 0), (1, 1), (13, 500), (500, 13), (33, 65), (28, 31)] {
                for rows in [0, 1, 5, 100] {
                    let mut out = vec![0; rows * family.patch_bytes() + 3];
                    patches(&image(height, width.max(1)), family, &mut out);
                }
            }
        }
    }
}
