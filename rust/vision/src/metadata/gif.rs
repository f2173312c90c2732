//! Metadata of GIF files.

use crate::gif_blocks::{Block, blocks, screen};

pub(super) fn has(bytes: &[u8]) -> bool {
    let mut end = bytes.len();
    for (block, place) in blocks(bytes) {
        if !keeps(block) {
            return true;
        }
        end = place.end;
    }
    bytes[end..].iter().any(|byte| *byte != 0)
}

/// `None` where the file has no end.
pub(super) fn strip(bytes: &[u8]) -> Option<Vec<u8>> {
    let (.., begin) = screen(bytes)?;
    let mut stripped = bytes.get(..begin)?.to_vec();
    let mut ended = false;
    for (block, place) in blocks(bytes) {
        if keeps(block) {
            stripped.extend_from_slice(&bytes[place]);
        }
        ended = matches!(block, Block::Trailer);
    }
    ended.then_some(stripped)
}

/// Images, how they follow each other, and colour profiles; not comments, text, XMP and what programs leave.
fn keeps(block: Block) -> bool {
    match block {
        Block::Extension { label: 0xF9, .. } | Block::Image { .. } | Block::Trailer => true,
        Block::Extension {
            label: 0xFF,
            pieces,
        } => [b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"]
            .iter()
            .any(|name| pieces.get(1..12) == Some(name.as_slice())),
        Block::Extension { .. } => false,
    }
}
