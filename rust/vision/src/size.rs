//! The size that a model takes an image in: the rule of transformers' `smart_resize`, in the same arithmetic.

use crate::error::{Fault, ImageError};
use crate::family::Family;

/// The long side is at most this many times the short one.
const LARGEST_ASPECT: u64 = 200;

impl Family {
    /// Height and width that an upright image of these sides is resized to.
    ///
    /// Both are multiples of [`Family::factor`], their product is within the bounds, and the shape is kept as well as
    /// multiples allow. Equal to `smart_resize` of transformers, for bounds out of order as well.
    ///
    /// # Errors
    ///
    /// [`Fault::Shape`] for a side of 0 and for one more than 200 times the other, [`Fault::TooLarge`] where the
    /// result has more rows or columns than an image can.
    pub fn resized(
        &self,
        height: u32,
        width: u32,
        min_pixels: u64,
        max_pixels: u64,
    ) -> Result<(u32, u32), ImageError> {
        check_shape(height, width)?;
        let factor = f64::from(self.factor());
        let (height, width) = (f64::from(height), f64::from(width));
        // Whole numbers below 2^53 and their products are exact in f64, as they are in Python.
        let rounded = |side: f64| (side / factor).round_ties_even() * factor;
        let (rows, columns) = (rounded(height), rounded(width));
        let (rows, columns) = if is_above(rows * columns, max_pixels) {
            let shrink = (height * width / max_pixels as f64).sqrt();
            let floored = |side: f64| ((side / shrink / factor).floor() * factor).max(factor);
            (floored(height), floored(width))
        } else if is_below(rows * columns, min_pixels) {
            let grow = (min_pixels as f64 / (height * width)).sqrt();
            let raised = |side: f64| (side * grow / factor).ceil() * factor;
            (raised(height), raised(width))
        } else {
            (rows, columns)
        };
        Ok((side(rows)?, side(columns)?))
    }
}

fn is_above(pixels: f64, bound: u64) -> bool {
    pixels > bound as f64
}

fn is_below(pixels: f64, bound: u64) -> bool {
    pixels < bound as f64
}

fn check_shape(height: u32, width: u32) -> Result<(), ImageError> {
    let (short, long) = (height.min(width), height.max(width));
    if short == 0 {
        let detail = format!("the image has no pixels: {height} × {width} (height × width)");
        return Err(ImageError::new(Fault::Shape, detail));
    }
    if u64::from(long) > LARGEST_ASPECT * u64::from(short) {
        let detail = format!(
            "one side is more than {LARGEST_ASPECT} times the other: {height} × {width} (height × width)"
        );
        return Err(ImageError::new(Fault::Shape, detail));
    }
    Ok(())
}

fn side(pixels: f64) -> Result<u32, ImageError> {
    if pixels > f64::from(u32::MAX) {
        let detail = format!("the bounds ask for a side of {pixels} pixels");
        return Err(ImageError::new(Fault::TooLarge, detail));
    }
    Ok(pixels as u32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn qwen2() -> &'static Family {
        Family::named("qwen2.5-vl").unwrap()
    }

    fn qwen3() -> &'static Family {
        Family::named("qwen3-vl").unwrap()
    }

    #[test]
    fn sizes_are_those_that_were_measured() {
        let sizes = [(28, 28), (224, 224), (512, 512), (768, 1024), (10, 1000)];
        let second = [(56, 56), (224, 224), (504, 504), (420, 588), (28, 560)];
        for ((height, width), wanted) in sizes.into_iter().zip(second) {
            let found = qwen2().resized(height, width, 3_136, 262_144).unwrap();
            assert_eq!(found, wanted);
        }
        let third = [(256, 256), (256, 256), (512, 512), (416, 576)];
        for ((height, width), wanted) in sizes.into_iter().zip(third) {
            let found = qwen3().resized(height, width, 65_536, 262_144).unwrap();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn half_goes_to_the_even_multiple() {
        // 70 / 28 = 2.5 and 98 / 28 = 3.5.
        assert_eq!(qwen2().resized(70, 98, 1, u64::MAX).unwrap(), (56, 112));
    }

    #[test]
    fn two_hundred_times_is_allowed_and_no_more() {
        assert!(qwen2().resized(1, 200, 3_136, 262_144).is_ok());
        for (height, width) in [(1, 201), (201, 1), (5, 1_001), (0, 5), (5, 0), (0, 0)] {
            let fault = qwen2().resized(height, width, 3_136, 262_144).unwrap_err();
            assert_eq!(fault.fault, Fault::Shape);
        }
    }

    #[test]
    fn bounds_without_sense_are_no_panic() {
        for bounds in [(0, 0), (u64::MAX, 0), (u64::MAX, u64::MAX), (0, u64::MAX)] {
            for sides in [(1, 1), (1, 200), (u32::MAX, u32::MAX), (4_096, 4_096)] {
                let _ = qwen3().resized(sides.0, sides.1, bounds.0, bounds.1);
            }
        }
    }
}
