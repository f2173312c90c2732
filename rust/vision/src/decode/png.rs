//! PNG by the crate `png`.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Info, Limits, Transformations};

use crate::bytes::Order;
use crate::error::{Fault, ImageError};
use crate::format::Header;
use crate::palette::{coloured, unpack};
use crate::png_chunks::chunks;
use crate::samples::{Samples, with_alpha};

/// Memory beyond the pixels: tables of the decompressor, rows.
const SLACK: usize = 16 << 20;

pub(super) fn decode(bytes: &[u8], header: &Header) -> Result<Samples, ImageError> {
    if chunks(bytes)
        .last()
        .is_none_or(|chunk| &chunk.name != b"IEND")
    {
        return Err(damaged("it ends before its end marker"));
    }
    let pixels = usize::try_from(header.pixels())
        .map_err(|_| ImageError::new(Fault::TooLarge, "more pixels than addresses"))?;
    let limits = Limits {
        bytes: pixels.saturating_mul(8).saturating_add(SLACK),
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(|error| fault(&error))?;
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| damaged("its size"))?;
    let mut data = vec![0; size];
    reader
        .next_frame(&mut data)
        .map_err(|error| fault(&error))?;
    samples(reader.info(), data, header.width as usize)
}

fn samples(info: &Info, data: Vec<u8>, width: usize) -> Result<Samples, ImageError> {
    let transparent = info.trns.as_deref();
    let depth = info.bit_depth as usize;
    let unpacked = |data: &[u8]| unpack(data, width, depth, (width * depth).div_ceil(8));
    Ok(match (info.color_type, info.bit_depth) {
        (ColorType::Indexed, _) => {
            let palette = info
                .palette
                .as_deref()
                .ok_or_else(|| damaged("it has no palette"))?;
            coloured(&unpacked(&data), palette, transparent)
        }
        (ColorType::Grayscale, BitDepth::Sixteen) => gray16(&data, transparent),
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => gray16_alpha(&data),
        (ColorType::Grayscale, _) => gray(unpacked(&data), depth, transparent),
        (ColorType::Rgb, _) => rgb(data, depth, transparent),
        (ColorType::GrayscaleAlpha, _) => {
            let pixels = data.chunks_exact(2);
            Samples::Rgba(
                pixels
                    .flat_map(|pair| [pair[0], pair[0], pair[0], pair[1]])
                    .collect(),
            )
        }
        (ColorType::Rgba, _) => Samples::Rgba(upper(data, depth)),
    })
}

fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the png file is damaged: {what}"))
}

fn fault(error: &png::DecodingError) -> ImageError {
    match error {
        png::DecodingError::LimitsExceeded => ImageError::new(
            Fault::TooLarge,
            "the png file wants more memory than its pixels do",
        ),
        other => damaged(&other.to_string()),
    }
}

/// A sample of the transparent colour; the crate keeps two bytes of it only where there are 16 bits.
fn key(transparent: Option<&[u8]>, depth: usize, channel: usize) -> Option<u16> {
    let bytes = transparent?;
    if depth == 16 {
        Order::Big.u16(bytes, 2 * channel)
    } else {
        bytes.get(channel).copied().map(u16::from)
    }
}

fn gray(mut samples: Vec<u8>, depth: usize, transparent: Option<&[u8]>) -> Samples {
    let alpha = key(transparent, depth, 0).map(|key| {
        samples
            .iter()
            .map(|value| if u16::from(*value) == key { 0 } else { 255 })
            .collect::<Vec<u8>>()
    });
    let scale = match depth {
        1 => 255,
        2 => 85,
        4 => 17,
        _ => 1,
    };
    for value in &mut samples {
        *value *= scale;
    }
    match alpha {
        None => Samples::Gray(samples),
        Some(alpha) => Samples::Rgba(with_alpha(&samples, &alpha)),
    }
}

fn gray16(data: &[u8], transparent: Option<&[u8]>) -> Samples {
    let values = data
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect::<Vec<_>>();
    let alpha = key(transparent, 16, 0).map(|key| {
        values
            .iter()
            .map(|value| if *value == key { 0 } else { 255 })
            .collect()
    });
    Samples::Gray16(values, alpha)
}

fn gray16_alpha(data: &[u8]) -> Samples {
    let values = data
        .chunks_exact(4)
        .map(|pixel| u16::from_be_bytes([pixel[0], pixel[1]]))
        .collect();
    Samples::Gray16(
        values,
        Some(data.chunks_exact(4).map(|pixel| pixel[2]).collect()),
    )
}

fn rgb(data: Vec<u8>, depth: usize, transparent: Option<&[u8]>) -> Samples {
    let keys = [0, 1, 2].map(|channel| key(transparent, depth, channel));
    let [Some(red), Some(green), Some(blue)] = keys else {
        return Samples::Rgb(upper(data, depth));
    };
    let sample = |pixel: &[u8], channel: usize| match depth {
        16 => u16::from_be_bytes([pixel[2 * channel], pixel[2 * channel + 1]]),
        _ => pixel[channel].into(),
    };
    let step = depth / 8;
    Samples::Rgba(
        data.chunks_exact(3 * step)
            .flat_map(|pixel| {
                let same = [red, green, blue] == [0, 1, 2].map(|channel| sample(pixel, channel));
                [
                    pixel[0],
                    pixel[step],
                    pixel[2 * step],
                    if same { 0 } else { 255 },
                ]
            })
            .collect(),
    )
}

/// The upper 8 of 16 bits.
fn upper(data: Vec<u8>, depth: usize) -> Vec<u8> {
    if depth == 16 {
        data.into_iter().step_by(2).collect()
    } else {
        data
    }
}
