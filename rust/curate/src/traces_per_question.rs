//! How many traces of a question stay, and which.

use octomed_index::{Index, Needs, TraceLocation, Verdict};
use serde::Deserialize;

use crate::diverse::Sketches;
use crate::lots::{Lot, lot_of_two};
use crate::questions::SharedQuestions;
use crate::{CurateError, Rejects, Rule};

/// How many traces of a question stay, as the recipe has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepTraces {
    /// How many, at most.
    pub keep: u32,
    /// Which.
    pub by: KeepBy,
}

/// Which traces of a question come first. What a smaller number keeps, a larger one keeps too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepBy {
    /// The first in source order.
    First,
    /// A draw.
    Random,
    /// Those of the fewest tokens.
    Shortest,
    /// Those of the most tokens.
    Longest,
    /// Those whose responses have the least in common.
    Diverse,
}

impl KeepBy {
    fn in_words(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Random => "random",
            Self::Shortest => "shortest",
            Self::Longest => "longest",
            Self::Diverse => "diverse",
        }
    }
}

/// Leaves out what a question has beyond a number of traces.
#[derive(Clone, Debug)]
pub(crate) struct TracesPerQuestion {
    pub keep: KeepTraces,
    pub seed: u64,
    pub questions: SharedQuestions,
}

impl TracesPerQuestion {
    /// What puts a trace before others of its question; source order decides where it is equal.
    fn rank(&self, index: &Index, trace: TraceLocation) -> u64 {
        let (traces, row) = (&index.block(trace).traces, trace.row as usize);
        match self.keep.by {
            KeepBy::First => u64::from(trace.block) << 32 | u64::from(traces.ordinal[row]),
            KeepBy::Random | KeepBy::Diverse => lot_of_two(
                Lot::Trace,
                traces.question_id[row],
                traces.trace_id[row],
                self.seed,
            ),
            KeepBy::Shortest => u64::from(traces.tokens[row]),
            KeepBy::Longest => u64::from(u32::MAX - traces.tokens[row]),
        }
    }
}

impl Rule for TracesPerQuestion {
    fn verdict(&self) -> Verdict {
        Verdict::TracesPerQuestion
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let questions = self.questions.of(index);
        let groups = questions.groups(index, octomed_index::BlockIndex::is_kept);
        let keep = self.keep.keep as usize;
        let mut counts = vec![0; groups.len()];
        let mut ranked: Vec<(u64, TraceLocation)> = Vec::new();
        let is_diverse = self.keep.by == KeepBy::Diverse;
        let sketches = is_diverse.then(|| Sketches::of(index, questions, &groups));
        let sketches = sketches.transpose()?;
        for (question, counted) in counts.iter_mut().enumerate() {
            let traces = groups.traces(question);
            *counted = traces.len() as u32;
            if traces.len() <= keep {
                continue;
            }
            if let Some(sketches) = &sketches {
                let lot = |trace| self.rank(index, trace);
                for trace in sketches.left_out(&groups, question, keep, lot) {
                    index.reject(trace, Verdict::TracesPerQuestion);
                }
                continue;
            }
            ranked.clear();
            ranked.extend(traces.iter().map(|&trace| (self.rank(index, trace), trace)));
            // Which are the first of a million is told without sorting them.
            ranked.select_nth_unstable_by(keep, |one, other| {
                let order = |trace| index.source_order(trace);
                let ranks = one.0.cmp(&other.0);
                ranks.then_with(|| order(one.1).cmp(&order(other.1)))
            });
            for &(_, trace) in &ranked[keep..] {
                index.reject(trace, Verdict::TracesPerQuestion);
            }
        }
        let per_question = questions.per_question(index);
        let (questions, by) = (self.questions.clone(), self.keep.by.in_words());
        Ok(Rejects::new(
            Verdict::TracesPerQuestion,
            move |_, trace: TraceLocation| {
                let number = questions.numbered().map(|all| all.number(trace) as usize);
                let of = number.map_or(0, |number| counts[number]);
                format!("{keep} of the {of} traces of its question are kept: {by}")
            },
        )
        .with_questions(per_question))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::questions::tests::{index_of, locations, made_blocks};

    fn rule(keep: u32, by: KeepBy, seed: u64) -> TracesPerQuestion {
        TracesPerQuestion {
            keep: KeepTraces { keep, by },
            seed,
            questions: SharedQuestions::default(),
        }
    }

    fn kept(index: &Index) -> BTreeSet<TraceLocation> {
        let is_kept = |trace: &TraceLocation| index.block(*trace).is_kept(trace.row as usize);
        locations(index).into_iter().filter(is_kept).collect()
    }

    fn policies() -> impl Strategy<Value = KeepBy> {
        prop_oneof![
            Just(KeepBy::First),
            Just(KeepBy::Random),
            Just(KeepBy::Shortest),
            Just(KeepBy::Longest),
        ]
    }

    proptest! {
        #[test]
        fn equals_a_sort_of_each_question(blocks in made_blocks(), keep in 1..5_u32, by in policies()) {
            let mut index = index_of(&blocks);
            let mut questions: BTreeMap<u64, Vec<TraceLocation>> = BTreeMap::new();
            for trace in kept(&index) {
                questions.entry(index.block(trace).traces.question_id[trace.row as usize]).or_default().push(trace);
            }
            let mut expected = BTreeSet::new();
            let mut left_out = BTreeMap::new();
            for (id, mut traces) in questions {
                traces.sort_by_key(|&trace| {
                    let columns = &index.block(trace).traces;
                    let tokens = i64::from(columns.tokens[trace.row as usize]);
                    let rank = match by {
                        KeepBy::First => 0,
                        KeepBy::Shortest => tokens,
                        KeepBy::Longest => -tokens,
                        KeepBy::Diverse => unreachable!(),
                        KeepBy::Random => {
                            let lot = lot_of_two(Lot::Trace, id, columns.trace_id[trace.row as usize], 3);
                            (lot ^ 1 << 63).cast_signed()
                        }
                    };
                    (rank, index.source_order(trace))
                });
                let count = traces.len();
                expected.extend(traces.iter().take(keep as usize));
                left_out.extend(traces.into_iter().skip(keep as usize).map(|trace| (trace, count)));
            }
            let rejects = rule(keep, by, 3).apply(&mut index).unwrap();
            prop_assert_eq!(kept(&index), expected);
            for (trace, count) in left_out {
                let words = format!("{keep} of the {count} traces of its question are kept: {}", by.in_words());
                prop_assert_eq!(rejects.detail(&index, trace), words);
            }
        }

        #[test]
        fn the_fewer_are_among_the_more(blocks in made_blocks(), by in policies(), seed: u64) {
            let kept_of = |keep| {
                let mut index = index_of(&blocks);
                rule(keep, by, seed).apply(&mut index).unwrap();
                kept(&index)
            };
            let (one, four) = (kept_of(1), kept_of(4));
            prop_assert!(one.is_subset(&four));
            prop_assert!(four.is_subset(&kept_of(16)));
        }
    }

    #[test]
    fn a_question_of_a_million_traces_takes_no_more_than_a_sort() {
        let traces = vec![(7, 5, Verdict::Kept); 300_000];
        let mut index = index_of(&[("a", traces)]);
        for by in [KeepBy::Shortest, KeepBy::Random, KeepBy::First] {
            rule(16, by, 1).apply(&mut index).unwrap();
            assert_eq!(kept(&index).len(), 16);
            index.blocks[0].traces.verdict.fill(Verdict::Kept as u8);
        }
    }

    #[test]
    fn another_seed_draws_others() {
        let kept_of = |seed| {
            let mut index = index_of(&[("a", vec![(7, 5, Verdict::Kept); 100])]);
            rule(10, KeepBy::Random, seed).apply(&mut index).unwrap();
            kept(&index)
        };
        assert_eq!(kept_of(1), kept_of(1));
        assert_ne!(kept_of(1), kept_of(2));
    }

    /// Traces of one question with these bands each, as a scan writes them.
    fn with_bands(folder: &std::path::Path, of_traces: &[Vec<u64>]) -> Index {
        let width = of_traces[0].len() as u32;
        let (mut columns, mut values) = (octomed_index::TraceColumns::default(), Vec::new());
        for (row, keys) in (0..).zip(of_traces) {
            columns.push(&octomed_index::TraceEntry {
                trace_id: row,
                shuffle_key: row,
                ordinal: row as u32,
                question_id: 4,
                checksum: octomed_index::checksum(&[]),
                ..octomed_index::TraceEntry::default()
            });
            keys.iter()
                .for_each(|key| values.extend_from_slice(&key.to_le_bytes()));
        }
        let header = octomed_index::Header {
            version: octomed_index::SCAN_VERSION,
            traces: of_traces.len() as u64,
            bands: width,
            ..octomed_index::Header::default()
        };
        let path = folder.join("0");
        let block = octomed_index::NewBlock {
            traces: columns,
            side: &[(octomed_index::bands(width), values)],
            ..octomed_index::NewBlock::new(&header)
        };
        block.write(&path, octomed_files::Access::Owner).unwrap();
        let needs = Needs::questions();
        let block = octomed_index::BlockRef { path, first_row: 0 };
        Index {
            blocks: vec![octomed_index::BlockIndex::load(&block, &needs).unwrap()],
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_diverse_have_the_least_in_common_one_after_another(
            traces in prop::collection::vec(prop::collection::vec(0..3_u64, 5), 1..14), keep in 1..6_u32, seed in 0..4_u64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut index = with_bands(folder.path(), &traces);
            let lot = |row: &usize| lot_of_two(Lot::Trace, 4, *row as u64, seed);
            let equal = |one: usize, other: usize| {
                traces[one].iter().zip(&traces[other]).filter(|(one, other)| one == other).count()
            };
            let mut chosen: Vec<usize> = Vec::new();
            for _ in 0..keep.min(traces.len() as u32) {
                let free = (0..traces.len()).filter(|row| !chosen.contains(row));
                let most = |row: usize| chosen.iter().map(|&other| equal(row, other)).max();
                chosen.extend(free.min_by_key(|row| (most(*row), lot(row))));
            }
            rule(keep, KeepBy::Diverse, seed).apply(&mut index).unwrap();
            let found: Vec<usize> = index.blocks[0].kept_rows().collect();
            chosen.sort_unstable();
            prop_assert_eq!(found, chosen);
        }
    }

    #[test]
    fn a_large_question_has_its_diverse_ones_in_bounded_time() {
        let folder = tempfile::tempdir().unwrap();
        let traces: Vec<Vec<u64>> = (0..40_000).map(|row| vec![row % 250, row / 250]).collect();
        let mut index = with_bands(folder.path(), &traces);
        rule(30_000, KeepBy::Diverse, 1).apply(&mut index).unwrap();
        assert_eq!(kept(&index).len(), 30_000);
    }
}
