//! Text in PNG files, as far as it tells how the image is turned.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::png_chunks::Chunk;

/// Text that unpacks to more is passed over.
const MOST_BYTES: u64 = 1 << 20;

/// A text: its keyword, and its bytes. `None` for other chunks, and for text that is broken or too long.
pub(crate) fn text<'a>(chunk: Chunk<'a>) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
    let (key, rest) = at_zero(chunk.body)?;
    match &chunk.name {
        b"tEXt" => Some((key, Cow::Borrowed(rest))),
        b"zTXt" => match rest.split_first()? {
            (0, packed) => Some((key, Cow::Owned(unpacked(packed)?))),
            _ => None,
        },
        b"iTXt" => {
            let (packed, rest) = (*rest.first()? != 0, rest.get(2..)?);
            let (_, rest) = at_zero(rest)?;
            let (_, value) = at_zero(rest)?;
            let value = if packed {
                Cow::Owned(unpacked(value)?)
            } else {
                Cow::Borrowed(value)
            };
            Some((key, value))
        }
        _ => None,
    }
}

fn at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(0, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = ZlibDecoder::new(packed)
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    (read as u64 <= MOST_BYTES).then_some(bytes)
}

/// The bytes that ImageMagick writes as hexadecimal digits behind two lines, a name and a length.
pub(crate) fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text.splitn(4, |byte| *byte == b'\n');
    let digits: Vec<u8> = lines
        .nth(3)?
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}
