//! Byte pair encoding of single words, and where words may be cut before it.

pub(super) mod boundaries;
pub(super) mod merge;
mod min_rank;
mod pairs;
mod whole_chars;
