//! What readers of the bytes of a JSON file have in common: they take steps, and know when they are in a string.

use memchr::memchr2;

use crate::block::Block;
use crate::error::TraceError;

/// A reader that takes some bytes at a time.
pub(super) trait Steps {
    /// Takes bytes from the start of `chunk`, which is not empty; gives how many, at least one.
    fn step(&mut self, chunk: &[u8], blocks: &mut Vec<Block>) -> Result<usize, TraceError>;

    /// Counts bytes that were taken.
    fn advance(&mut self, bytes: u64);

    /// Takes all of `chunk`, and gives the blocks that it completes.
    fn take(&mut self, mut chunk: &[u8]) -> Result<Vec<Block>, TraceError> {
        let mut blocks = Vec::new();
        while !chunk.is_empty() {
            let taken = self.step(chunk, &mut blocks)?;
            self.advance(taken as u64);
            chunk = &chunk[taken..];
        }
        Ok(blocks)
    }
}

/// Whether the next byte is inside of a string.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InString {
    open: bool,
    /// Whether a backslash was taken last.
    escaped: bool,
}

impl InString {
    pub(super) fn is_open(self) -> bool {
        self.open
    }

    /// Says that a quote was taken that opens a string.
    pub(super) fn begin(&mut self) {
        self.open = true;
    }

    /// How many bytes of `chunk` to take: up to the quote that closes the string, or a backslash.
    pub(super) fn step(&mut self, chunk: &[u8]) -> usize {
        if std::mem::take(&mut self.escaped) {
            return 1;
        }
        let Some(special) = memchr2(b'"', b'\\', chunk) else {
            return chunk.len();
        };
        self.open = chunk[special] != b'"';
        self.escaped = self.open;
        special + 1
    }
}
