//! What one text may cost.

use std::cell::Cell;

/// Work that every text may take, and how much each of its bytes adds.
const WORK: u64 = 4_000_000;
const WORK_OF_BYTE: u64 = 256;
/// Bytes by which normalising may make a text longer, and how much each of its bytes adds.
const GROWTH: u64 = 1 << 20;
const GROWTH_OF_BYTE: u64 = 4;

/// A text costs more than it may.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the tokenizer {0} than one text may take")]
pub(crate) struct Exceeded(pub &'static str);

/// What is left to one text.
#[derive(Debug)]
pub(crate) struct Budget {
    work: Cell<u64>,
    growth: Cell<u64>,
}

impl Budget {
    /// For a text of that many bytes.
    pub fn of(bytes: usize) -> Self {
        let bytes = bytes as u64;
        Self {
            work: Cell::new(WORK.saturating_add(bytes.saturating_mul(WORK_OF_BYTE))),
            growth: Cell::new(GROWTH.saturating_add(bytes.saturating_mul(GROWTH_OF_BYTE))),
        }
    }

    /// Pays for work, of which a unit is a few hundred nanoseconds at most.
    pub fn work(&self, units: u64) -> Result<(), Exceeded> {
        pay(&self.work, units).ok_or(Exceeded("does more work"))
    }

    /// How much work is left.
    pub fn left(&self) -> u64 {
        self.work.get()
    }

    /// Pays for a text that grew, or will grow, from `before` bytes to `after`.
    pub fn grown(&self, before: usize, after: usize) -> Result<(), Exceeded> {
        let growth = after.saturating_sub(before) as u64;
        pay(&self.growth, growth).ok_or(Exceeded("makes a longer text"))
    }

    /// Whether a text may still grow by that many bytes, which are paid for once it has.
    pub fn room(&self, bytes: usize) -> Result<(), Exceeded> {
        let fits = bytes as u64 <= self.growth.get();
        fits.then_some(()).ok_or(Exceeded("makes a longer text"))
    }
}

fn pay(left: &Cell<u64>, units: u64) -> Option<()> {
    left.set(left.get().checked_sub(units)?);
    Some(())
}
