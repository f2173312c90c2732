//! Metadata of WebP files.

use crate::exif::says_more;
use crate::riff::{Chunk, chunks, file};

pub(super) fn has(bytes: &[u8]) -> bool {
    let Some(inside) = file(bytes) else {
        return false;
    };
    let told = chunks(inside).any(|chunk| {
        if &chunk.name == b"EXIF" {
            says_more(chunk.body)
        } else {
            !keeps(chunk)
        }
    });
    told || bytes[12 + inside.len()..].iter().any(|byte| *byte != 0)
}

/// `None` where the file is shorter than it says.
pub(super) fn strip(bytes: &[u8], exif: Option<&[u8]>) -> Option<Vec<u8>> {
    const HAS_EXIF: u8 = 0x08;
    const HAS_XMP: u8 = 0x04;
    let mut kept = Vec::new();
    for chunk in chunks(file(bytes)?).filter(|chunk| keeps(*chunk)) {
        let begin = kept.len();
        push(&mut kept, &chunk.name, chunk.body)?;
        if &chunk.name == b"VP8X"
            && let Some(flags) = kept.get_mut(begin + 8)
        {
            *flags &= !(HAS_EXIF | HAS_XMP);
            *flags |= if exif.is_some() { HAS_EXIF } else { 0 };
        }
    }
    if let Some(block) = exif {
        push(&mut kept, b"EXIF", block)?;
    }
    let length = u32::try_from(kept.len() + 4).ok()?;
    Some([b"RIFF".as_slice(), &length.to_le_bytes(), b"WEBP", &kept].concat())
}

fn keeps(chunk: Chunk) -> bool {
    matches!(
        &chunk.name,
        b"VP8X" | b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF" | b"ICCP"
    )
}

fn push(bytes: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) -> Option<()> {
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len() + body.len() % 2, 0);
    Some(())
}
