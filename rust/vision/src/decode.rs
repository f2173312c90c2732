//! An image file becomes an upright RGB image, or a fault: nothing that is not whole passes.

mod bmp;
mod gif;
mod jpeg;
mod png;
mod tiff;
mod tiff_bytes;
mod webp;

use crate::error::{Fault, ImageError};
use crate::format::{Format, Header};
use crate::header::read_header;
use crate::image::{DecodeRules, Image, PixelHash};
use crate::samples::{Samples, refuse_gray16};
use crate::upright::upright;

/// Decodes an image file to upright RGB of 8 bits a channel.
///
/// The pixels are those of Pillow 11.3's `exif_transpose(open(file)).convert("RGB")`, bit for bit, with these rules:
///
/// - A file that is cut anywhere, or lacks its end marker, is [`Fault::Damaged`]; so is one whose decoder meets a code
///   that does not exist. Bytes behind the end marker are passed over.
/// - EXIF orientation is applied in every format that carries it, XMP's where EXIF says none; a broken block of either is
///   passed over.
/// - Transparency goes by [`DecodeRules::alpha`]: dropped, or composited on white.
/// - 16 bits of grey go by [`DecodeRules::gray16`]; of 16 bits a colour the upper 8 are taken.
/// - Colour profiles are not applied.
/// - Of several frames or pages the first counts.
/// - What the header claims is held against [`DecodeRules::max_source_pixels`] before anything is allocated.
pub fn decode(bytes: &[u8], rules: &DecodeRules) -> Result<Image, ImageError> {
    let header = read_header(bytes)?;
    limit(&header, rules)?;
    let samples = stored(bytes, &header)?;
    let pixels = samples.into_rgb(rules)?;
    let (width, height) = (header.width as usize, header.height as usize);
    if pixels.len() != 3 * width * height {
        return Err(fewer_pixels());
    }
    let pixels = upright(pixels, width, height, header.orientation);
    let (height, width) = header.upright();
    Ok(Image {
        width,
        height,
        pixels,
    })
}

/// The hash of an image file's upright pixels: [`Image::pixel_hash`] of what [`decode`] makes of it, or its fault.
///
/// An upright JPEG file is hashed as its rows come, and they are not kept: to write a photograph into new memory and read
/// it from there again takes a tenth of what it takes to decode it.
pub fn pixel_hash(bytes: &[u8], rules: &DecodeRules) -> Result<u64, ImageError> {
    let header = read_header(bytes)?;
    let is_turned = (2..=8).contains(&header.orientation);
    if header.format != Format::Jpeg || is_turned {
        return decode(bytes, rules).map(|image| image.pixel_hash());
    }
    limit(&header, rules)?;
    let mut hash = PixelHash::of_size(header.width, header.height);
    if !jpeg::each_rgb_rows(bytes, header.pixels(), |rows| hash.add(rows))? {
        return decode(bytes, rules).map(|image| image.pixel_hash());
    }
    if hash.bytes() != 3 * header.pixels() {
        return Err(fewer_pixels());
    }
    Ok(hash.digest())
}

fn fewer_pixels() -> ImageError {
    ImageError::new(Fault::Damaged, "fewer pixels than the header says")
}

fn limit(header: &Header, rules: &DecodeRules) -> Result<(), ImageError> {
    /// So that no size overflows, whatever the rules allow.
    const MOST_PIXELS: u64 = 1 << 32;
    if header.pixels() > rules.max_source_pixels.min(MOST_PIXELS) {
        return Err(ImageError::new(
            Fault::TooLarge,
            format!(
                "{} × {} pixels, and max_source_pixels is {}",
                header.width, header.height, rules.max_source_pixels
            ),
        ));
    }
    if header.gray16 {
        refuse_gray16(rules)
    } else {
        Ok(())
    }
}

fn stored(bytes: &[u8], header: &Header) -> Result<Samples, ImageError> {
    match header.format {
        Format::Jpeg => jpeg::decode_within(bytes, jpeg::Colour::Told, header.pixels()),
        Format::Png => png::decode(bytes, header),
        Format::WebP => webp::decode(bytes, header),
        Format::Gif => gif::decode(bytes),
        Format::Bmp => bmp::decode(bytes),
        Format::Tiff => tiff::decode(bytes),
    }
}
