//! A small grey image of a picture, and the hash of its gradients that copies of it share.
//!
//! Both are Pillow's, bit for bit: `convert("L")`, then `resize(…, LANCZOS)`, the width first, in whole numbers of 22 bits. The
//! hash is `ImageHash`'s `dhash` of eight rows: whether each of nine pixels of a row is brighter than the one before it.

use std::f64::consts::PI;

use crate::image::Image;

/// Rows of the hash, and gradients of each.
const SIDE: u32 = 8;
/// Bits that weights are scaled by.
const BITS: u32 = 22;
/// Half the width of the kernel, in pixels of the smaller image.
const SUPPORT: f64 = 3.0;

impl Image {
    /// The hash of its gradients, row by row, the first in the highest bit: 64 bits, of which a copy that was resized or
    /// compressed again changes few.
    ///
    /// Of an image without pixels it is 0.
    #[must_use]
    pub fn dhash(&self) -> u64 {
        let small = self.small_gray(SIDE, SIDE + 1);
        let rows = small.chunks_exact(SIDE as usize + 1);
        let brighter = rows.flat_map(|row| row.windows(2).map(|pair| pair[1] > pair[0]));
        brighter.fold(0, |hash, is| hash << 1 | u64::from(is))
    }

    /// The image in grey, of this size: a byte for each pixel, row by row; empty where it has no pixels.
    #[must_use]
    pub fn small_gray(&self, height: u32, width: u32) -> Vec<u8> {
        if self.width == 0 || self.height == 0 {
            return Vec::new();
        }
        let gray: Vec<u8> = self.pixels.chunks_exact(3).map(luma).collect();
        let wide = to_width(gray, self.width, width);
        to_height(wide, width, self.height, height)
    }
}

/// ITU-R 601-2 luma, as Pillow rounds it.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
    ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
}

/// What makes an output pixel: weights of source pixels that follow one another.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

fn to_width(pixels: Vec<u8>, from: u32, to: u32) -> Vec<u8> {
    if from == to {
        return pixels;
    }
    let taps = all_taps(from, to);
    let lines = pixels.chunks_exact(from as usize);
    let pixel = |line: &[u8], taps: &Taps| {
        let source = line[taps.first..].iter().zip(&taps.weights);
        let sum = source.fold(HALF, |sum, (&value, weight)| {
            sum + i32::from(value) * weight
        });
        byte(sum)
    };
    lines
        .flat_map(|line| taps.iter().map(move |taps| pixel(line, taps)))
        .collect()
}

fn to_height(pixels: Vec<u8>, width: u32, from: u32, to: u32) -> Vec<u8> {
    if from == to {
        return pixels;
    }
    let width = width as usize;
    let mut resized = Vec::with_capacity(to as usize * width);
    for taps in all_taps(from, to) {
        let mut sums = vec![HALF; width];
        let lines = pixels.chunks_exact(width).skip(taps.first);
        for (line, weight) in lines.zip(&taps.weights) {
            for (sum, &value) in sums.iter_mut().zip(line) {
                *sum += i32::from(value) * weight;
            }
        }
        resized.extend(sums.into_iter().map(byte));
    }
    resized
}

/// What a sum begins with, so that it is rounded.
const HALF: i32 = 1 << (BITS - 1);

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

fn all_taps(from: u32, to: u32) -> Vec<Taps> {
    (0..to).map(|at| taps(from, to, at)).collect()
}

fn taps(from: u32, to: u32, at: u32) -> Taps {
    let scale = f64::from(from) / f64::from(to);
    let stretch = scale.max(1.0);
    let support = SUPPORT * stretch;
    let center = (f64::from(at) + 0.5) * scale;
    let first = ((center - support + 0.5) as i64).max(0);
    let end = ((center + support + 0.5) as i64).min(i64::from(from));
    let inverse = 1.0 / stretch;
    let weight = |tap: i64| lanczos((tap as f64 - center + 0.5) * inverse);
    let weights: Vec<f64> = (first..end).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let scaled = |weight: f64| {
        let share = if total == 0.0 { weight } else { weight / total };
        let exact = share * f64::from(1 << BITS);
        (exact + if exact < 0.0 { -0.5 } else { 0.5 }) as i32
    };
    Taps {
        first: first as usize,
        weights: weights.into_iter().map(scaled).collect(),
    }
}

fn lanczos(at: f64) -> f64 {
    if (-SUPPORT..SUPPORT).contains(&at) {
        sinc(at) * sinc(at / SUPPORT)
    } else {
        0.0
    }
}

fn sinc(at: f64) -> f64 {
    if at == 0.0 {
        return 1.0;
    }
    let angle = at * PI;
    angle.sin() / angle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: u32, height: u32, value: impl Fn(u32, u32) -> [u8; 3]) -> Image {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [(x, y)]));
        Image {
            width,
            height,
            pixels: pixels.flat_map(|(x, y)| value(x, y)).collect(),
        }
    }

    #[test]
    fn a_gradient_sets_all_bits_or_none() {
        let rising = image(90, 40, |x, _| [x as u8 * 2; 3]);
        let falling = image(90, 40, |x, _| [200 - x as u8 * 2; 3]);
        assert_eq!((rising.dhash(), falling.dhash()), (u64::MAX, 0));
        assert_eq!(image(3, 3, |_, _| [9; 3]).dhash(), 0);
        assert_eq!(Image::default().dhash(), 0);
    }

    #[test]
    fn the_first_bit_is_that_of_the_upper_left() {
        let step = image(9, 8, |x, y| [u8::from(x > 0 && y == 0) * 255; 3]);
        assert_eq!(step.dhash(), 1 << 63);
        let step = image(9, 8, |x, y| [u8::from(x == 8 && y == 7) * 255; 3]);
        assert_eq!(step.dhash(), 1);
    }

    #[test]
    fn a_side_of_the_right_size_stays() {
        let noise = image(9, 64, |x, y| [(x * 31 + y * 17) as u8; 3]);
        let gray = noise.small_gray(64, 9);
        assert!(
            noise
                .pixels
                .chunks(3)
                .zip(&gray)
                .all(|(pixel, gray)| pixel[0] == *gray)
        );
    }
}
