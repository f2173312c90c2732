//! What a BMP file says before its pixels.

use crate::bytes::{Order, slice};

/// How the samples of a pixel are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    RunLengths,
    /// Bits of red, green, blue and alpha.
    Fields([u32; 4]),
}

/// The header of a BMP file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bmp<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The first row of the file is the upper one.
    pub(crate) downwards: bool,
    pub(crate) bits: u16,
    pub(crate) coding: Coding,
    /// Blue, green and red of each colour, and a byte more where `entry` is 4.
    pub(crate) palette: &'a [u8],
    pub(crate) entry: usize,
    /// The pixels.
    pub(crate) data: &'a [u8],
}

/// `Err` says which kind is not read; `Ok(None)` is a broken header.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Bmp<'_>>, String> {
    let Some(size) = Order::Little.u32(bytes, 14) else {
        return Ok(None);
    };
    match size {
        12 => Ok(of_os2(bytes)),
        40 | 52 | 56 | 64 | 108 | 124 => of_windows(bytes, size as usize),
        _ => Err(format!("a BMP with a header of {size} bytes")),
    }
}

fn of_os2(bytes: &[u8]) -> Option<Bmp<'_>> {
    let number = |at| Order::Little.u16(bytes, at);
    let bits = number(24)?;
    let (palette, data) = parts(bytes, 12, bits, 1 << bits.min(16), 3)?;
    Some(Bmp {
        width: number(18)?.into(),
        height: number(20)?.into(),
        downwards: false,
        bits,
        coding: Coding::Plain,
        palette,
        entry: 3,
        data,
    })
}

fn of_windows(bytes: &[u8], size: usize) -> Result<Option<Bmp<'_>>, String> {
    let number = |at| Order::Little.u32(bytes, at);
    let sides = number(18).zip(number(22));
    let (Some((width, height)), Some(bits), Some(colours)) =
        (sides, Order::Little.u16(bytes, 28), number(46))
    else {
        return Ok(None);
    };
    let Some(coding) = coding(bytes, size, bits)? else {
        return Ok(None);
    };
    let colours = match colours {
        0 => 1 << bits.min(16),
        count => count as usize,
    };
    let height = height.cast_signed();
    let parts = parts(bytes, size, bits, colours, 4);
    Ok(parts.map(|(palette, data)| Bmp {
        // A negative width is broken, and no pixels.
        width: width.cast_signed().max(0).cast_unsigned(),
        height: height.unsigned_abs(),
        downwards: height < 0,
        bits,
        coding,
        palette,
        entry: 4,
        data,
    }))
}

fn coding(bytes: &[u8], size: usize, bits: u16) -> Result<Option<Coding>, String> {
    Ok(match (Order::Little.u32(bytes, 30), bits) {
        (Some(0), _) => Some(Coding::Plain),
        (Some(1), 8) | (Some(2), 4) => Some(Coding::RunLengths),
        (Some(3), _) => fields(bytes, size).map(Coding::Fields),
        (Some(other), _) => return Err(format!("a BMP with compression {other} of {bits} bits")),
        (None, _) => None,
    })
}

/// Masks behind a header of 40 bytes, or in a longer one.
fn fields(bytes: &[u8], size: usize) -> Option<[u32; 4]> {
    let number = |at| Order::Little.u32(bytes, at);
    let alpha = if size >= 56 { number(66)? } else { 0 };
    Some([number(54)?, number(58)?, number(62)?, alpha])
}

/// Palette and pixels.
fn parts(
    bytes: &[u8],
    size: usize,
    bits: u16,
    colours: usize,
    entry: usize,
) -> Option<(&[u8], &[u8])> {
    let after = 14 + size;
    let few = bits <= 8;
    let palette = if few {
        slice(bytes, after, colours.checked_mul(entry)?.min(entry << 16))?
    } else {
        &[]
    };
    let begin = match Order::Little.u32(bytes, 10)? as usize {
        0 => after + palette.len(),
        // Some writers point at the palette; Pillow knows them.
        at if at == after && few => after + 4 * colours,
        at => at,
    };
    Some((palette, bytes.get(begin..)?))
}
