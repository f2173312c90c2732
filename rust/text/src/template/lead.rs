//! White space before an answer that no prompt writes, so that the model has to write it itself.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use minijinja::Value;

use super::Message;
use super::compiled::Compiled;

/// How many headers are remembered, and how long they may be: a template has a handful of short ones.
const HEADERS: usize = 256;
const LONGEST_HEADER: usize = 1024;

/// For each header between two contents: how many bytes of white space at its end no prompt writes.
#[derive(Debug, Default)]
pub(super) struct Leads(RwLock<HashMap<String, usize>>);

impl Leads {
    fn get(&self, header: &str) -> Option<usize> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(header).copied()
    }

    fn keep(&self, header: &str, own: usize) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < HEADERS && header.len() <= LONGEST_HEADER {
            known.insert(header.to_owned(), own);
        }
    }
}

impl Compiled {
    /// Where the white space before an answer begins that `add_generation_prompt=True` does not write.
    ///
    /// `header` is what the template wrote between the last content and the answer of `turn`. What no prompt
    /// writes follows from it, so that the prompt is rendered once for each header, not for each row.
    pub(super) fn lead(
        &self,
        messages: &[Message<'_>],
        turn: usize,
        plain: &str,
        header: Range<usize>,
    ) -> usize {
        let (start, text) = (header.end, &plain[header]);
        if text.trim_end().len() == text.len() {
            return start;
        }
        if let Some(own) = self.leads.get(text) {
            return start - own;
        }
        let Some(own) = self.own_blank(&messages[..turn], &plain[..start], text) else {
            return start;
        };
        self.leads.keep(text, own);
        start - own
    }

    /// How many bytes at the end of `header`, which ends `before`, the prompt of these turns does not write; none is
    /// known of turns that cannot be rendered alone.
    fn own_blank(&self, turns: &[Message<'_>], before: &str, header: &str) -> Option<usize> {
        let solid = header.trim_end();
        let blank = &header[solid.len()..];
        let turns = turns
            .iter()
            .map(|turn| (turn.role, Value::from(turn.content)));
        let prompt = self.run(turns, true, None).ok()?;
        let exact = prompt.strip_prefix(&before[..before.len() - blank.len()]);
        let after = exact.or_else(|| {
            let at = prompt.rfind(solid).filter(|_| !solid.is_empty())?;
            Some(&prompt[at + solid.len()..])
        });
        let pairs = blank.chars().zip(after.unwrap_or_default().chars());
        let written = pairs.take_while(|(left, right)| left == right);
        let written: usize = written.map(|(character, _)| character.len_utf8()).sum();
        Some(blank.len() - written)
    }
}
