//! The blocks of a GIF file.

use crate::bytes::{Order, slice};

/// Whether the bytes begin as a GIF file does.
pub(crate) fn is_gif(bytes: &[u8]) -> bool {
    bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a")
}

/// A block of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Block<'a> {
    /// An image: its nine bytes, its palette, and the bytes of LZW from the code size on.
    Image {
        head: &'a [u8],
        palette: Option<&'a [u8]>,
        data: &'a [u8],
    },
    /// An extension: its label, and its pieces with their lengths.
    Extension { label: u8, pieces: &'a [u8] },
    /// The end marker.
    Trailer,
}

/// The screen: width and height, its palette, and where blocks begin.
pub(crate) fn screen(bytes: &[u8]) -> Option<(u32, u32, Option<&[u8]>, usize)> {
    let side = |at| Order::Little.u16(bytes, at).map(u32::from);
    let (palette, end) = palette(bytes, 13, *bytes.get(10)?)?;
    Some((side(6)?, side(8)?, palette, end))
}

fn palette(bytes: &[u8], at: usize, flags: u8) -> Option<(Option<&[u8]>, usize)> {
    if flags & 0x80 == 0 {
        return Some((None, at));
    }
    let length = 3 << ((flags & 7) + 1);
    Some((Some(slice(bytes, at, length)?), at + length))
}

/// Blocks with where each begins and ends; the last is the trailer, unless the file is cut or broken.
pub(crate) fn blocks(bytes: &[u8]) -> impl Iterator<Item = (Block<'_>, std::ops::Range<usize>)> {
    let mut next = screen(bytes).map(|(_, _, _, at)| at);
    std::iter::from_fn(move || {
        let mut at = next?;
        // Between blocks some writers leave zeros.
        while bytes.get(at) == Some(&0) {
            at += 1;
        }
        let (block, end) = block(bytes, at)?;
        next = (!matches!(block, Block::Trailer)).then_some(end);
        Some((block, at..end))
    })
}

fn block(bytes: &[u8], at: usize) -> Option<(Block<'_>, usize)> {
    match bytes.get(at)? {
        b',' => {
            let head = slice(bytes, at + 1, 9)?;
            let (palette, begin) = palette(bytes, at + 10, head[8])?;
            let end = end_of_pieces(bytes, begin + 1)?;
            Some((
                Block::Image {
                    head,
                    palette,
                    data: &bytes[begin..end],
                },
                end,
            ))
        }
        b'!' => {
            let label = *bytes.get(at + 1)?;
            let end = end_of_pieces(bytes, at + 2)?;
            Some((
                Block::Extension {
                    label,
                    pieces: &bytes[at + 2..end],
                },
                end,
            ))
        }
        b';' => Some((Block::Trailer, at + 1)),
        _ => None,
    }
}

fn end_of_pieces(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// The pieces of a block, without their lengths.
pub(crate) fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = usize::from(*bytes.get(at)?);
        let piece = slice(bytes, at + 1, length).filter(|piece| !piece.is_empty())?;
        at += 1 + length;
        Some(piece)
    })
}

/// The first image with what counts for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First<'a> {
    /// The screen, enlarged where the image reaches beyond it, as Pillow has it.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) image_width: u32,
    pub(crate) image_height: u32,
    pub(crate) interlaced: bool,
    pub(crate) palette: Option<&'a [u8]>,
    pub(crate) transparent: Option<u8>,
    pub(crate) data: &'a [u8],
}

pub(crate) fn first(bytes: &[u8]) -> Option<First<'_>> {
    const CONTROL: u8 = 0xF9;
    let (width, height, palette, _) = screen(bytes)?;
    let mut transparent = None;
    for (block, _) in blocks(bytes) {
        match block {
            Block::Extension {
                label: CONTROL,
                pieces: said,
            } => {
                if let Some([flags, _, _, index, ..]) = pieces(said).next()
                    && flags & 1 == 1
                {
                    transparent = Some(*index);
                }
            }
            Block::Image { .. } => return on_screen(block, width, height, palette, transparent),
            _ => {}
        }
    }
    None
}

fn on_screen<'a>(
    block: Block<'a>,
    width: u32,
    height: u32,
    global: Option<&'a [u8]>,
    transparent: Option<u8>,
) -> Option<First<'a>> {
    let Block::Image {
        head,
        palette,
        data,
    } = block
    else {
        return None;
    };
    let number = |at| Order::Little.u16(head, at).map(u32::from);
    let (left, top, image_width, image_height) = (number(0)?, number(2)?, number(4)?, number(6)?);
    Some(First {
        width: width.max(left + image_width),
        height: height.max(top + image_height),
        left,
        top,
        image_width,
        image_height,
        interlaced: head[8] & 0x40 != 0,
        palette: palette.or(global),
        transparent,
        data,
    })
}
