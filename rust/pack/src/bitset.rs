//! A set of small integers that finds its smallest member at or above a number.

/// Bits in levels: a bit of level `n + 1` says whether a word of level `n` has any.
///
/// With 64-bit words a search reads two words a level, and 16,384 needs three levels.
#[derive(Debug)]
pub(crate) struct Bitset {
    levels: Vec<Vec<u64>>,
}

impl Bitset {
    /// An empty set of numbers from 0 to `largest`.
    pub(crate) fn new(largest: usize) -> Self {
        let mut levels = vec![vec![0_u64; largest / 64 + 1]];
        let mut words = levels[0].len();
        while words > 1 {
            words = words.div_ceil(64);
            levels.push(vec![0; words]);
        }
        Self { levels }
    }

    /// Adds `number`.
    pub(crate) fn insert(&mut self, number: usize) {
        let mut index = number;
        for level in &mut self.levels {
            let word = &mut level[index / 64];
            let was_empty = *word == 0;
            *word |= 1 << (index % 64);
            if !was_empty {
                return;
            }
            index /= 64;
        }
    }

    /// Takes `number` out.
    pub(crate) fn remove(&mut self, number: usize) {
        let mut index = number;
        for level in &mut self.levels {
            let word = &mut level[index / 64];
            *word &= !(1 << (index % 64));
            if *word != 0 {
                return;
            }
            index /= 64;
        }
    }

    /// The smallest member that is at least `number`.
    pub(crate) fn at_least(&self, number: usize) -> Option<usize> {
        let mut index = number;
        for (height, level) in self.levels.iter().enumerate() {
            let word = level.get(index / 64)?;
            let rest = word & (u64::MAX << (index % 64));
            if rest != 0 {
                let found = index / 64 * 64 + rest.trailing_zeros() as usize;
                return Some(self.smallest_below(height, found));
            }
            index = index / 64 + 1;
        }
        None
    }

    /// The smallest member under bit `index` of level `height`, which is set.
    fn smallest_below(&self, height: usize, index: usize) -> usize {
        let mut found = index;
        for level in self.levels[..height].iter().rev() {
            found = found * 64 + level[found].trailing_zeros() as usize;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_an_ordered_set(
            largest in prop_oneof![0_usize..200, 4_000_usize..4_200, 262_100_usize..262_200],
            steps in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3), 0..200),
        ) {
            let mut bits = Bitset::new(largest);
            let mut oracle = BTreeSet::new();
            for (at, step) in steps {
                let number = at.index(largest + 1);
                if step == 0 {
                    bits.remove(number);
                    oracle.remove(&number);
                } else {
                    bits.insert(number);
                    oracle.insert(number);
                }
                let near = number.saturating_sub(70);
                for start in [0, near, number, (number + 1).min(largest), largest] {
                    prop_assert_eq!(bits.at_least(start), oracle.range(start..).next().copied());
                }
            }
        }
    }
}
