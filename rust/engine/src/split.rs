//! What is trained on and what is kept for validation: each has ranges, packs and shards of its own.

use octomed_index::BlockIndex;

/// What a trace is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To train on, once or several times.
    Train,
    /// To validate on.
    Validation,
}

impl Split {
    /// How often a trace is written for it; 0 where it is left out, or is of the other.
    pub fn copies(self, block: &BlockIndex, row: usize) -> u8 {
        let copies = block.copies(row);
        match self {
            _ if !block.is_kept(row) => 0,
            Self::Train => copies,
            Self::Validation => u8::from(copies == 0),
        }
    }

    /// The rows that are written for it.
    pub fn rows(self, block: &BlockIndex) -> impl Iterator<Item = usize> {
        (0..block.len()).filter(move |&row| self.copies(block, row) > 0)
    }
}

/// A range: which, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeId {
    /// What its traces are written for.
    pub split: Split,
    /// Its number in the key space of that.
    pub number: usize,
}
