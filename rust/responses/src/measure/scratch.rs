//! Memory that measuring reuses from response to response.

/// What [`measure`](super::measure) works in. It grows to the largest response and is never given back, so that a
/// response costs no allocation: keep one a thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A hash of each word.
    pub(super) words: Vec<u64>,
    /// A hash of each line.
    pub(super) lines: Vec<u64>,
    /// Lengths of matches, for loops.
    pub(super) matches: Vec<u32>,
    pub(super) set: HashSet,
}

impl Scratch {
    /// Empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// A set of hashes: open addressing, at most half full, cleared by each use.
#[derive(Debug, Default)]
pub(super) struct HashSet {
    slots: Vec<u64>,
    shift: u32,
}

/// Hashes are uniform already; the top bits of a product with the golden ratio also depend on all of their bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl HashSet {
    /// Makes room for `count` hashes, and forgets those of before.
    pub(super) fn clear(&mut self, count: usize) {
        let size = (count * 2).next_power_of_two().max(16);
        self.slots.clear();
        self.slots.resize(size, 0);
        self.shift = 64 - size.trailing_zeros();
    }

    /// True if `hash` was not in the set.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        let hash = hash.max(1); // zero marks an empty slot
        let last = self.slots.len() - 1;
        let mut slot = (hash.wrapping_mul(SPREAD) >> self.shift) as usize;
        loop {
            let held = &mut self.slots[slot & last];
            if *held == hash {
                return false;
            }
            if *held == 0 {
                *held = hash;
                return true;
            }
            slot += 1;
        }
    }
}

/// `part / whole` in ten-thousandths, to the nearest; 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> u16 {
    if whole == 0 {
        return 0;
    }
    let nearest = (part * 10_000 + whole / 2) / whole;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a part is not more than the whole"
    )]
    let fits = nearest.min(10_000) as u16;
    fits
}
