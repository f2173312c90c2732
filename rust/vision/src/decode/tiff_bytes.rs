//! The bytes of a strip or a tile of a TIFF file.

use std::io::Read;

use flate2::read::ZlibDecoder;
use weezl::{BitOrder, decode::Decoder};

use crate::bytes::{Order, slice};
use crate::decode::jpeg;
use crate::error::{Fault, ImageError};
use crate::samples::Samples;
use crate::tiff_page::Page;

/// Piece `number`, of this width and height in pixels of `each` samples: exactly its bytes, or a fault.
pub(super) fn piece(
    bytes: &[u8],
    page: &Page,
    number: usize,
    each: usize,
    (width, height): (usize, usize),
) -> Result<Vec<u8>, ImageError> {
    let stride = (width * each * page.bits as usize).div_ceil(8);
    let size = stride * height;
    let packed = packed(bytes, page, number, size)
        .ok_or_else(|| damaged("it ends before its last strip"))?;
    let turned: Vec<u8>;
    let packed = if page.reversed_bits && page.compression != 7 {
        turned = packed.iter().map(|byte| byte.reverse_bits()).collect();
        &turned
    } else {
        packed
    };
    let mut piece = match page.compression {
        1 => packed.get(..size).map(<[u8]>::to_vec),
        5 => lzw(packed, size),
        7 => return of_jpeg(packed, page, each, (width, height)),
        8 | 32_946 => inflated(packed, size),
        32_773 => packbits(packed, size),
        // Any other was refused before.
        _ => None,
    }
    .ok_or_else(|| damaged("a strip ends before its pixels"))?;
    if page.predictor == 2 && matches!(page.compression, 5 | 8 | 32_946) {
        add_up(&mut piece, page, stride, each);
    }
    Ok(piece)
}

fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the tiff file is damaged: {what}"))
}

fn packed<'a>(bytes: &'a [u8], page: &Page, number: usize, size: usize) -> Option<&'a [u8]> {
    let at = usize::try_from(*page.offsets.get(number)?).ok()?;
    let length = match page.lengths.get(number) {
        Some(length) => usize::try_from(*length).ok()?,
        None if page.compression == 1 => size,
        None => return None,
    };
    slice(bytes, at, length)
}

fn lzw(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut piece = vec![0; size];
    let mut decoder = Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let (mut read, mut filled) = (0, 0);
    while filled < size {
        let step = decoder.decode_bytes(&packed[read..], &mut piece[filled..]);
        read += step.consumed_in;
        filled += step.consumed_out;
        if step.status.is_err() || step.consumed_in + step.consumed_out == 0 {
            break;
        }
    }
    (filled == size).then_some(piece)
}

fn inflated(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut piece = vec![0; size];
    ZlibDecoder::new(packed).read_exact(&mut piece).ok()?;
    Some(piece)
}

fn packbits(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut piece = Vec::with_capacity(size);
    let mut at = 0;
    while piece.len() < size {
        let count = usize::from(*packed.get(at)?);
        at += 1;
        match count {
            0..=127 => {
                piece.extend_from_slice(slice(packed, at, count + 1)?);
                at += count + 1;
            }
            128 => {}
            _ => {
                piece.resize(piece.len() + 257 - count, *packed.get(at)?);
                at += 1;
            }
        }
    }
    piece.truncate(size);
    Some(piece)
}

/// Each sample was written as its difference from the one before.
fn add_up(piece: &mut [u8], page: &Page, stride: usize, each: usize) {
    for row in piece.chunks_exact_mut(stride) {
        match page.bits {
            8 => {
                for at in each..row.len() {
                    row[at] = row[at].wrapping_add(row[at - each]);
                }
            }
            16 => {
                for at in (2 * each..row.len().saturating_sub(1)).step_by(2) {
                    let number = |at| page.order.u16(row, at).unwrap_or(0);
                    let sum = number(at).wrapping_add(number(at - 2 * each));
                    let sum = if page.order == Order::Big {
                        sum.to_be_bytes()
                    } else {
                        sum.to_le_bytes()
                    };
                    row[at..at + 2].copy_from_slice(&sum);
                }
            }
            _ => {}
        }
    }
}

/// A strip or tile that is a JPEG file without its tables, which stand in the directory.
fn of_jpeg(
    packed: &[u8],
    page: &Page,
    each: usize,
    (width, height): (usize, usize),
) -> Result<Vec<u8>, ImageError> {
    let tables = page.jpeg_tables;
    let tables = tables
        .get(2..tables.len().saturating_sub(2))
        .unwrap_or_default();
    let (begin, rest) = packed.split_at(packed.len().min(2));
    let colour = if page.photometric == 6 {
        jpeg::Colour::YCbCr
    } else {
        jpeg::Colour::Rgb
    };
    let file = [begin, tables, rest].concat();
    let limit = width as u64 * height as u64;
    let (mut piece, channels) = match jpeg::decode_within(&file, colour, limit)? {
        Samples::Gray(pixels) => (pixels, 1),
        Samples::Rgb(pixels) => (pixels, 3),
        // Here ink is said as ink.
        Samples::Cmyk(pixels) => (pixels.into_iter().map(|ink| 255 - ink).collect(), 4),
        _ => return Err(damaged("its channels")),
    };
    if channels != each || piece.len() < width * height * each {
        return Err(damaged("a strip has fewer pixels than it says"));
    }
    piece.truncate(width * height * each);
    Ok(piece)
}
