//! Pixels as a file has them, and the RGB that becomes of them.

use crate::error::{Fault, ImageError};
use crate::image::{Alpha, DecodeRules, Gray16};

/// Decoded pixels, row by row, as stored: not turned.
#[derive(Debug)]
pub(crate) enum Samples {
    Gray(Vec<u8>),
    Rgb(Vec<u8>),
    /// Not multiplied by its alpha.
    Rgba(Vec<u8>),
    /// Ink, 0 is none.
    Cmyk(Vec<u8>),
    /// 16 bits of grey, and 8 of alpha where there is any.
    Gray16(Vec<u16>, Option<Vec<u8>>),
}

impl Samples {
    /// Red, green and blue.
    pub(crate) fn into_rgb(self, rules: &DecodeRules) -> Result<Vec<u8>, ImageError> {
        Ok(match self {
            Self::Gray(gray) => spread(&gray),
            Self::Rgb(rgb) => rgb,
            Self::Rgba(rgba) => match rules.alpha {
                Alpha::Drop => narrow(rgba, |[red, green, blue, _]| [red, green, blue]),
                Alpha::White => narrow(rgba, on_white),
            },
            Self::Cmyk(cmyk) => narrow(cmyk, without_ink),
            Self::Gray16(values, alpha) => {
                refuse_gray16(rules)?;
                let gray = window(&values);
                match alpha {
                    None => spread(&gray),
                    Some(alpha) => Self::Rgba(with_alpha(&gray, &alpha)).into_rgb(rules)?,
                }
            }
        })
    }
}

/// Refuses 16 bits of grey where the rules say so.
pub(crate) fn refuse_gray16(rules: &DecodeRules) -> Result<(), ImageError> {
    match rules.gray16 {
        Gray16::Window => Ok(()),
        Gray16::Reject => Err(ImageError::new(
            Fault::Depth,
            "16 bits of grey have no meaning in 8 without a window",
        )),
    }
}

fn spread(gray: &[u8]) -> Vec<u8> {
    gray.iter().flat_map(|value| [*value; 3]).collect()
}

/// Grey with its alpha, as RGBA.
pub(crate) fn with_alpha(gray: &[u8], alpha: &[u8]) -> Vec<u8> {
    gray.iter()
        .zip(alpha)
        .flat_map(|(value, alpha)| [*value, *value, *value, *alpha])
        .collect()
}

/// Four values of each pixel become three, in place: no second copy of a large image.
fn narrow(mut pixels: Vec<u8>, of: impl Fn([u8; 4]) -> [u8; 3]) -> Vec<u8> {
    let count = pixels.len() / 4;
    for pixel in 0..count {
        let [a, b, c, d] = [0, 1, 2, 3].map(|channel| pixels[4 * pixel + channel]);
        pixels[3 * pixel..3 * pixel + 3].copy_from_slice(&of([a, b, c, d]));
    }
    pixels.truncate(3 * count);
    pixels.shrink_to_fit();
    pixels
}

/// On white, in the whole numbers of Pillow's `alpha_composite`.
fn on_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    const BITS: u32 = 7;
    if alpha == 0 {
        return [255; 3];
    }
    let above = u32::from(alpha) << BITS;
    let below = (255 << BITS) - above;
    [red, green, blue].map(|value| {
        let sum = u32::from(value) * above + 255 * below + (0x80 << BITS);
        ((((sum >> 8) + sum) >> 8) >> BITS).to_le_bytes()[0]
    })
}

/// Ink to light, in the whole numbers of Pillow's `convert`.
fn without_ink([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = u32::from(255 - black);
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(ink) * light + 128;
        let dark = ((product >> 8) + product) >> 8;
        light.saturating_sub(dark).to_le_bytes()[0]
    })
}

/// The smallest value becomes 0, the largest 255, others evenly between, rounded half up.
fn window(values: &[u16]) -> Vec<u8> {
    let low = u32::from(values.iter().copied().min().unwrap_or(0));
    let high = u32::from(values.iter().copied().max().unwrap_or(0));
    let span = (high - low).max(1);
    values
        .iter()
        .map(|value| (((u32::from(*value) - low) * 255 + span / 2) / span).to_le_bytes()[0])
        .collect()
}
