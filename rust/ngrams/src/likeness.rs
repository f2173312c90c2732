//! When two stems are nearly equal: most of their words are the same.

use std::cell::{OnceCell, RefCell};

use rustc_hash::FxHashMap;

use crate::hashing::word_hashes;
use crate::stems::Stems;

/// Words that two nearly equal stems share, of all that they have together: 4 of 5.
const SHARED: usize = 4;
const ALL: usize = 5;

/// The words of stems as bags, without the punctuation around them; made of a stem when somebody asks.
pub(crate) struct Likeness<'s> {
    stems: &'s Stems,
    bags: Vec<OnceCell<Vec<u64>>>,
    /// Pairs that were compared: n-grams of the same stems ask for the same ones, each as often as stems are long.
    compared: RefCell<FxHashMap<(u32, u32), bool>>,
}

/// Pairs that are remembered at once.
const MOST_COMPARED: usize = 1 << 20;

impl<'s> Likeness<'s> {
    pub(crate) fn new(stems: &'s Stems) -> Self {
        let bags = (0..stems.len()).map(|_| OnceCell::new()).collect();
        let compared = RefCell::default();
        Self {
            stems,
            bags,
            compared,
        }
    }

    /// Whether two stems are nearly equal: a number, an age or a mark was changed, say.
    pub(crate) fn are_near(&self, one: u32, other: u32) -> bool {
        if one == other {
            return true;
        }
        let pair = (one.min(other), one.max(other));
        let known = self.compared.borrow().get(&pair).copied();
        known.unwrap_or_else(|| {
            let are_near = near(self.bag(one), self.bag(other));
            let mut compared = self.compared.borrow_mut();
            if compared.len() == MOST_COMPARED {
                compared.clear();
            }
            compared.insert(pair, are_near);
            are_near
        })
    }

    fn bag(&self, stem: u32) -> &[u64] {
        self.bags[stem as usize].get_or_init(|| bag(self.stems.get(stem).words.text()))
    }
}

fn bag(text: &str) -> Vec<u64> {
    let is_mark = |character: char| character.is_ascii_punctuation();
    let bare: Vec<&str> = text
        .split(' ')
        .map(|word| word.trim_matches(is_mark))
        .collect();
    let mut hashes = Vec::new();
    word_hashes(&bare.join(" "), &mut hashes);
    hashes.sort_unstable();
    hashes
}

/// Whether two bags share four fifths of the words that either has.
fn near(one: &[u64], other: &[u64]) -> bool {
    let (short, long) = (one.len().min(other.len()), one.len().max(other.len()));
    if short * ALL < long * SHARED {
        return false;
    }
    let (mut left, mut right, mut shared) = (0, 0, 0);
    while left < one.len() && right < other.len() {
        match one[left].cmp(&other[right]) {
            std::cmp::Ordering::Less => left += 1,
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Equal => (left, right, shared) = (left + 1, right + 1, shared + 1),
        }
    }
    shared * ALL >= (one.len() + other.len() - shared) * SHARED
}

#[cfg(test)]
mod tests {
    use super::{bag, near};

    #[test]
    fn a_changed_number_or_mark_is_nearly_nothing() {
        let stem =
            "a 45-year-old man comes to the clinic because of chest pain for 2 days: what is next?";
        let is_near = |other: &str| near(&bag(stem), &bag(other));
        assert!(is_near(stem));
        assert!(is_near(&stem.replace("45", "54")));
        assert!(is_near(&stem.replace('?', " ?")));
        assert!(!is_near(&stem.replace(
            "chest pain for 2 days",
            "a cough and fever since Monday"
        )));
        assert!(!is_near(""));
        assert!(near(&bag("?"), &bag("")));
    }

    #[test]
    fn repeated_words_count_as_often_as_they_stand() {
        assert!(!near(&bag("a a a a"), &bag("a")));
        assert!(near(&bag("a b c d e"), &bag("a b c d")));
        assert!(!near(&bag("a b c d e"), &bag("a b c d f")));
    }
}
