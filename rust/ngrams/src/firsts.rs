//! The first evaluation questions that have an n-gram: of all that have it no more are asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::stems::Stems;
use crate::table::{Posting, Table};
use crate::templates::Template;

/// An evaluation question that has an n-gram, the first of its set, or of its set and pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub set: u32,
    pub question: u32,
    pub images: u64,
    pub posting: Posting,
}

/// The first questions of each n-gram.
#[derive(Debug, Default)]
pub(crate) struct Firsts {
    firsts: Vec<First>,
    /// Where those of each n-gram begin.
    starts: Vec<u32>,
}

impl Firsts {
    /// One of each set, by the numbers of the sets.
    pub(crate) fn of_sets(stems: &Stems, table: &Table, cancel: &AtomicBool) -> Self {
        let same = |one: &First, other: &First| one.set == other.set;
        let all = |_: u32| true;
        let mut firsts = Self::of(stems, table, all, same, cancel);
        firsts.sort(|first| (first.set, first.question));
        firsts
    }

    /// One of each set and picture, by the numbers of the questions. N-grams that are templates for questions with
    /// pictures have none: what over five pictures has them proves nothing, and the others are few.
    pub(crate) fn of_pictures(
        stems: &Stems,
        table: &Table,
        templates: &[Template],
        cancel: &AtomicBool,
    ) -> Self {
        let same = |one: &First, other: &First| (one.set, one.images) == (other.set, other.images);
        let is_wanted = |ngram: u32| {
            let template = templates.get(ngram as usize);
            template.is_some_and(|template| !template.of_pictures)
        };
        let mut firsts = Self::of(stems, table, is_wanted, same, cancel);
        firsts.sort(|first| (first.question, first.set));
        firsts
    }

    fn of(
        stems: &Stems,
        table: &Table,
        is_wanted: impl Fn(u32) -> bool,
        same: impl Fn(&First, &First) -> bool,
        cancel: &AtomicBool,
    ) -> Self {
        let mut all = Self {
            firsts: Vec::new(),
            starts: vec![0],
        };
        for ngram in 0..table.len() as u32 {
            if cancel.load(Ordering::Relaxed) {
                return Self::default();
            }
            if is_wanted(ngram) {
                all.add(stems, table.postings(ngram), &same);
            }
            all.starts.push(all.firsts.len() as u32);
        }
        all
    }

    /// Adds those of an n-gram.
    fn add(&mut self, stems: &Stems, postings: &[Posting], same: impl Fn(&First, &First) -> bool) {
        let begin = self.firsts.len();
        let mut last = None;
        for &posting in postings {
            // Of the places in a stem the first counts.
            if last.replace(posting.stem) == Some(posting.stem) {
                continue;
            }
            for holder in &stems.get(posting.stem).holders {
                let first = First {
                    set: holder.set,
                    question: holder.question,
                    images: holder.images,
                    posting,
                };
                let mut known = self.firsts[begin..].iter_mut();
                match known.find(|one| same(one, &first)) {
                    Some(known) if known.question <= first.question => {}
                    Some(known) => *known = first,
                    None => self.firsts.push(first),
                }
            }
        }
    }

    fn sort<K: Ord>(&mut self, key: impl Fn(&First) -> K) {
        for bounds in self.starts.windows(2) {
            self.firsts[bounds[0] as usize..bounds[1] as usize].sort_unstable_by_key(&key);
        }
    }

    /// Those of an n-gram.
    pub(crate) fn get(&self, ngram: u32) -> &[First] {
        let place = ngram as usize;
        let bounds = self.starts.get(place).zip(self.starts.get(place + 1));
        let bounds = bounds.map(|(&begin, &end)| begin as usize..end as usize);
        bounds.map_or(&[][..], |bounds| &self.firsts[bounds])
    }
}
