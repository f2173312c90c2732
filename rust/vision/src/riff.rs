//! The chunks of a WebP file.

use crate::bytes::{Order, slice};

/// A chunk, whole with its padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) body: &'a [u8],
    /// Name, length, body and padding.
    pub(crate) whole: &'a [u8],
}

/// Whether the bytes begin as a WebP file does.
pub(crate) fn is_webp(bytes: &[u8]) -> bool {
    slice(bytes, 0, 4) == Some(b"RIFF") && slice(bytes, 8, 4) == Some(b"WEBP")
}

/// The chunks of a file; `None` where it is shorter than it says.
pub(crate) fn file(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(Order::Little.u32(bytes, 4)?).ok()?;
    slice(bytes, 8, length)?.get(4..)
}

/// Chunks on end; the walk ends where one is not whole.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = usize::try_from(Order::Little.u32(bytes, at + 4)?).ok()?;
        let name = slice(bytes, at, 4)?.try_into().ok()?;
        let body = slice(bytes, at + 8, length)?;
        let padded = length.checked_add(8 + length % 2)?;
        // The last chunk's padding is sometimes left out.
        let whole = slice(bytes, at, padded).or_else(|| bytes.get(at..))?;
        at += whole.len();
        Some(Chunk { name, body, whole })
    })
}

/// Flags and size of the canvas, of the body of a VP8X chunk.
pub(crate) fn canvas(body: &[u8]) -> Option<(u8, u32, u32)> {
    Some((*body.first()?, u24(body, 4)? + 1, u24(body, 7)? + 1))
}

/// A number of three bytes.
pub(crate) fn u24(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c]: [u8; 3] = slice(bytes, at, 3)?.try_into().ok()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

/// Width and height of a frame: of the body of a chunk `VP8 ` or `VP8L`. A frame without pixels is none.
pub(crate) fn frame_size(chunk: Chunk) -> Option<(u32, u32)> {
    let body = chunk.body;
    match &chunk.name {
        b"VP8 " if slice(body, 3, 3)? == [0x9D, 0x01, 0x2A] => {
            let side = |at| Some(u32::from(Order::Little.u16(body, at)? & 0x3FFF));
            Some((side(6)?, side(8)?)).filter(|(width, height)| width * height > 0)
        }
        b"VP8L" if body.first()? == &0x2F => {
            let bits = Order::Little.u32(body, 1)?;
            Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
        }
        _ => None,
    }
}
