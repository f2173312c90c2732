//! BMP: 1, 4, 8, 16, 24 and 32 bits, run lengths and bit fields.

use crate::bmp_header::{Bmp, Coding, read};
use crate::bytes::Order;
use crate::error::{Fault, ImageError};
use crate::palette::{coloured, unpack};
use crate::samples::Samples;

pub(super) fn decode(bytes: &[u8]) -> Result<Samples, ImageError> {
    let bmp = read(bytes)
        .map_err(|what| ImageError::new(Fault::Kind, what))?
        .ok_or_else(|| damaged("its header"))?;
    match (bmp.bits, bmp.coding) {
        (4 | 8, Coding::RunLengths) => Ok(indexed(&bmp, &turned(&bmp, runs(&bmp)?, 1))),
        (1 | 2 | 4 | 8, Coding::Plain) => {
            let indices = unpack(
                rows(&bmp)?,
                bmp.width as usize,
                bmp.bits.into(),
                stride(&bmp),
            );
            Ok(indexed(&bmp, &turned(&bmp, indices, 1)))
        }
        (16, Coding::Plain) => of_16(&bmp, [0x7C00, 0x3E0, 0x1F]),
        (16, Coding::Fields([red, green, blue, _])) => of_16(&bmp, [red, green, blue]),
        (24 | 32, Coding::Plain) => of_bytes(&bmp, [2, 1, 0], None),
        (24, Coding::Fields([0xFF_0000, 0xFF00, 0xFF, _])) => of_bytes(&bmp, [2, 1, 0], None),
        (32, Coding::Fields([0, 0, 0, 0])) => of_bytes(&bmp, [2, 1, 0], Some(3)),
        (32, Coding::Fields(masks)) => of_fields(&bmp, masks),
        _ => Err(ImageError::new(
            Fault::Kind,
            format!("a BMP of {} bits", bmp.bits),
        )),
    }
}

fn damaged(what: &str) -> ImageError {
    ImageError::new(Fault::Damaged, format!("the bmp file is damaged: {what}"))
}

fn unusual() -> ImageError {
    ImageError::new(Fault::Kind, "a BMP with unusual bit fields")
}

/// Bytes of a row in the file.
fn stride(bmp: &Bmp) -> usize {
    (bmp.width as usize * usize::from(bmp.bits)).div_ceil(32) * 4
}

fn rows<'a>(bmp: &Bmp<'a>) -> Result<&'a [u8], ImageError> {
    let size = stride(bmp).checked_mul(bmp.height as usize);
    size.and_then(|size| bmp.data.get(..size))
        .ok_or_else(|| damaged("it ends before its last row"))
}

/// Rows from the upper one on.
fn turned(bmp: &Bmp, pixels: Vec<u8>, channels: usize) -> Vec<u8> {
    if bmp.downwards {
        return pixels;
    }
    pixels
        .chunks_exact(bmp.width as usize * channels)
        .rev()
        .flatten()
        .copied()
        .collect()
}

fn indexed(bmp: &Bmp, indices: &[u8]) -> Samples {
    let colours: Vec<u8> = bmp
        .palette
        .chunks_exact(bmp.entry)
        .flat_map(|colour| [colour[2], colour[1], colour[0]])
        .collect();
    coloured(indices, &colours, None)
}

/// Channels that are whole bytes, at these places.
fn of_bytes(
    bmp: &Bmp,
    [red, green, blue]: [usize; 3],
    alpha: Option<usize>,
) -> Result<Samples, ImageError> {
    let step = usize::from(bmp.bits / 8);
    let width = bmp.width as usize;
    let pixels = rows(bmp)?
        .chunks_exact(stride(bmp))
        .flat_map(|row| row[..width * step].chunks_exact(step));
    Ok(match alpha {
        None => {
            let rgb = pixels
                .flat_map(|pixel| [pixel[red], pixel[green], pixel[blue]])
                .collect();
            Samples::Rgb(turned(bmp, rgb, 3))
        }
        Some(alpha) => {
            let rgba = pixels
                .flat_map(|pixel| [pixel[red], pixel[green], pixel[blue], pixel[alpha]])
                .collect();
            Samples::Rgba(turned(bmp, rgba, 4))
        }
    })
}

fn of_fields(bmp: &Bmp, masks: [u32; 4]) -> Result<Samples, ImageError> {
    let byte = |mask: u32| (0..4).find(|byte| mask == 0xFF << (8 * byte));
    let [red, green, blue, alpha] = masks.map(byte);
    let (Some(red), Some(green), Some(blue)) = (red, green, blue) else {
        return Err(unusual());
    };
    if alpha.is_none() && masks[3] != 0 {
        return Err(unusual());
    }
    of_bytes(bmp, [red, green, blue], alpha)
}

fn of_16(bmp: &Bmp, masks: [u32; 3]) -> Result<Samples, ImageError> {
    if !matches!(masks, [0xF800, 0x7E0, 0x1F] | [0x7C00, 0x3E0, 0x1F]) {
        return Err(unusual());
    }
    let width = bmp.width as usize;
    let rgb = rows(bmp)?
        .chunks_exact(stride(bmp))
        .flat_map(|row| row[..2 * width].chunks_exact(2))
        .flat_map(|pixel| {
            let value = u32::from(Order::Little.u16(pixel, 0).unwrap_or(0));
            masks.map(|mask| {
                let most = mask >> mask.trailing_zeros();
                (((value & mask) >> mask.trailing_zeros()) * 255 / most).to_le_bytes()[0]
            })
        })
        .collect();
    Ok(Samples::Rgb(turned(bmp, rgb, 3)))
}

/// Indices of run lengths; the file says where they end.
fn runs(bmp: &Bmp) -> Result<Vec<u8>, ImageError> {
    let (width, height) = (bmp.width as usize, bmp.height as usize);
    let mut sheet = Sheet {
        width,
        indices: vec![0; width * height],
        x: 0,
        y: 0,
    };
    let mut at = 0;
    loop {
        let (count, value) = (byte(bmp, at)?, byte(bmp, at + 1)?);
        at += 2;
        match (count, value) {
            (0, 0) => (sheet.x, sheet.y) = (0, sheet.y + 1),
            (0, 1) if sheet.y * width + sheet.x >= width * height => return Ok(sheet.indices),
            (0, 1) => return Err(damaged("its runs end before its pixels")),
            (0, 2) => {
                sheet.x += usize::from(byte(bmp, at)?);
                sheet.y += usize::from(byte(bmp, at + 1)?);
                at += 2;
            }
            (0, literals) => {
                let length = usize::from(literals);
                for index in 0..length {
                    let place = if bmp.bits == 4 { index / 2 } else { index };
                    sheet.put(sample(bmp, byte(bmp, at + place)?, index));
                }
                let bytes = if bmp.bits == 4 {
                    length.div_ceil(2)
                } else {
                    length
                };
                at += bytes.next_multiple_of(2);
            }
            (count, value) => {
                (0..count.into()).for_each(|index| sheet.put(sample(bmp, value, index)))
            }
        }
    }
}

fn byte(bmp: &Bmp, at: usize) -> Result<u8, ImageError> {
    bmp.data
        .get(at)
        .copied()
        .ok_or_else(|| damaged("it ends before its end marker"))
}

/// Of a byte with two samples that of this turn.
fn sample(bmp: &Bmp, byte: u8, index: usize) -> u8 {
    match (bmp.bits, index % 2) {
        (4, 0) => byte >> 4,
        (4, _) => byte & 15,
        _ => byte,
    }
}

/// What is filled by runs, and where the next sample goes.
struct Sheet {
    width: usize,
    indices: Vec<u8>,
    x: usize,
    y: usize,
}

impl Sheet {
    /// What is beyond its row is dropped.
    fn put(&mut self, sample: u8) {
        if self.x < self.width
            && let Some(index) = self.indices.get_mut(self.y * self.width + self.x)
        {
            *index = sample;
        }
        self.x += 1;
    }
}
