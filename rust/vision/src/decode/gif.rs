//! GIF: the first image on its screen.

use weezl::{BitOrder, LzwStatus, decode::Decoder};

use crate::error::{Fault, ImageError};
use crate::gif_blocks::{Block, First, blocks, first, pieces};
use crate::palette::coloured;
use crate::samples::Samples;

pub(super) fn decode(bytes: &[u8]) -> Result<Samples, ImageError> {
    if !matches!(blocks(bytes).last(), Some((Block::Trailer, _))) {
        return Err(damaged("it ends before its end marker"));
    }
    let first = first(bytes).ok_or_else(|| damaged("it has no image"))?;
    let indices = on_screen(&in_order(unpacked(&first)?, &first), &first);
    let alpha = first.transparent.map(|index| {
        let mut alpha = [255; 256];
        alpha[usize::from(index)] = 0;
        alpha
    });
    let gray = ramp();
    let palette = match first.palette {
        Some(palette) if !gray.starts_with(palette) => palette,
        // Without a palette, or with one that says the same, an index is its own grey.
        _ => &gray,
    };
    Ok(coloured(
        &indices,
        palette,
        alpha.as_ref().map(<[u8; 256]>::as_slice),
    ))
}

fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the gif file is damaged: {what}"))
}

fn ramp() -> Vec<u8> {
    (0..=u8::MAX).flat_map(|value| [value; 3]).collect()
}

/// The indices of the image: as many as it has pixels, or a fault.
fn unpacked(first: &First) -> Result<Vec<u8>, ImageError> {
    let (bits, rest) = first
        .data
        .split_first()
        .ok_or_else(|| damaged("it has no data"))?;
    if !(1..=8).contains(bits) {
        return Err(damaged("its code size"));
    }
    let mut decoder = Decoder::new(BitOrder::Lsb, *bits);
    let mut indices = vec![0; first.image_width as usize * first.image_height as usize];
    let mut filled = 0;
    for mut piece in pieces(rest) {
        while filled < indices.len() {
            let step = decoder.decode_bytes(piece, &mut indices[filled..]);
            piece = &piece[step.consumed_in..];
            filled += step.consumed_out;
            match step.status {
                Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
                Ok(LzwStatus::Ok | LzwStatus::NoProgress) => break,
                Ok(LzwStatus::Done) if filled == indices.len() => break,
                Ok(LzwStatus::Done) => return Err(damaged("its data end before its pixels")),
                Err(_) => return Err(damaged("a code that does not exist")),
            }
        }
    }
    if filled < indices.len() {
        Err(damaged("its data end before its pixels"))
    } else {
        Ok(indices)
    }
}

/// Rows in the order of the image, where they were interlaced.
fn in_order(stored: Vec<u8>, first: &First) -> Vec<u8> {
    if !first.interlaced {
        return stored;
    }
    let (width, height) = (first.image_width as usize, first.image_height as usize);
    let mut indices = vec![0; stored.len()];
    let passes = [(0, 8), (4, 8), (2, 4), (1, 2)];
    let order = passes
        .into_iter()
        .flat_map(|(begin, step)| (begin..height).step_by(step));
    for (row, y) in stored.chunks_exact(width).zip(order) {
        indices[y * width..(y + 1) * width].copy_from_slice(row);
    }
    indices
}

/// The image at its place; what it leaves free has the transparent index, else index 0, as Pillow has it.
fn on_screen(indices: &[u8], first: &First) -> Vec<u8> {
    let (width, height) = (first.width as usize, first.height as usize);
    let mut screen = vec![first.transparent.unwrap_or(0); width * height];
    for (y, row) in indices.chunks_exact(first.image_width as usize).enumerate() {
        let at = (first.top as usize + y) * width + first.left as usize;
        screen[at..at + row.len()].copy_from_slice(row);
    }
    screen
}
