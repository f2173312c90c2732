//! The sources of an index.

use octomed_index::{BlockIndex, Index};

/// The sources of an index: the number of each block's, and their names.
pub(crate) struct Sources {
    pub of_blocks: Vec<u32>,
    pub names: Vec<String>,
}

pub(crate) fn sources_of(index: &Index) -> Sources {
    let mut names: Vec<String> = Vec::new();
    let number = |block: &BlockIndex| {
        let known = names.iter().position(|name| *name == block.header.source);
        let number = known.unwrap_or_else(|| {
            names.push(block.header.source.clone());
            names.len() - 1
        });
        number as u32
    };
    let of_blocks = index.blocks.iter().map(number).collect();
    Sources { of_blocks, names }
}
