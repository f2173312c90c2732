//! Images written again, where a run stores them resized.

use std::fmt;

use crate::error::{Fault, ImageError};
use crate::image::Image;

/// Quality of JPEG: with full colour, a mean difference below one of 255 levels.
const JPEG_QUALITY: u8 = 95;

/// A format that images are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Lossless WebP.
    #[default]
    WebP,
    /// PNG, compressed fast.
    Png,
    /// JPEG of quality 95 with full colour (4:4:4).
    Jpeg,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WebP, Self::Png, Self::Jpeg];

    /// Its name, as recipes have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebP => "webp",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
        }
    }

    /// The codec of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Whether decoding gives the pixels back as they were.
    #[must_use]
    pub fn is_lossless(self) -> bool {
        !matches!(self, Self::Jpeg)
    }
}

/// The bytes of a file that shows the image: of one channel where the image is grey.
///
/// # Errors
///
/// [`Fault::TooLarge`] for a side that the format has no room for, [`Fault::Shape`] for an image without pixels.
pub fn encode(image: &Image, codec: Codec) -> Result<Vec<u8>, ImageError> {
    if image.pixels.is_empty() {
        return Err(ImageError::new(Fault::Shape, "the image has no pixels"));
    }
    let gray = gray_of(image);
    let pixels = gray.as_deref().unwrap_or(&image.pixels);
    match codec {
        Codec::WebP => webp(image, pixels, gray.is_some()),
        Codec::Png => png(image, pixels, gray.is_some()),
        Codec::Jpeg => jpeg(image, pixels, gray.is_some()),
    }
}

/// One byte a pixel, where red, green and blue are equal everywhere.
fn gray_of(image: &Image) -> Option<Vec<u8>> {
    let pixels = image.pixels.chunks_exact(3);
    let is_gray = pixels
        .clone()
        .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    is_gray.then(|| pixels.map(|pixel| pixel[0]).collect())
}

fn webp(image: &Image, pixels: &[u8], is_gray: bool) -> Result<Vec<u8>, ImageError> {
    use image_webp::{ColorType, WebPEncoder};

    let color = if is_gray {
        ColorType::L8
    } else {
        ColorType::Rgb8
    };
    let mut file = Vec::new();
    let done = WebPEncoder::new(&mut file).encode(pixels, image.width, image.height, color);
    done.map(|()| file)
        .map_err(|error| no_room(image, Codec::WebP, &error))
}

fn png(image: &Image, pixels: &[u8], is_gray: bool) -> Result<Vec<u8>, ImageError> {
    use png::{ColorType, Compression, Encoder};

    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, image.width, image.height);
    encoder.set_color(if is_gray {
        ColorType::Grayscale
    } else {
        ColorType::Rgb
    });
    encoder.set_compression(Compression::Fast);
    let done = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(pixels)?;
        writer.finish()
    });
    done.map(|()| file)
        .map_err(|error| no_room(image, Codec::Png, &error))
}

fn jpeg(image: &Image, pixels: &[u8], is_gray: bool) -> Result<Vec<u8>, ImageError> {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    let side = |side: u32| u16::try_from(side).map_err(|error| no_room(image, Codec::Jpeg, &error));
    let (width, height) = (side(image.width)?, side(image.height)?);
    let color = if is_gray {
        ColorType::Luma
    } else {
        ColorType::Rgb
    };
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    let done = encoder.encode(pixels, width, height, color);
    done.map(|()| file)
        .map_err(|error| no_room(image, Codec::Jpeg, &error))
}

fn no_room(image: &Image, codec: Codec, error: &dyn fmt::Display) -> ImageError {
    let (height, width, name) = (image.height, image.width, codec.name());
    let detail = format!("{height} × {width} (height × width) does not go into {name}: {error}");
    ImageError::new(Fault::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn image(width: u32, height: u32, is_gray: bool) -> Image {
        let pixel = |at: u32| match is_gray {
            true => [(at * 37 % 251) as u8; 3],
            false => [(at * 37 % 251) as u8, (at % 13) as u8, (at / 7) as u8],
        };
        let pixels = (0..width * height).flat_map(pixel).collect();
        Image {
            width,
            height,
            pixels,
        }
    }

    #[test]
    fn files_are_of_their_format_and_the_same_each_time() {
        for is_gray in [false, true] {
            for (width, height) in [(1, 1), (1, 300), (301, 1), (33, 17), (560, 420)] {
                let image = image(width, height, is_gray);
                for (codec, begin) in [
                    (Codec::WebP, &b"RIFF"[..]),
                    (Codec::Png, b"\x89PNG"),
                    (Codec::Jpeg, b"\xff\xd8"),
                ] {
                    let file = encode(&image, codec).unwrap();
                    assert!(file.starts_with(begin));
                    assert_eq!(file, encode(&image, codec).unwrap());
                }
            }
        }
    }

    #[test]
    fn sides_beyond_a_format_are_errors() {
        for (codec, width) in [(Codec::WebP, 16_385), (Codec::Jpeg, 65_536)] {
            let fault = encode(&image(width, 1, false), codec).unwrap_err();
            assert_eq!(fault.fault, Fault::TooLarge);
        }
        assert!(encode(&image(65_536, 1, false), Codec::Png).is_ok());
        for codec in Codec::ALL {
            assert_eq!(
                encode(&Image::default(), codec).unwrap_err().fault,
                Fault::Shape
            );
        }
    }

    #[test]
    fn names_lead_back() {
        for codec in Codec::ALL {
            assert_eq!(Codec::named(codec.name()), Some(codec));
        }
        assert_eq!(Codec::named("gif"), None);
    }
}
