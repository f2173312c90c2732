//! What became of each source's rows and traces.

use std::collections::BTreeMap;

use octomed_index::{BlockIndex, Verdict};
use serde::Serialize;

use crate::select::{Selection, Written};

/// The rows and traces of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceAccount {
    /// Rows read.
    pub rows: u64,
    /// Rows that could not be read.
    pub rows_unreadable: u64,
    /// Rows that hold no trace.
    pub rows_without_trace: u64,
    /// Both of these, by reason.
    pub rows_refused: BTreeMap<String, u64>,
    /// Traces made.
    pub traces: u64,
    /// Traces packed to train on.
    pub train: u64,
    /// Traces packed to validate on.
    pub validation: u64,
    /// Copies packed of traces beyond the first.
    pub copies: u64,
    /// Tokens packed, those of copies too.
    pub tokens: u64,
    /// Tokens packed that carry loss.
    pub supervised_tokens: u64,
    /// Traces left out, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Traces by what became of their answers, where these were looked at.
    pub answers: BTreeMap<String, u64>,
}

/// The account of each source that has blocks, by name.
#[must_use]
pub fn source_accounts(selection: &Selection) -> BTreeMap<String, SourceAccount> {
    let mut accounts = BTreeMap::<String, SourceAccount>::new();
    for block in &selection.index.blocks {
        let account = accounts.entry(block.header.source.clone()).or_default();
        account.add(block);
    }
    accounts
}

impl SourceAccount {
    fn add(&mut self, block: &BlockIndex) {
        self.rows += block.header.rows;
        self.rows_unreadable += block.header.rows_unreadable;
        self.rows_without_trace += block.header.rows_without_trace;
        for (reason, count) in &block.refused {
            *self.rows_refused.entry(reason.clone()).or_default() += count;
        }
        for (state, count) in &block.header.answers {
            *self.answers.entry(state.clone()).or_default() += count;
        }
        self.traces += block.len() as u64;
        let mut by_code = [0_u64; 256];
        for &code in &block.traces.verdict {
            by_code[usize::from(code)] += 1;
        }
        let mut written = Written::default();
        written.add(block);
        self.train += written.train;
        self.validation += written.validation;
        self.copies += written.copies;
        self.tokens += written.tokens;
        self.supervised_tokens += written.supervised;
        for verdict in Verdict::ALL {
            let count = by_code[verdict as usize];
            if verdict != Verdict::Kept && verdict != Verdict::Filtered && count > 0 {
                *self
                    .rejected
                    .entry(verdict.as_str().to_owned())
                    .or_default() += count;
            }
        }
        for (filter, count) in &block.header.filtered {
            *self.rejected.entry(filter.clone()).or_default() += count;
        }
    }
}
