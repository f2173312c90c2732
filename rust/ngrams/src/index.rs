//! What is known of evaluation questions.

use rustc_hash::FxHashMap;

use crate::question::Question;
use crate::stems::Stems;
use crate::table::Table;
use crate::templates::{Template, templates};

/// When a question is contaminated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// One n-gram is shared: s1's rule, and the paper's.
    Any,
    /// N-grams that one training question shares with an evaluation question cover more than this share of its words.
    Coverage(f64),
}

/// The first question of an evaluation set that has an n-gram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub set: u32,
    pub question: u32,
    pub stem: u32,
    pub word: u32,
}

/// The n-grams of evaluation questions.
#[derive(Debug)]
pub struct NgramIndex {
    pub(crate) n: usize,
    pub(crate) rule: Rule,
    pub(crate) stems: Stems,
    pub(crate) table: Table,
    pub(crate) templates: Vec<Template>,
    /// Of each stem where an n-gram begins that is a template, and whether only for questions with pictures.
    pub(crate) template_starts: FxHashMap<u32, Vec<(u32, bool)>>,
    firsts: Vec<First>,
    /// Where those of each n-gram begin.
    first_starts: Vec<u32>,
}

impl NgramIndex {
    /// Knows the questions, which are numbered as they come; `n` is at least 1.
    #[must_use]
    pub fn new<'q>(
        n: usize,
        rule: Rule,
        questions: impl IntoIterator<Item = Question<'q>>,
    ) -> Self {
        let n = n.max(1);
        let stems = Stems::of(questions);
        let table = Table::of(&stems, n);
        let templates = templates(&stems, &table);
        let template_starts = template_starts(&table, &templates);
        let (firsts, first_starts) = firsts(&stems, &table);
        Self {
            n,
            rule,
            stems,
            table,
            templates,
            template_starts,
            firsts,
            first_starts,
        }
    }

    /// Words of an n-gram.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// The words of an n-gram, by the number that a contact has.
    #[must_use]
    pub fn words(&self, ngram: u32) -> &str {
        self.table.text(&self.stems, ngram)
    }

    /// The first question of each evaluation set that has an n-gram.
    pub(crate) fn firsts(&self, ngram: u32) -> &[First] {
        let begin = self.first_starts[ngram as usize] as usize;
        let end = self.first_starts[ngram as usize + 1] as usize;
        &self.firsts[begin..end]
    }
}

fn template_starts(table: &Table, templates: &[Template]) -> FxHashMap<u32, Vec<(u32, bool)>> {
    let mut starts: FxHashMap<u32, Vec<(u32, bool)>> = FxHashMap::default();
    for (ngram, template) in (0..).zip(templates) {
        if !template.of_text && !template.of_pictures {
            continue;
        }
        for posting in table.postings(ngram) {
            let of_stem = starts.entry(posting.stem).or_default();
            of_stem.push((posting.word, !template.of_text));
        }
    }
    starts
        .values_mut()
        .for_each(|starts| starts.sort_unstable());
    starts
}

fn firsts(stems: &Stems, table: &Table) -> (Vec<First>, Vec<u32>) {
    let (mut firsts, mut starts) = (Vec::new(), vec![0]);
    let mut of_ngram: Vec<First> = Vec::new();
    for ngram in 0..table.len() as u32 {
        of_ngram.clear();
        for posting in table.postings(ngram) {
            for holder in &stems.get(posting.stem).holders {
                let first = First {
                    set: holder.set,
                    question: holder.question,
                    stem: posting.stem,
                    word: posting.word,
                };
                let known = of_ngram.iter_mut().find(|one| one.set == holder.set);
                match known {
                    Some(known) if known.question <= first.question => {}
                    Some(known) => *known = first,
                    None => of_ngram.push(first),
                }
            }
        }
        of_ngram.sort_unstable_by_key(|first| first.set);
        firsts.extend_from_slice(&of_ngram);
        starts.push(firsts.len() as u32);
    }
    (firsts, starts)
}
