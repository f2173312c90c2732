//! The chunks of a PNG file.

use crate::bytes::{Order, slice};

pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A chunk, whole with its checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) body: &'a [u8],
    /// Length, name, body and checksum.
    pub(crate) whole: &'a [u8],
}

/// Chunks up to IEND, or to where the file ends.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut at = Some(SIGNATURE.len());
    std::iter::from_fn(move || {
        let begin = at?;
        let length = usize::try_from(Order::Big.u32(bytes, begin)?).ok()?;
        let whole = slice(bytes, begin, length.checked_add(12)?)?;
        let name = whole.get(4..8)?.try_into().ok()?;
        at = (&name != b"IEND").then_some(begin + whole.len());
        Some(Chunk {
            name,
            body: slice(whole, 8, length)?,
            whole,
        })
    })
}
