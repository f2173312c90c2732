//! Which questions are kept out of training, to validate on.

use octomed_index::{Index, TraceLocation};
use serde::Deserialize;

use crate::lots::{Lot, is_drawn, lot};
use crate::questions::Questions;

/// A component with more than a twentieth of the traces is named.
const LARGE: u64 = 20;
/// So many of them are.
const MOST_NAMED: usize = 3;

/// What is kept out of training, as the recipe has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Share of the questions, drawn by component.
    pub share: f64,
    /// The column whose equal values stay together, by source: its place among those that the source is asked for.
    #[serde(default)]
    pub group: Vec<(String, usize)>,
}

impl Validation {
    /// Takes the kept traces of the questions that are drawn out of training, those left out whose `is_mixed` says no;
    /// returns what is worth saying.
    pub(crate) fn draw(
        &self,
        index: &mut Index,
        questions: &Questions,
        roots: &[u32],
        seed: u64,
        is_mixed: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let mut has_drawn = false;
        for (number, block) in index.blocks.iter_mut().enumerate() {
            if !is_mixed(&block.header.source) {
                continue;
            }
            for (row, &question) in questions.of_block(number).iter().enumerate() {
                let root = questions.id(roots[question as usize]);
                if block.is_kept(row) && is_drawn(lot(Lot::Validation, root, seed), self.share) {
                    block.copies[row] = 0;
                    has_drawn = true;
                }
            }
        }
        if has_drawn {
            return Vec::new();
        }
        vec![format!(
            "`validation.share` is {}, and no question was drawn for it: there is no stream `validation`",
            self.share
        )]
    }
}

/// What is said of components with more than a twentieth of the kept traces: a draw takes all of one, or none.
pub(crate) fn large_components(index: &Index, questions: &Questions, roots: &[u32]) -> Vec<String> {
    let mut traces = vec![0_u64; questions.len()];
    let mut first: Vec<Option<TraceLocation>> = vec![None; questions.len()];
    let mut all = 0;
    for (number, block) in index.blocks.iter().enumerate() {
        for row in block.kept_rows() {
            let root = roots[questions.of_block(number)[row] as usize] as usize;
            let here = TraceLocation {
                block: number as u32,
                row: row as u32,
            };
            traces[root] += 1;
            let before = first[root]
                .is_none_or(|other| index.source_order(here) < index.source_order(other));
            if before {
                first[root] = Some(here);
            }
            all += 1;
        }
    }
    let mut large: Vec<usize> = (0..traces.len())
        .filter(|&root| traces[root] * LARGE > all)
        .collect();
    large.sort_by_key(|&root| (std::cmp::Reverse(traces[root]), root));
    let described = large.iter().take(MOST_NAMED).filter_map(|&root| {
        let members = roots.iter().filter(|&&other| other as usize == root).count();
        let percent = 100.0 * traces[root] as f64 / all as f64;
        let example = index.describe(first[root]?);
        Some(if members == 1 {
            format!("one question ({example}) has {percent:.1} % of the traces")
        } else {
            format!(
                "{members} questions that belong together ({example} is of one) have {percent:.1} % of the traces"
            )
        })
    });
    let mut notes: Vec<String> = described
        .map(|what| format!("{what}: a draw takes all of them or none"))
        .collect();
    if large.len() > MOST_NAMED {
        notes.push(format!(
            "{} more questions, or groups of them, have more than 5 % of the traces each",
            large.len() - MOST_NAMED
        ));
    }
    notes
}
