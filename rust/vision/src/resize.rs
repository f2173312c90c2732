//! Resizing as torchvision does it to 8-bit images: bicubic with antialiasing, the width first, then the height.
//!
//! Both passes round to 8 bits. Weights are whole numbers of 16 bits, scaled by the largest power of two (at most
//! 2^22) that keeps an axis's largest weight below 2^14, and rounded half away from zero; a sum is rounded and clamped.
//! That is what `fast_image_resize` does with an image of three channels on one axis, but for scales that want all 22
//! bits; on two axes at once it would begin with the height, so it is asked for one at a time.

use std::borrow::Cow;

use fast_image_resize::images::{Image as Target, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::convolve::{to_height, to_width};
use crate::image::Image;

/// From about 128 source pixels to one on, weights want 22 bits, where `fast_image_resize` stops at 21.
const FAST_SHRINK: u64 = 100;

/// The image with that many rows and columns; of equal size, as it is.
///
/// # Panics
///
/// Where `image.pixels` has fewer bytes than its sides say.
#[must_use]
pub fn resize(image: &Image, height: u32, width: u32) -> Image {
    resize_with(&mut Resizer::new(), image, height, width)
}

fn resize_with(resizer: &mut Resizer, image: &Image, height: u32, width: u32) -> Image {
    let wide = if image.width == width {
        Cow::Borrowed(image)
    } else if is_fast(image.width, width) {
        Cow::Owned(one_axis(resizer, image, image.height, width))
    } else {
        Cow::Owned(to_width(image, width))
    };
    if wide.height == height {
        wide.into_owned()
    } else if is_fast(wide.height, height) {
        one_axis(resizer, &wide, height, width)
    } else {
        to_height(&wide, height)
    }
}

fn is_fast(from: u32, to: u32) -> bool {
    u64::from(from) <= FAST_SHRINK * u64::from(to)
}

/// One pass: either the height or the width stays.
fn one_axis(resizer: &mut Resizer, image: &Image, height: u32, width: u32) -> Image {
    let bicubic = ResizeAlg::Convolution(FilterType::CatmullRom);
    let options = ResizeOptions::new().resize_alg(bicubic);
    let mut target = Target::new(width, height, PixelType::U8x3);
    let source = ImageRef::new(image.width, image.height, &image.pixels, PixelType::U8x3);
    let done = source.map(|source| resizer.resize(&source, &mut target, &options).is_ok());
    assert!(
        matches!(done, Ok(true)),
        "an image has as many pixels as its sides say"
    );
    Image {
        width,
        height,
        pixels: target.into_vec(),
    }
}

#[cfg(test)]
mod tests {
    use fast_image_resize::CpuExtensions;
    use proptest::prelude::*;

    use super::*;

    fn slow(image: &Image, height: u32, width: u32) -> Image {
        to_height(&to_width(image, width), height)
    }

    /// Noise, black and white noise, or stripes.
    fn noise(width: u32, height: u32, kind: u8, seed: u64) -> Image {
        let mut state = seed | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let bytes = width as usize * height as usize * 3;
        let value = |at: usize| match kind {
            0 => next(),
            1 => (next() & 1) * 255,
            _ => ((at / 3) % 2) as u8 * 255,
        };
        Image {
            width,
            height,
            pixels: (0..bytes).map(value).collect(),
        }
    }

    fn extensions() -> Vec<CpuExtensions> {
        #[cfg(target_arch = "x86_64")]
        let all = vec![
            CpuExtensions::None,
            CpuExtensions::Sse4_1,
            CpuExtensions::Avx2,
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let all = vec![CpuExtensions::None, CpuExtensions::default()];
        all.into_iter()
            .filter(CpuExtensions::is_supported)
            .collect()
    }

    fn check(image: &Image, height: u32, width: u32) {
        let wanted = slow(image, height, width);
        for extension in extensions() {
            let mut resizer = Resizer::new();
            // SAFETY: the processor has it, as was just asked.
            unsafe { resizer.set_cpu_extensions(extension) };
            let found = resize_with(&mut resizer, image, height, width);
            assert!(
                found == wanted,
                "{extension:?}: {}×{} → {width}×{height}",
                image.width,
                image.height
            );
        }
    }

    fn a_side() -> impl Strategy<Value = u32> {
        prop_oneof![1..8_u32, 1..130_u32, Just(1_000_u32), Just(1_411_u32)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_instruction_set_is_the_slow_way(
            sides in (a_side(), 1..60_u32), to in (a_side(), 1..60_u32),
            swap in any::<bool>(), kind in 0..3_u8, seed in any::<u64>(),
        ) {
            let turn = |(long, short)| if swap { (short, long) } else { (long, short) };
            let (from, to) = (turn(sides), turn(to));
            check(&noise(from.0, from.1, kind, seed), to.1, to.0);
        }
    }

    #[test]
    fn sizes_of_models_are_the_slow_way() {
        for (width, height, to_width, to_height) in [
            (1, 1, 56, 56),
            (1, 200, 28, 560),
            (1_024, 768, 588, 420),
            (3_000, 60, 60, 60),
            (5, 96, 96, 5),
        ] {
            check(&noise(width, height, 0, 7), to_height, to_width);
        }
    }

    #[test]
    fn an_image_of_the_right_size_stays() {
        let image = noise(28, 56, 0, 3);
        assert_eq!(resize(&image, 56, 28), image);
    }
}
