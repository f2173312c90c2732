//! TIFF: the first page, in strips or tiles.

use crate::bytes::Order;
use crate::decode::tiff_bytes;
use crate::error::{Fault, ImageError};
use crate::palette::{coloured, unpack};
use crate::samples::Samples;
use crate::tiff_meaning::{Meaning, meaning};
use crate::tiff_page::{Page, read};

pub(super) fn decode(bytes: &[u8]) -> Result<Samples, ImageError> {
    let page = read(bytes).ok_or_else(|| damaged("its directory"))?;
    let meaning = meaning(&page).map_err(kind)?;
    let data = joined(bytes, &page)?;
    Ok(samples(&page, meaning, data))
}

fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the tiff file is damaged: {what}"))
}

fn kind(what: String) -> ImageError {
    ImageError::new(Fault::Kind, format!("a TIFF {what}"))
}

/// All pixels: rows of whole bytes, samples of a pixel side by side.
fn joined(bytes: &[u8], page: &Page) -> Result<Vec<u8>, ImageError> {
    let grid = Grid::new(page)?;
    let all = grid.across * grid.down;
    if page.offsets.len() < all * grid.planes {
        return Err(damaged("strips are missing"));
    }
    let mut sheet = vec![0; grid.stride * grid.planes * page.height as usize];
    for number in 0..all * grid.planes {
        let (plane, left, top) = grid.place(number);
        let below = page.height as usize - top;
        let rows = if page.tiled {
            grid.height
        } else {
            grid.height.min(below)
        };
        let piece = tiff_bytes::piece(bytes, page, number, grid.each, (grid.width, rows))?;
        let from = row_bytes(grid.width, grid.each, page.bits);
        let begin = row_bytes(left, grid.each, page.bits);
        let count = from.min(grid.stride - begin);
        for (y, row) in piece.chunks_exact(from).take(below.min(rows)).enumerate() {
            let at = (top + y) * grid.stride * grid.planes;
            if grid.planes == 1 {
                sheet[at + begin..at + begin + count].copy_from_slice(&row[..count]);
            } else {
                interleave(
                    &mut sheet[at..],
                    &row[..count],
                    grid.planes,
                    plane,
                    left,
                    page.bits,
                );
            }
        }
    }
    Ok(sheet)
}

/// Puts the samples of a plane to those of the others.
fn interleave(row: &mut [u8], samples: &[u8], planes: usize, plane: usize, left: usize, bits: u32) {
    let step = bits as usize / 8;
    let pixels = row.chunks_exact_mut(step * planes).skip(left);
    for (pixel, sample) in pixels.zip(samples.chunks_exact(step)) {
        pixel[plane * step..(plane + 1) * step].copy_from_slice(sample);
    }
}

/// Bytes of a row of so many pixels.
fn row_bytes(width: usize, each: usize, bits: u32) -> usize {
    (width * each * bits as usize).div_ceil(8)
}

/// How strips or tiles lie.
struct Grid {
    planes: usize,
    /// Samples of a pixel in one plane.
    each: usize,
    /// Bytes of a row of a plane.
    stride: usize,
    width: usize,
    height: usize,
    across: usize,
    down: usize,
}

impl Grid {
    fn new(page: &Page) -> Result<Self, ImageError> {
        /// A tile may be larger than a small image.
        const SLACK: u64 = 1 << 24;
        let (width, height) = page.tile;
        let pixels = u64::from(page.width) * u64::from(page.height);
        if width == 0 || height == 0 {
            return Err(damaged("a tile without pixels"));
        }
        if u64::from(width) * u64::from(height) > pixels.saturating_add(SLACK) {
            return Err(ImageError::new(
                Fault::TooLarge,
                "a TIFF with tiles larger than its image",
            ));
        }
        if page.tiled && !(u64::from(width) * u64::from(page.bits)).is_multiple_of(8) {
            return Err(kind(format!("of tiles of {width} pixels")));
        }
        let planes = if page.planar {
            page.samples as usize
        } else {
            1
        };
        let each = page.samples as usize / planes;
        Ok(Self {
            planes,
            each,
            stride: row_bytes(page.width as usize, each, page.bits),
            width: width as usize,
            height: height as usize,
            across: page.width.div_ceil(width) as usize,
            down: page.height.div_ceil(height) as usize,
        })
    }

    /// The plane of a strip or tile, and the first column and row.
    fn place(&self, number: usize) -> (usize, usize, usize) {
        let all = self.across * self.down;
        let (plane, tile) = (number / all, number % all);
        (
            plane,
            tile % self.across * self.width,
            tile / self.across * self.height,
        )
    }
}

fn samples(page: &Page, meaning: Meaning, data: Vec<u8>) -> Samples {
    let count = page.samples as usize;
    match meaning {
        Meaning::Palette => palette(page, &data),
        Meaning::Gray { white_is_zero } if page.bits > 8 => gray16(page, &data, white_is_zero),
        Meaning::Gray { white_is_zero } => gray(page, &data, white_is_zero),
        Meaning::Rgb => rgb(page, &eight(data, page), count),
        Meaning::Ink => {
            let data = eight(data, page);
            let pixels = data.chunks_exact(count);
            Samples::Cmyk(
                pixels
                    .flat_map(|pixel| pixel[..4].iter().copied())
                    .collect(),
            )
        }
    }
}

fn gray(page: &Page, data: &[u8], white_is_zero: bool) -> Samples {
    let scale = [0, 255, 85, 0, 17]
        .get(page.bits as usize)
        .copied()
        .unwrap_or(1);
    let value = |sample: u8| {
        if white_is_zero {
            255 - sample * scale
        } else {
            sample * scale
        }
    };
    let count = page.samples as usize;
    if count == 1 {
        let width = page.width as usize;
        let samples = unpack(
            data,
            width,
            page.bits as usize,
            row_bytes(width, 1, page.bits),
        );
        return Samples::Gray(samples.into_iter().map(value).collect());
    }
    // A second sample is alpha unless the file says that it is something else.
    let opaque = if page.extra == Some(0) { 255 } else { 0 };
    let pixels = data
        .chunks_exact(count)
        .map(|pixel| (value(pixel[0]), pixel[1] | opaque));
    Samples::Rgba(
        pixels
            .flat_map(|(gray, alpha)| [gray, gray, gray, alpha])
            .collect(),
    )
}

/// The upper 8 of 16 bits.
fn eight(data: Vec<u8>, page: &Page) -> Vec<u8> {
    let upper = usize::from(page.order == Order::Little);
    if page.bits == 16 {
        data.into_iter().skip(upper).step_by(2).collect()
    } else {
        data
    }
}

fn palette(page: &Page, data: &[u8]) -> Samples {
    let (width, count) = (page.width as usize, page.samples as usize);
    let stride = row_bytes(width, count, page.bits);
    let mut indices = unpack(data, width * count, page.bits as usize, stride);
    let third = page.colours.len() / 3;
    let colours: Vec<u8> = (0..third)
        .flat_map(|index| {
            [0, 1, 2].map(|channel| (page.colours[channel * third + index] >> 8).to_le_bytes()[0])
        })
        .collect();
    if count == 1 {
        return coloured(&indices, &colours, None);
    }
    let alpha: Vec<u8> = indices.chunks_exact(count).map(|pixel| pixel[1]).collect();
    indices = indices.into_iter().step_by(count).collect();
    match coloured(&indices, &colours, Some(&[])) {
        Samples::Rgba(mut pixels) if page.extra == Some(2) => {
            for (pixel, alpha) in pixels.chunks_exact_mut(4).zip(alpha) {
                pixel[3] = alpha;
            }
            Samples::Rgba(pixels)
        }
        other => other,
    }
}

fn gray16(page: &Page, data: &[u8], white_is_zero: bool) -> Samples {
    let count = page.samples as usize;
    let mut values: Vec<u16> = if page.bits == 12 {
        let stride = row_bytes(page.width as usize, 1, 12);
        data.chunks_exact(stride)
            .flat_map(|row| twelve(row, page.width as usize))
            .collect()
    } else {
        data.chunks_exact(2 * count)
            .map(|pixel| page.order.u16(pixel, 0).unwrap_or(0))
            .collect()
    };
    for value in &mut values {
        // Signed values keep their order.
        *value ^= if page.sample_format == 2 { 0x8000 } else { 0 };
        if white_is_zero {
            *value = !*value;
        }
    }
    let upper = usize::from(page.order == Order::Little);
    let alpha = (count == 2 && page.extra != Some(0))
        .then(|| data.chunks_exact(4).map(|pixel| pixel[2 + upper]).collect());
    Samples::Gray16(values, alpha)
}

fn twelve(row: &[u8], width: usize) -> impl Iterator<Item = u16> {
    (0..width).map(move |x| {
        let at = x / 2 * 3;
        let byte = |offset: usize| u16::from(row.get(at + offset).copied().unwrap_or(0));
        if x % 2 == 0 {
            byte(0) << 4 | byte(1) >> 4
        } else {
            (byte(1) & 15) << 8 | byte(2)
        }
    })
}

fn rgb(page: &Page, data: &[u8], count: usize) -> Samples {
    let pixels = data.chunks_exact(count);
    match (count, page.extra) {
        (3, _) | (_, Some(0)) => Samples::Rgb(
            pixels
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect(),
        ),
        // Colours that were multiplied by their alpha are divided by it again.
        (_, Some(1)) => Samples::Rgba(pixels.flat_map(divided).collect()),
        _ => Samples::Rgba(
            pixels
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]])
                .collect(),
        ),
    }
}

fn divided(pixel: &[u8]) -> [u8; 4] {
    let alpha = u32::from(pixel[3]);
    let of = |value: u8| {
        let quotient = (u32::from(value) * 255).checked_div(alpha);
        quotient.unwrap_or(0).min(255).to_le_bytes()[0]
    };
    [of(pixel[0]), of(pixel[1]), of(pixel[2]), pixel[3]]
}
