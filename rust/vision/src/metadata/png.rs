//! Metadata of PNG files.

use flate2::Crc;

use crate::exif::says_more;
use crate::png_chunks::{Chunk, SIGNATURE, chunks};

/// Chunks of pixels, colours, sizes and animations; those with a capital first letter are needed in any case.
const KEPT: [&[u8; 4]; 25] = [
    b"acTL", b"bKGD", b"caNv", b"cHRM", b"cICP", b"cLLI", b"fcTL", b"fdAT", b"gAMA", b"gIFg",
    b"hIST", b"iCCP", b"iDOT", b"mDCV", b"oFFs", b"orNT", b"pCAL", b"pHYs", b"sBIT", b"sCAL",
    b"sPLT", b"sRGB", b"sTER", b"tRNS", b"vpAg",
];

pub(super) fn has(bytes: &[u8]) -> bool {
    let mut end = SIGNATURE.len();
    for chunk in chunks(bytes) {
        let tells = if &chunk.name == b"eXIf" {
            says_more(chunk.body)
        } else {
            !keeps(chunk)
        };
        if tells {
            return true;
        }
        end += chunk.whole.len();
    }
    bytes[end..].iter().any(|byte| *byte != 0)
}

/// `None` where the file has no end.
pub(super) fn strip(bytes: &[u8], exif: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut stripped = SIGNATURE.to_vec();
    let mut last = None;
    for chunk in chunks(bytes).filter(|chunk| keeps(*chunk)) {
        stripped.extend_from_slice(chunk.whole);
        if let (b"IHDR", Some(block)) = (&chunk.name, exif) {
            push(&mut stripped, b"eXIf", block)?;
        }
        last = Some(chunk.name);
    }
    (last == Some(*b"IEND")).then_some(stripped)
}

fn keeps(chunk: Chunk) -> bool {
    chunk.name[0].is_ascii_uppercase() || KEPT.contains(&&chunk.name)
}

fn push(bytes: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) -> Option<()> {
    let mut sum = Crc::new();
    sum.update(name);
    sum.update(body);
    bytes.extend_from_slice(&u32::try_from(body.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&sum.sum().to_be_bytes());
    Some(())
}
