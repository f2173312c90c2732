//! Which words of evaluation stems an n-gram covers: places that overlap or touch are one span, so that a word that is
//! repeated without end has one.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::table::Table;

/// Words of a stem that an n-gram covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub stem: u32,
    /// Number of the first word.
    pub start: u32,
    /// One more than that of the last.
    pub end: u32,
}

/// The spans of each n-gram, in the order of stems and words.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    spans: Vec<Span>,
    /// Where those of each n-gram begin.
    starts: Vec<u32>,
}

impl Spans {
    pub(crate) fn of(table: &Table, n: usize, cancel: &AtomicBool) -> Self {
        let mut all = Self {
            spans: Vec::new(),
            starts: vec![0],
        };
        for ngram in 0..table.len() as u32 {
            if cancel.load(Ordering::Relaxed) {
                return Self::default();
            }
            let begin = all.spans.len();
            for posting in table.postings(ngram) {
                let end = posting.word + n as u32;
                match all.spans[begin..].last_mut() {
                    Some(last) if last.stem == posting.stem && posting.word <= last.end => {
                        last.end = end;
                    }
                    _ => all.spans.push(Span {
                        stem: posting.stem,
                        start: posting.word,
                        end,
                    }),
                }
            }
            all.starts.push(all.spans.len() as u32);
        }
        all
    }

    /// Those of an n-gram.
    pub(crate) fn get(&self, ngram: u32) -> &[Span] {
        let place = ngram as usize;
        let bounds = self.starts.get(place).zip(self.starts.get(place + 1));
        let bounds = bounds.map(|(&begin, &end)| begin as usize..end as usize);
        bounds.map_or(&[][..], |bounds| &self.spans[bounds])
    }
}
