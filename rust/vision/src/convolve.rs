//! Bicubic resizing along one axis in plain arithmetic: what torchvision does to 8-bit images, step by step.

use crate::image::Image;

const CHANNELS: usize = 3;

/// Bits that weights are scaled by, where the largest one leaves room.
const MOST_BITS: u32 = 22;

/// Weights of an axis.
struct Axis {
    /// What makes each output pixel.
    taps: Vec<Taps>,
    /// Weights are scaled by two to the power of this.
    bits: u32,
}

/// What makes an output pixel: weights of source pixels that follow one another.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// The image with another width.
pub(crate) fn to_width(image: &Image, width: u32) -> Image {
    let axis = Axis::new(image.width, width);
    let mut pixels = Vec::with_capacity(image.height as usize * width as usize * CHANNELS);
    for line in image.pixels.chunks_exact(image.width as usize * CHANNELS) {
        for taps in &axis.taps {
            let mut sums = [axis.half(); CHANNELS];
            let source = line.chunks_exact(CHANNELS).skip(taps.first);
            for (pixel, weight) in source.zip(&taps.weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += weight * i32::from(*value);
                }
            }
            pixels.extend(sums.map(|sum| axis.byte(sum)));
        }
    }
    let height = image.height;
    Image {
        width,
        height,
        pixels,
    }
}

/// The image with another height.
pub(crate) fn to_height(image: &Image, height: u32) -> Image {
    let axis = Axis::new(image.height, height);
    let line = image.width as usize * CHANNELS;
    let mut pixels = Vec::with_capacity(height as usize * line);
    for taps in &axis.taps {
        let mut sums = vec![axis.half(); line];
        let source = image.pixels.chunks_exact(line).skip(taps.first);
        for (values, weight) in source.zip(&taps.weights) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += weight * i32::from(*value);
            }
        }
        pixels.extend(sums.into_iter().map(|sum| axis.byte(sum)));
    }
    let width = image.width;
    Image {
        width,
        height,
        pixels,
    }
}

impl Axis {
    fn new(from: u32, to: u32) -> Self {
        let real: Vec<_> = (0..to).map(|at| real_taps(from, to, at)).collect();
        let weights = real.iter().flat_map(|(_, weights)| weights);
        let largest = weights.fold(0.0, |largest: f64, weight| largest.max(*weight));
        let fits = |bits: &u32| 0.5 + largest * f64::from(1 << (bits + 1)) < f64::from(1 << 15);
        let bits = (0..MOST_BITS).take_while(fits).count() as u32;
        let scaled = |weight: f64| (weight * f64::from(1 << bits)).round() as i32;
        let taps = real.into_iter().map(|(first, weights)| Taps {
            first,
            weights: weights.into_iter().map(scaled).collect(),
        });
        Self {
            taps: taps.collect(),
            bits,
        }
    }

    /// What a sum begins with, so that it is rounded.
    fn half(&self) -> i32 {
        1 << (self.bits - 1)
    }

    fn byte(&self, sum: i32) -> u8 {
        (sum >> self.bits).clamp(0, 255) as u8
    }
}

/// First source pixel and weights of one output pixel, whose sum is 1.
fn real_taps(from: u32, to: u32, at: u32) -> (usize, Vec<f64>) {
    let scale = f64::from(from) / f64::from(to);
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    let center = scale * (f64::from(at) + 0.5);
    let first = ((center - support + 0.5) as i64).max(0);
    let end = ((center + support + 0.5) as i64).min(i64::from(from));
    let most = 2 * support.ceil() as i64 + 1;
    let weight = |tap: i64| bicubic(((tap + first) as f64 - center + 0.5) * (1.0 / stretch));
    let weights: Vec<f64> = (0..(end - first).min(most)).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let weights = weights.into_iter().map(|weight| weight / total).collect();
    (first as usize, weights)
}

/// The cubic of Keys with a = −0.5.
fn bicubic(at: f64) -> f64 {
    let at = at.abs();
    if at < 1.0 {
        (1.5 * at - 2.5) * at * at + 1.0
    } else if at < 2.0 {
        (((at - 5.0) * at + 8.0) * at - 4.0) * -0.5
    } else {
        0.0
    }
}
