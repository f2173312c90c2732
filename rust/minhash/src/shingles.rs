//! Runs of words, and the set of them that a text is compared by.

use crate::words::Words;

/// What a run's hash is multiplied by for each further word; odd, so that no word is lost.
const FACTOR: u64 = 0xD134_2543_DE82_EF95;

/// Reads the runs of `length` words of a text, each as a hash; a text of fewer words, but one at least, is one run.
#[derive(Clone, Debug)]
pub struct Runs {
    words: Words,
    /// The last words, as many as a run has, the next one in the place of the oldest.
    last: Vec<u64>,
    /// What the oldest word of a run was multiplied by when the next comes in.
    oldest: u64,
}

impl Runs {
    /// Reads runs of so many words, 1 at least.
    pub fn new(length: usize) -> Self {
        Self {
            words: Words::default(),
            last: vec![0; length.max(1)],
            oldest: FACTOR.wrapping_pow(length.max(1) as u32),
        }
    }

    /// Calls `each` with the hash of every run, in order, and returns the number of words.
    #[inline]
    pub fn each(&mut self, text: &str, mut each: impl FnMut(u64)) -> usize {
        let Self {
            words,
            last,
            oldest,
        } = self;
        last.fill(0);
        let (mut run, mut count, mut place) = (0_u64, 0, 0);
        words.each(text, |word| {
            // The sum of each word times a power: what leaves is taken off, and nothing is added up again.
            let left = std::mem::replace(&mut last[place], word).wrapping_mul(*oldest);
            run = run
                .wrapping_mul(FACTOR)
                .wrapping_add(word)
                .wrapping_sub(left);
            place = if place + 1 == last.len() {
                0
            } else {
                place + 1
            };
            count += 1;
            if count >= last.len() {
                each(finished(run));
            }
        });
        if count > 0 && count < last.len() {
            each(finished(run));
        }
        count
    }
}

/// The bits of a sum spread over all of a hash.
#[inline]
fn finished(run: u64) -> u64 {
    let folded = (run ^ (run >> 32)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    folded ^ (folded >> 29)
}

/// The set of a text's runs of words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shingles {
    /// Ascending, each once.
    hashes: Box<[u64]>,
}

impl Shingles {
    /// The runs of `text`.
    pub fn of(text: &str, runs: &mut Runs) -> Self {
        let mut hashes = Vec::new();
        runs.each(text, |run| hashes.push(run));
        hashes.sort_unstable();
        hashes.dedup();
        Self {
            hashes: hashes.into_boxed_slice(),
        }
    }

    /// Number of distinct runs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether the text has no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// The share of all runs of two texts that both have; 0 where neither has a word, for nothing says that they are alike.
#[must_use]
pub fn jaccard(one: &Shingles, other: &Shingles) -> f64 {
    let all = one.len() + other.len();
    let shared = shared(&one.hashes, &other.hashes, all).unwrap_or(0);
    share(shared, all)
}

/// [`jaccard`] where it is `threshold` or more. Where it is less that is mostly known long before the end.
#[must_use]
pub fn jaccard_from(one: &Shingles, other: &Shingles, threshold: f64) -> Option<f64> {
    let all = one.len() + other.len();
    // With s shared, s / (all - s) is the share, and all - 2s runs are of one text alone.
    let least = (threshold.max(0.0) * all as f64 / (1.0 + threshold.max(0.0))).floor() as usize;
    let alone = all.saturating_sub(2 * least);
    let found = share(shared(&one.hashes, &other.hashes, alone)?, all);
    (found >= threshold && all > 0).then_some(found)
}

fn share(shared: usize, all: usize) -> f64 {
    match all - shared {
        0 => 0.0,
        union => shared as f64 / union as f64,
    }
}

/// How many hashes two lists share, or nothing once more than `alone` are of one alone.
fn shared(one: &[u64], other: &[u64], alone: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > alone {
        return None;
    }
    let (mut at, mut beside, mut shared) = (0, 0, 0);
    while at < one.len() && beside < other.len() {
        let (left, right) = (one[at], other[beside]);
        at += usize::from(left <= right);
        beside += usize::from(right <= left);
        shared += usize::from(left == right);
        if at + beside - 2 * shared > alone {
            return None;
        }
    }
    Some(shared)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn shingles(text: &str, length: usize) -> Shingles {
        Shingles::of(text, &mut Runs::new(length))
    }

    /// Runs as lists of words.
    fn slow(text: &str, length: usize) -> HashSet<Vec<String>> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        if !words.is_empty() && words.len() < length {
            return HashSet::from([words]);
        }
        words.windows(length).map(<[String]>::to_vec).collect()
    }

    proptest! {
        #[test]
        fn the_share_is_that_of_the_sets(
            one in "([a-c]{1,2} ){0,30}", other in "([a-c]{1,2} ){0,30}", edit in 0_usize..60, length in 1_usize..7,
        ) {
            let near = one.chars().enumerate().filter(|(at, _)| *at != edit).map(|(_, letter)| letter).collect();
            for other in [other, near, one.clone()] {
                let (left, right) = (slow(&one, length), slow(&other, length));
                let union = left.union(&right).count();
                let expected = if union == 0 { 0.0 } else { left.intersection(&right).count() as f64 / union as f64 };
                let (left, right) = (shingles(&one, length), shingles(&other, length));
                prop_assert_eq!(jaccard(&left, &right), expected);
                for threshold in [0.0, 0.3, 0.5, 0.8, 0.95, 1.0, expected] {
                    let passes = expected >= threshold && union > 0;
                    prop_assert_eq!(jaccard_from(&left, &right, threshold), passes.then_some(expected));
                }
            }
        }
    }

    #[test]
    fn a_short_text_is_one_run_and_no_text_is_none() {
        let one = shingles("two words", 5);
        assert_eq!(one.len(), 1);
        assert_eq!(jaccard(&one, &shingles("TWO words!", 5)), 1.0);
        assert_eq!(jaccard(&one, &shingles("two words more", 5)), 0.0);
        let none = shingles(" -- ", 5);
        assert!(none.is_empty());
        assert_eq!(jaccard(&none, &none), 0.0);
        assert_eq!(jaccard_from(&none, &none, 0.0), None);
    }

    #[test]
    fn the_order_of_the_words_counts() {
        let one = shingles("one two three four five", 5);
        assert_eq!(jaccard(&one, &shingles("two one three four five", 5)), 0.0);
    }
}
