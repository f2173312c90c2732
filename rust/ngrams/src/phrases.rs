//! Templates as a person reads them: the longest stretches of words that are templates throughout.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use crate::index::NgramIndex;

/// A stretch of words that is a template throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The words.
    pub words: String,
    /// Different stems of evaluation questions that have it, from its first word to its last.
    pub stems: u64,
    /// Whether it is one for questions with pictures alone: few stems have it, over many pictures.
    pub of_pictures_alone: bool,
}

impl NgramIndex {
    /// The templates, those that most stems have first; `most` of them, and how many there are.
    #[must_use]
    pub fn phrases(&self, most: usize) -> (u64, Vec<Phrase>) {
        let mut stems: FxHashMap<(&str, bool), u64> = FxHashMap::default();
        for (number, stem) in self.stems.iter() {
            for of_pictures_alone in [false, true] {
                let mut begin = None;
                let starts = self.template_starts.get(&number);
                let starts = starts.map_or(&[][..], Vec::as_slice);
                let mine: Vec<usize> = starts
                    .iter()
                    .filter(|start| start.1 == of_pictures_alone)
                    .map(|start| start.0 as usize)
                    .collect();
                for (place, &start) in mine.iter().enumerate() {
                    let from = *begin.get_or_insert(start);
                    if mine.get(place + 1) != Some(&(start + 1)) {
                        let words = stem.words.slice(from..start + self.n);
                        *stems.entry((words, of_pictures_alone)).or_default() += 1;
                        begin = None;
                    }
                }
            }
        }
        let all = stems.len() as u64;
        let mut phrases: Vec<_> = stems.into_iter().collect();
        phrases
            .sort_unstable_by_key(|&((words, pictures), stems)| (Reverse(stems), words, pictures));
        phrases.truncate(most);
        let phrase = |((words, of_pictures_alone), stems): ((&str, bool), u64)| Phrase {
            words: words.to_owned(),
            stems,
            of_pictures_alone,
        };
        (all, phrases.into_iter().map(phrase).collect())
    }
}
