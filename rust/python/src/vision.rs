//! Bindings of `octomed-vision`: sizes, pixels and patches, of one image and of a batch.

use std::num::NonZeroUsize;

use numpy::{
    PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3,
    PyReadwriteArray2, PyUntypedArrayMethods,
};
use octomed_vision::{DecodeRules, Family};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{Error, Kind, Result, say};
use crate::image_values::{
    PackImages, alpha_named, array_of, codec_named, family_named, gray16_named, image_of,
    load_error, preparation_of, push_images,
};
use crate::leave::leave;

/// Most pixels of an image that is made here at once: 3 GiB of them.
const MOST_PIXELS: u64 = 1 << 30;

/// Of a family: name, sides of a patch, of a token in patches, copies along time, mean, standard deviation, fewest and
/// most pixels.
type FamilyValues = (&'static str, u32, u32, u32, [f32; 3], [f32; 3], u64, u64);

/// The families of models whose images are prepared.
#[pyfunction]
#[pyo3(signature = ())]
pub fn image_families() -> Vec<FamilyValues> {
    let values = |family: &'static Family| {
        (
            family.name,
            family.patch,
            family.merge,
            family.temporal,
            family.mean,
            family.std,
            family.min_pixels,
            family.max_pixels,
        )
    };
    Family::ALL.into_iter().map(values).collect()
}

/// Height and width of an upright image, as the header of its file says.
#[pyfunction]
#[pyo3(signature = (data: "numpy.typing.NDArray[numpy.uint8]"))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn image_size(py: Python<'_>, data: PyReadonlyArray1<'_, u8>) -> Result<(u32, u32)> {
    let data = data.as_slice()?;
    Ok(leave(py, || {
        octomed_vision::read_header(data).map(|header| header.upright())
    })?)
}

/// What the header of an image file says: its format, height and width of the upright image, its orientation as EXIF
/// numbers them, and whether the file says who or what it is of.
#[pyfunction]
#[pyo3(signature = (data: "numpy.typing.NDArray[numpy.uint8]"))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn image_header(
    py: Python<'_>,
    data: PyReadonlyArray1<'_, u8>,
) -> Result<(&'static str, u32, u32, u8, bool)> {
    let data = data.as_slice()?;
    Ok(leave(py, || {
        let header = octomed_vision::read_header(data)?;
        let (height, width) = header.upright();
        let identifies = octomed_vision::has_metadata(data);
        let format = header.format.name();
        Ok::<_, Error>((format, height, width, header.orientation, identifies))
    })?)
}

/// Height and width that a model takes an image in, and the tokens that stand for it.
#[pyfunction]
#[pyo3(signature = (height, width, family, min_pixels=None, max_pixels=None))]
pub fn resized_image_size(
    height: u32,
    width: u32,
    family: &str,
    min_pixels: Option<u64>,
    max_pixels: Option<u64>,
) -> Result<(u32, u32, u32)> {
    let family = family_named(family)?;
    let (min, max) = (
        min_pixels.unwrap_or(family.min_pixels),
        max_pixels.unwrap_or(family.max_pixels),
    );
    let (height, width) = family.resized(height, width, min, max)?;
    Ok((height, width, family.tokens(family.grid(height, width))))
}

/// An image file as an upright RGB image: `[height, width, 3]`.
#[pyfunction]
#[pyo3(signature = (data: "numpy.typing.NDArray[numpy.uint8]", alpha, gray16, max_source_pixels) -> "numpy.typing.NDArray[numpy.uint8]")]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn decode_image<'py>(
    py: Python<'py>,
    data: PyReadonlyArray1<'py, u8>,
    alpha: &str,
    gray16: &str,
    max_source_pixels: u64,
) -> Result<Bound<'py, PyArray3<u8>>> {
    let rules = DecodeRules {
        alpha: alpha_named(alpha)?,
        gray16: gray16_named(gray16)?,
        max_source_pixels,
    };
    let data = data.as_slice()?;
    array_of(py, leave(py, || octomed_vision::decode(data, &rules))?)
}

/// An image in another size.
#[pyfunction]
#[pyo3(signature = (image: "numpy.typing.NDArray[numpy.uint8]", height, width) -> "numpy.typing.NDArray[numpy.uint8]")]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn resize_image<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    height: u32,
    width: u32,
) -> Result<Bound<'py, PyArray3<u8>>> {
    let image = image_of(&image)?;
    // The first pass gives the image its width alone.
    let rows = u64::from(height.max(image.height));
    if height == 0 || width == 0 || rows * u64::from(width) > MOST_PIXELS {
        let message = format!("an image cannot be resized to {height} × {width} (height × width)");
        return Err(say(Kind::Data, message, None).into());
    }
    let resized = leave(py, || {
        Ok::<_, Error>(octomed_vision::resize(&image, height, width))
    })?;
    array_of(py, resized)
}

/// The patches of an image whose sides are multiples of the family's.
#[pyfunction]
#[pyo3(signature = (image: "numpy.typing.NDArray[numpy.uint8]", family) -> "numpy.typing.NDArray[numpy.uint8]")]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn patches_of_image<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    family: &str,
) -> Result<Bound<'py, PyArray2<u8>>> {
    let (family, image) = (family_named(family)?, image_of(&image)?);
    let (height, width, factor) = (image.height, image.width, family.factor());
    if height % factor != 0 || width % factor != 0 {
        let message = format!(
            "{height} × {width} (height × width) are no multiples of {factor}, as {} needs",
            family.name
        );
        let hint = "`octomed.vision.resized` says which size the model takes the image in";
        return Err(say(Kind::Data, message, Some(hint.to_owned())).into());
    }
    let grid = family.grid(height, width);
    let rows = grid.h as usize * grid.w as usize;
    let array = PyArray2::zeros(py, [rows, family.patch_bytes()], false);
    let mut writable = array.readwrite();
    let out = writable.as_slice_mut()?;
    leave(py, || {
        octomed_vision::patches(&image, family, out);
        Ok::<_, Error>(())
    })?;
    Ok(array)
}

/// What a model takes of patches, normalised and with the copies along time.
#[pyfunction]
#[pyo3(signature = (patches: "numpy.typing.NDArray[numpy.uint8]", family) -> "numpy.typing.NDArray[numpy.float32]")]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn values_of_patches<'py>(
    py: Python<'py>,
    patches: PyReadonlyArray2<'py, u8>,
    family: &str,
) -> Result<Bound<'py, PyArray2<f32>>> {
    let family = family_named(family)?;
    let (rows, bytes) = (patches.shape()[0], patches.shape()[1]);
    if bytes != family.patch_bytes() {
        let (wanted, name) = (family.patch_bytes(), family.name);
        let message = format!("a patch has {bytes} bytes, and {name}'s have {wanted}");
        return Err(say(Kind::Data, message, None).into());
    }
    let array = PyArray2::zeros(py, [rows, family.patch_values()], false);
    let mut writable = array.readwrite();
    let (patches, out) = (patches.as_slice()?, writable.as_slice_mut()?);
    leave(py, || {
        octomed_vision::pixel_values(patches, family, out);
        Ok::<_, Error>(())
    })?;
    Ok(array)
}

/// The bytes of a file that shows an image.
#[pyfunction]
#[pyo3(signature = (image: "numpy.typing.NDArray[numpy.uint8]", codec))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn encode_image<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    codec: &str,
) -> Result<Bound<'py, PyBytes>> {
    let image = image_of(&image)?;
    let codec = codec_named(codec)?;
    let file = leave(py, || octomed_vision::encode(&image, codec))?;
    Ok(PyBytes::new(py, &file))
}

/// A hash of an image's size and pixels.
#[pyfunction]
#[pyo3(signature = (image: "numpy.typing.NDArray[numpy.uint8]"))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn image_pixel_hash(py: Python<'_>, image: PyReadonlyArray3<'_, u8>) -> Result<u64> {
    let image = image_of(&image)?;
    Ok(leave(py, || Ok::<_, Error>(image.pixel_hash()))?)
}

/// The hash of an image's gradients, which copies of it share but for a few bits.
#[pyfunction]
#[pyo3(signature = (image: "numpy.typing.NDArray[numpy.uint8]"))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn image_dhash(py: Python<'_>, image: PyReadonlyArray3<'_, u8>) -> Result<u64> {
    let image = image_of(&image)?;
    Ok(leave(py, || Ok::<_, Error>(image.dhash()))?)
}

/// A hash of the bytes of an image file.
#[pyfunction]
#[pyo3(signature = (data: "numpy.typing.NDArray[numpy.uint8]"))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn image_content_hash(py: Python<'_>, data: PyReadonlyArray1<'_, u8>) -> Result<u64> {
    let data = data.as_slice()?;
    Ok(leave(py, || {
        Ok::<_, Error>(octomed_vision::content_hash(data))
    })?)
}

/// Writes the patches of the images of packs into `out`, one image after the other.
///
/// A pack is its encoded images, where each begins and the last one ends, and the grid of each, or None without images;
/// `vision` is the record of the run as JSON. `threads` work at a time.
#[pyfunction]
#[pyo3(signature = (
    packs: "collections.abc.Sequence[tuple[bytes, numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32]] | None]",
    vision,
    out: "numpy.typing.NDArray[numpy.uint8]",
    threads,
))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn image_patches<'py>(
    py: Python<'py>,
    packs: Vec<Option<PackImages<'py>>>,
    vision: &str,
    mut out: PyReadwriteArray2<'py, u8>,
    threads: NonZeroUsize,
) -> Result<()> {
    let preparation = preparation_of(vision)?;
    let (mut images, mut places) = (Vec::new(), Vec::new());
    for (pack, columns) in packs.iter().enumerate() {
        if let Some(columns) = columns {
            let first = images.len();
            push_images(pack, columns, &mut images)?;
            places.extend((0..images.len() - first).map(|image| (image, pack)));
        }
    }
    let out = out.as_slice_mut()?;
    Ok(leave(py, || {
        octomed_vision::load_patches(&images, &preparation, threads, out)
            .map_err(|error| load_error(error, &places))
    })?)
}
