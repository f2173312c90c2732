//! What is known of evaluation questions.

use std::sync::atomic::AtomicBool;

use rustc_hash::FxHashMap;

use crate::firsts::Firsts;
use crate::question::Question;
use crate::spans::Spans;
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
    /// The first questions of each set that have an n-gram.
    pub(crate) firsts: Firsts,
    /// The same of each set and picture, of n-grams that are no templates for questions with pictures.
    pub(crate) firsts_of_pictures: Firsts,
    /// Which words n-grams cover, where the rule asks.
    pub(crate) spans: Spans,
}

impl NgramIndex {
    /// Knows the questions, which are numbered as they come; `n` is at least 1.
    #[must_use]
    pub fn new<'q>(
        n: usize,
        rule: Rule,
        questions: impl IntoIterator<Item = Question<'q>>,
    ) -> Self {
        Self::cancellable(n, rule, questions, &AtomicBool::new(false))
    }

    /// The same, on which work ends early once `cancel` is set: what is made then is not whole, and is not to be used.
    #[must_use]
    pub fn cancellable<'q>(
        n: usize,
        rule: Rule,
        questions: impl IntoIterator<Item = Question<'q>>,
        cancel: &AtomicBool,
    ) -> Self {
        let n = n.max(1);
        let stems = Stems::of(questions, cancel);
        let table = Table::of(&stems, n, cancel);
        let templates = templates(&stems, &table, cancel);
        let template_starts = template_starts(&table, &templates);
        let firsts = Firsts::of_sets(&stems, &table, cancel);
        let firsts_of_pictures = Firsts::of_pictures(&stems, &table, &templates, cancel);
        let spans = match rule {
            Rule::Any => Spans::default(),
            Rule::Coverage(_) => Spans::of(&table, n, cancel),
        };
        Self {
            n,
            rule,
            stems,
            table,
            templates,
            template_starts,
            firsts,
            firsts_of_pictures,
            spans,
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
