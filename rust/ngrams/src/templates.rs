//! Which n-grams are templates: many different questions hold them.

use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashSet;

use crate::likeness::Likeness;
use crate::stems::Stems;
use crate::table::Table;

/// Different stems, or questions with their pictures, that make an n-gram a template.
const LEAST: usize = 5;

/// Whether an n-gram is a template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    /// For questions without pictures: different stems hold it, nearly equal ones counting as one.
    pub of_text: bool,
    /// For questions with pictures: different pairs of question and pictures do.
    pub of_pictures: bool,
}

/// What each n-gram is.
pub(crate) fn templates(stems: &Stems, table: &Table, cancel: &AtomicBool) -> Vec<Template> {
    let likeness = Likeness::new(stems);
    let ngrams = (0..table.len() as u32).take_while(|_| !cancel.load(Ordering::Relaxed));
    let template = |ngram| {
        let mut holders: Vec<u32> = table.postings(ngram).iter().map(|one| one.stem).collect();
        holders.dedup();
        Template {
            of_text: are_many_stems(&likeness, &holders),
            of_pictures: are_many_questions(stems, &likeness, &holders),
        }
    };
    ngrams.map(template).collect()
}

/// Whether enough of the stems are like none that is counted before.
fn are_many_stems(likeness: &Likeness<'_>, holders: &[u32]) -> bool {
    if holders.len() < LEAST {
        return false;
    }
    let mut counted: Vec<u32> = Vec::with_capacity(LEAST);
    for &stem in holders {
        if !counted.iter().any(|&other| likeness.are_near(stem, other)) {
            counted.push(stem);
            if counted.len() == LEAST {
                return true;
            }
        }
    }
    false
}

/// The same of questions with their pictures: those over different pictures are different whatever they say.
fn are_many_questions(stems: &Stems, likeness: &Likeness<'_>, holders: &[u32]) -> bool {
    let mut counted: Vec<(u32, u64)> = Vec::with_capacity(LEAST);
    for &stem in holders {
        let mut images: FxHashSet<u64> = FxHashSet::default();
        for holder in &stems.get(stem).holders {
            if !images.insert(holder.images) {
                continue;
            }
            let is_counted = |&(other, pictures): &(u32, u64)| {
                pictures == holder.images && likeness.are_near(stem, other)
            };
            if !counted.iter().any(is_counted) {
                counted.push((stem, holder.images));
                if counted.len() == LEAST {
                    return true;
                }
            }
        }
    }
    false
}
