//! TIFF: the first page, in strips or tiles.

use crate::bytes::Order;
use crate::decode::tiff_bytes;
use crate::error::{Fault, ImageError};
use crate::palette::{coloured, unpack};
use crate::samples::Samples;
use crate::tiff_page::{Page, read};

pub(super) fn decode(bytes: &[u8]) -> Result<Samples, ImageError> {
    let page = read(bytes).ok_or_else(|| damaged("its directory"))?;
    let meaning = meaning(&page)?;
    let data = joined(bytes, &page)?;
    Ok(samples(&page, meaning, data))
}

pub(super) fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the tiff file is damaged: {what}"))
}

fn kind(what: String) -> ImageError {
    ImageError::new(Fault::Kind, format!("a TIFF {what}"))
}

/// What the samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Gray { white_is_zero: bool },
    Palette,
    Rgb,
    Ink,
}

/// Samples that are colours.
fn colours_of(meaning: Meaning) -> u32 {
    match meaning {
        Meaning::Gray { .. } | Meaning::Palette => 1,
        Meaning::Rgb => 3,
        Meaning::Ink => 4,
    }
}

fn meaning(page: &Page) -> Result<Meaning, ImageError> {
    let meaning = match page.photometric {
        0 => Meaning::Gray {
            white_is_zero: true,
        },
        1 => Meaning::Gray {
            white_is_zero: false,
        },
        2 => Meaning::Rgb,
        3 => Meaning::Palette,
        5 => Meaning::Ink,
        6 if page.compression == 7 => Meaning::Rgb,
        other => return Err(kind(format!("of photometric interpretation {other}"))),
    };
    let colours = colours_of(meaning);
    let depth = match meaning {
        Meaning::Gray { .. } if page.samples == 1 => matches!(page.bits, 1 | 2 | 4 | 8 | 12 | 16),
        Meaning::Palette if page.samples == 1 => matches!(page.bits, 1 | 2 | 4 | 8),
        Meaning::Palette => page.bits == 8,
        _ => matches!(page.bits, 8 | 16),
    };
    let signed = page.sample_format == 2 && page.bits != 16;
    let format = matches!(page.sample_format, 1 | 4) || page.sample_format == 2 && !signed;
    if !depth || !format && !(page.sample_format == 2 && page.bits == 8) || !page.even_bits {
        return Err(kind(format!(
            "of {} bits and sample format {}",
            page.bits, page.sample_format
        )));
    }
    if page.samples < colours || page.samples > colours + 4 {
        return Err(kind(format!("of {} samples a pixel", page.samples)));
    }
    Ok(meaning)
}

/// All pixels: rows of whole bytes, samples of a pixel side by side.
fn joined(bytes: &[u8], page: &Page) -> Result<Vec<u8>, ImageError> {
    let planes = if page.planar { page.samples } else { 1 };
    if page.planar && page.bits % 8 != 0 {
        return Err(kind(format!("of planes of {} bits", page.bits)));
    }
    let each = (page.samples / planes) as usize;
    let grid = Grid::new(page, each)?;
    let wanted = grid.across * grid.down * planes as usize;
    if page.offsets.len() < wanted {
        return Err(damaged("strips are missing"));
    }
    let step = (page.bits.div_ceil(8)) as usize;
    let stride = row_bytes(page.width, each, page.bits);
    let mut all = vec![0; stride * planes as usize * page.height as usize];
    for number in 0..wanted {
        let (plane, tile) = (
            number / (grid.across * grid.down),
            number % (grid.across * grid.down),
        );
        let (left, top) = (
            tile % grid.across * grid.width,
            tile / grid.across * grid.height,
        );
        let rows = if page.tiled {
            grid.height
        } else {
            grid.height.min(page.height as usize - top)
        };
        let piece = tiff_bytes::piece(bytes, page, number, each, (grid.width, rows))?;
        let from = row_bytes(grid.width as u32, each, page.bits);
        let begin = left * each * page.bits as usize / 8;
        for (y, row) in piece
            .chunks_exact(from)
            .take((page.height as usize - top).min(rows))
            .enumerate()
        {
            let count = from.min(stride - begin);
            let at = (top + y) * stride;
            if planes == 1 {
                all[at + begin..at + begin + count].copy_from_slice(&row[..count]);
            } else {
                let pixels = all[at * planes as usize..].chunks_exact_mut(step * planes as usize);
                for (pixel, sample) in pixels.skip(left).zip(row[..count].chunks_exact(step)) {
                    pixel[plane * step..(plane + 1) * step].copy_from_slice(sample);
                }
            }
        }
    }
    Ok(all)
}

/// Bytes of a row of so many pixels.
pub(super) fn row_bytes(width: u32, each: usize, bits: u32) -> usize {
    (width as usize * each * bits as usize).div_ceil(8)
}

/// How strips or tiles lie.
struct Grid {
    width: usize,
    height: usize,
    across: usize,
    down: usize,
}

impl Grid {
    fn new(page: &Page, each: usize) -> Result<Self, ImageError> {
        /// A tile may be larger than a small image.
        const SLACK: u64 = 16 << 20;
        let (width, height) = page.tile;
        if width == 0 || height == 0 {
            return Err(damaged("a tile without pixels"));
        }
        if page.tiled && width * page.bits % 8 != 0 {
            return Err(kind(format!("of tiles of {width} pixels")));
        }
        let size = row_bytes(width, each, page.bits) as u64 * u64::from(height);
        let pixels = u64::from(page.width) * u64::from(page.height);
        if size > SLACK + 8 * pixels {
            return Err(ImageError::new(
                Fault::TooLarge,
                "a TIFF with tiles larger than its image",
            ));
        }
        Ok(Self {
            width: width as usize,
            height: height as usize,
            across: page.width.div_ceil(width) as usize,
            down: page.height.div_ceil(height) as usize,
        })
    }
}

fn samples(page: &Page, meaning: Meaning, data: Vec<u8>) -> Samples {
    let deep = page.bits == 16;
    let (width, count) = (page.width as usize, page.samples as usize);
    match meaning {
        Meaning::Palette => palette(page, &data, width),
        Meaning::Gray { white_is_zero } if page.bits > 8 => gray16(page, &data, white_is_zero),
        Meaning::Gray { white_is_zero } if count == 1 => {
            let scale = [0, 255, 85, 0, 17]
                .get(page.bits as usize)
                .copied()
                .unwrap_or(1);
            let mut gray = unpack(
                &data,
                width,
                page.bits as usize,
                row_bytes(page.width, 1, page.bits),
            );
            for value in &mut gray {
                *value *= scale;
                if white_is_zero {
                    *value = 255 - *value;
                }
            }
            Samples::Gray(gray)
        }
        Meaning::Gray { white_is_zero } => Samples::Rgba(
            data.chunks_exact(count)
                .flat_map(|pixel| {
                    let gray = if white_is_zero {
                        255 - pixel[0]
                    } else {
                        pixel[0]
                    };
                    [gray, gray, gray, pixel[1]]
                })
                .collect(),
        ),
        Meaning::Rgb => rgb(page, &eight(data, page, deep), count),
        Meaning::Ink => {
            let data = eight(data, page, deep);
            Samples::Cmyk(
                data.chunks_exact(count)
                    .flat_map(|pixel| pixel[..4].iter().copied())
                    .collect(),
            )
        }
    }
}

/// The upper 8 of 16 bits.
fn eight(data: Vec<u8>, page: &Page, deep: bool) -> Vec<u8> {
    let upper = usize::from(page.order == Order::Little);
    if deep {
        data.into_iter().skip(upper).step_by(2).collect()
    } else {
        data
    }
}

fn palette(page: &Page, data: &[u8], width: usize) -> Samples {
    let count = page.samples as usize;
    let stride = row_bytes(page.width, count, page.bits);
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
        let stride = row_bytes(page.width, 1, 12);
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
    let alpha = (count == 2).then(|| data.chunks_exact(4).map(|pixel| pixel[2 + upper]).collect());
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
        if alpha == 0 {
            0
        } else {
            (u32::from(value) * 255 / alpha).min(255).to_le_bytes()[0]
        }
    };
    [of(pixel[0]), of(pixel[1]), of(pixel[2]), pixel[3]]
}
