//! Images, settings and errors of `octomed-vision` between Python and Rust.

use numpy::{PyArray1, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use numpy::{PyReadonlyArray3, PyUntypedArrayMethods};
use octomed_vision::{Alpha, Codec, DecodeRules, Encoded, Family, Fault, Gray16, Grid, Image};
use octomed_vision::{ImageError, LoadError, Preparation};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use serde::Deserialize;

use crate::error::{Error, Kind, Result, raise, say};

/// Of a pack: encoded images, where each begins and the last one ends, and the grid of each.
pub type PackImages<'py> = (
    PyBackedBytes,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray2<'py, u32>,
);

/// What the record of a run says of its images, as far as a batch needs it.
#[derive(Deserialize)]
struct Record {
    family: String,
    min_pixels: Option<u64>,
    max_pixels: Option<u64>,
    alpha: Option<String>,
    gray16: Option<String>,
    max_source_pixels: Option<u64>,
}

/// How the images of a run are prepared, of its record as JSON.
pub fn preparation_of(record: &str) -> Result<Preparation> {
    let record: Record = serde_json::from_str(record)?;
    let family = family_named(&record.family)?;
    let mut rules = DecodeRules::default();
    if let Some(alpha) = &record.alpha {
        rules.alpha = alpha_named(alpha)?;
    }
    if let Some(gray16) = &record.gray16 {
        rules.gray16 = gray16_named(gray16)?;
    }
    if let Some(most) = record.max_source_pixels {
        rules.max_source_pixels = most;
    }
    Ok(Preparation {
        family,
        min_pixels: record.min_pixels.unwrap_or(family.min_pixels),
        max_pixels: record.max_pixels.unwrap_or(family.max_pixels),
        rules,
    })
}

/// The family of this name.
pub fn family_named(name: &str) -> Result<&'static Family> {
    let names = || Family::ALL.map(|family| family.name);
    Family::named(name).ok_or_else(|| unknown("family", name, &names()))
}

/// The codec of this name.
pub fn codec_named(name: &str) -> Result<Codec> {
    Codec::named(name).ok_or_else(|| unknown("codec", name, &Codec::ALL.map(Codec::name)))
}

/// What becomes of transparency.
pub fn alpha_named(name: &str) -> Result<Alpha> {
    match name {
        "drop" => Ok(Alpha::Drop),
        "white" => Ok(Alpha::White),
        _ => Err(unknown("alpha", name, &["drop", "white"])),
    }
}

/// What becomes of 16 bits of grey.
pub fn gray16_named(name: &str) -> Result<Gray16> {
    match name {
        "reject" => Ok(Gray16::Reject),
        "window" => Ok(Gray16::Window),
        _ => Err(unknown("gray16", name, &["reject", "window"])),
    }
}

fn unknown(what: &str, given: &str, known: &[&str]) -> Error {
    let message = format!("`{what}` is `{given}`, which is not known");
    let hint = format!("one of: {}", known.join(", "));
    say(Kind::Data, message, Some(hint)).into()
}

/// The image that an array of `[height, width, 3]` is.
pub fn image_of(array: &PyReadonlyArray3<'_, u8>) -> Result<Image> {
    let &[height, width, channels] = array.shape() else {
        return Err(no_image(array.shape()));
    };
    let sides = (u32::try_from(height), u32::try_from(width));
    let (Ok(height), Ok(width), 3) = (sides.0, sides.1, channels) else {
        return Err(no_image(array.shape()));
    };
    if height == 0 || width == 0 {
        return Err(no_image(array.shape()));
    }
    Ok(Image {
        width,
        height,
        pixels: array.as_slice()?.to_vec(),
    })
}

fn no_image(shape: &[usize]) -> Error {
    let message = format!("the array has the shape {shape:?}, and an image has [height, width, 3]");
    say(Kind::Data, message, None).into()
}

/// The array of `[height, width, 3]` that an image is.
pub fn array_of(py: Python<'_>, image: Image) -> Result<Bound<'_, PyArray3<u8>>> {
    let shape = [image.height as usize, image.width as usize, 3];
    Ok(PyArray1::from_vec(py, image.pixels).reshape(shape)?)
}

/// Appends the images of a pack.
pub fn push_images<'a>(
    pack: usize,
    (bytes, offsets, grids): &'a PackImages<'_>,
    images: &mut Vec<Encoded<'a>>,
) -> Result<()> {
    let damaged = |message: String| say(Kind::Data, format!("pack {pack}: {message}"), None);
    let (offsets, grids) = (offsets.as_slice()?, grids.as_slice()?.chunks_exact(3));
    let (count, ends) = (grids.len(), offsets.len());
    if !grids.remainder().is_empty() || ends != count + 1 {
        return Err(damaged(format!("{count} grids of images, and {ends} offsets")).into());
    }
    for (at, (ends, grid)) in offsets.windows(2).zip(grids).enumerate() {
        let Some(bytes) = bytes.get(ends[0] as usize..ends[1] as usize) else {
            let message = format!("image {at} is not within the bytes of its images");
            return Err(damaged(message).into());
        };
        let (t, h, w) = (grid[0], grid[1], grid[2]);
        let grid = Grid { t, h, w };
        images.push(Encoded { bytes, grid });
    }
    Ok(())
}

/// An error of a batch, whose images are told by their number in their pack.
pub fn load_error(error: LoadError, places: &[(usize, usize)]) -> Error {
    match error {
        LoadError::Image { image, error } => {
            let (image, pack) = places.get(image).copied().unwrap_or((image, 0));
            let message = format!("image {image} of pack {pack}: {error}");
            let hint = "`octomed verify RUN --deep` says which shards are damaged";
            say(Kind::Data, message, Some(hint.to_owned())).into()
        }
        LoadError::Output { .. } => raise(Kind::Internal, &error, None).into(),
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        let hint = match error.fault {
            Fault::Damaged => "the file is cut or damaged: fetch or write it again",
            Fault::Kind => "JPEG, PNG, WebP, GIF, BMP and TIFF are read",
            Fault::TooLarge => "a larger limit, or a smaller image",
            Fault::Shape => "cut the image, or leave it out",
            Fault::Depth => {
                "`gray16=\"window\"` scales the smallest and largest values to 0 and 255"
            }
        };
        raise(Kind::Data, &error, Some(hint.to_owned())).into()
    }
}
