//! How often each group is trained on, and what is kept out of it for validation.

use octomed_index::{Index, Needs, TraceLocation, Verdict};
use serde::Deserialize;

use crate::components::{Links, components};
use crate::lots::{Lot, is_drawn, lot};
use crate::questions::{Questions, SharedQuestions};
use crate::strata::MOST_COPIES;
use crate::validation::{Validation, large_components};
use crate::{CurateError, Rejects, Rule};

/// What is noted in place of copies of a trace that the epochs leave out.
const BY_EPOCHS: u8 = 0;
/// What is noted in place of copies of a trace that the number of examples leaves out.
const BY_EXAMPLES: u8 = 1;

/// How often a group is trained on, as the recipe has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupMix {
    /// Its name.
    pub group: String,
    /// Its sources.
    pub sources: Vec<String>,
    /// Epochs in one run: 0.5 is half of the questions, 2 all of them twice.
    pub epochs: f64,
    /// Traces at most, in whole questions, before any is repeated.
    #[serde(default)]
    pub max_examples: Option<u64>,
}

impl GroupMix {
    fn has(&self, source: &str) -> bool {
        self.sources.iter().any(|own| own == source)
    }
}

/// Draws for validation, then gives each trace its copies, and leaves out those that get none.
#[derive(Clone, Debug)]
pub(crate) struct Mix {
    pub groups: Vec<GroupMix>,
    pub validation: Option<Validation>,
    pub seed: u64,
    pub questions: SharedQuestions,
    pub links: Links,
}

impl Mix {
    /// Whether a source is trained on at all.
    fn is_mixed(&self, source: &str) -> bool {
        let of_source = self.groups.iter().find(|group| group.has(source));
        of_source.is_none_or(|group| group.epochs > 0.0)
    }

    /// Whether anything is drawn by component.
    fn draws(&self) -> bool {
        self.validation.is_some() || self.groups.iter().any(|group| group.epochs.fract() > 0.0)
    }

    /// Gives the traces of a group the copies of its whole epochs, and one more where its question is drawn for the
    /// rest.
    fn give_epochs(
        &self,
        group: &GroupMix,
        index: &mut Index,
        questions: &Questions,
        roots: &[u32],
    ) -> Result<(), CurateError> {
        let (whole, part) = (group.epochs.trunc() as u8, group.epochs.fract());
        for (number, block) in index.blocks.iter_mut().enumerate() {
            if !group.has(&block.header.source) {
                continue;
            }
            for (row, &question) in questions.of_block(number).iter().enumerate() {
                if !block.is_kept(row) || block.copies[row] == 0 {
                    continue;
                }
                let is_in_part = || {
                    let root = questions.id(roots[question as usize]);
                    is_drawn(lot(Lot::Epoch, root, self.seed), part)
                };
                let copies = whole + u8::from(part > 0.0 && is_in_part());
                block.copies[row] = match copies {
                    0 => BY_EPOCHS,
                    copies => times(copies, block.copies[row])?,
                };
                if copies == 0 {
                    block.traces.verdict[row] = Verdict::NotInMix as u8;
                }
            }
        }
        Ok(())
    }

    /// Leaves out the questions of a group behind those that are drawn first and have so many traces.
    fn limit_examples(&self, group: &GroupMix, index: &mut Index, questions: &Questions) {
        let Some(most) = group.max_examples else {
            return;
        };
        let mut counts = vec![0_u64; questions.len()];
        for (number, block) in index.blocks.iter().enumerate() {
            if group.has(&block.header.source) {
                let trained = block.kept_rows().filter(|&row| block.copies[row] > 0);
                trained.for_each(|row| counts[questions.of_block(number)[row] as usize] += 1);
            }
        }
        let is_in = first_questions(&counts, most, |question| {
            lot(Lot::Examples, questions.id(question), self.seed)
        });
        for (number, block) in index.blocks.iter_mut().enumerate() {
            if !group.has(&block.header.source) {
                continue;
            }
            for (row, &question) in questions.of_block(number).iter().enumerate() {
                let is_trained = block.is_kept(row) && block.copies[row] > 0;
                if is_trained && !is_in[question as usize] {
                    block.copies[row] = BY_EXAMPLES;
                    block.traces.verdict[row] = Verdict::NotInMix as u8;
                }
            }
        }
    }
}

/// Copies of a trace whose class is repeated and whose group has several epochs.
fn times(epochs: u8, of_class: u8) -> Result<u8, CurateError> {
    let copies = u64::from(epochs) * u64::from(of_class);
    match u8::try_from(copies) {
        Ok(copies) if u64::from(copies) <= MOST_COPIES => Ok(copies),
        _ => Err(CurateError::Copies { copies }),
    }
}

/// The questions that come first by their lots, up to the first that would make more than `most` traces. One that has
/// more by itself is passed over, or it would end all at its place.
fn first_questions(counts: &[u64], most: u64, lot: impl Fn(u32) -> u64) -> Vec<bool> {
    let fits = |&question: &u32| (1..=most).contains(&counts[question as usize]);
    let mut order: Vec<(u64, u32)> = (0..counts.len() as u32)
        .filter(fits)
        .map(|question| (lot(question), question))
        .collect();
    order.sort_unstable();
    let mut is_in = vec![false; counts.len()];
    let mut sum = 0;
    for (_, question) in order {
        sum += counts[question as usize];
        if sum > most {
            break;
        }
        is_in[question as usize] = true;
    }
    is_in
}

impl Rule for Mix {
    fn verdict(&self) -> Verdict {
        Verdict::NotInMix
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let questions = self.questions.of(index);
        for block in &mut index.blocks {
            // A class with few questions has copies already.
            if block.copies.is_empty() {
                block.copies = vec![1; block.len()];
            }
        }
        let mut notes = Vec::new();
        let mut roots = Vec::new();
        if self.draws() {
            let validation = self.validation.as_ref();
            let column = validation.map_or(&[][..], |validation| &validation.group);
            roots = components(index, questions, &self.links, column)?;
            notes = large_components(index, questions, &roots);
        }
        if let Some(validation) = &self.validation {
            let is_mixed = |source: &str| self.is_mixed(source);
            notes.extend(validation.draw(index, questions, &roots, self.seed, is_mixed));
        }
        for group in &self.groups {
            self.give_epochs(group, index, questions, &roots)?;
            self.limit_examples(group, index, questions);
        }
        let groups = self.groups.clone();
        let detail = move |index: &Index, trace: TraceLocation| {
            let block = index.block(trace);
            let group = groups.iter().find(|group| group.has(&block.header.source));
            let by_epochs = block.copies(trace.row as usize) == BY_EPOCHS;
            group.map_or_else(String::new, |group| why(group, by_epochs))
        };
        let per_question = self.questions.of(index).per_question(index);
        let rejects = Rejects::new(Verdict::NotInMix, detail).with_notes(notes);
        Ok(rejects.with_questions(per_question))
    }
}

/// Why a group lacks a trace.
fn why(group: &GroupMix, by_epochs: bool) -> String {
    let (name, epochs) = (&group.group, group.epochs);
    match group.max_examples {
        Some(most) if !by_epochs => {
            format!("group `{name}` has {most} examples at most, and other questions were drawn")
        }
        _ if epochs > 0.0 => {
            format!("group `{name}` has {epochs} epochs, and other questions were drawn")
        }
        _ => format!("group `{name}` has no epoch"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::questions::tests::{index_of, locations, made_blocks};

    fn group(name: &str, sources: &[&str], epochs: f64, max_examples: Option<u64>) -> GroupMix {
        GroupMix {
            group: name.into(),
            sources: sources.iter().map(|&source| source.into()).collect(),
            epochs,
            max_examples,
        }
    }

    fn rule(groups: &[GroupMix], share: Option<f64>, seed: u64) -> Mix {
        Mix {
            groups: groups.to_vec(),
            validation: share.map(|share| Validation {
                share,
                group: Vec::new(),
            }),
            seed,
            questions: SharedQuestions::default(),
            links: Links::default(),
        }
    }

    /// What becomes of each trace: none if it is left out, else its copies.
    fn copies(index: &Index) -> BTreeMap<TraceLocation, Option<u8>> {
        let fate = |trace: TraceLocation| {
            let (block, row) = (index.block(trace), trace.row as usize);
            (trace, block.is_kept(row).then(|| block.copies(row)))
        };
        locations(index).into_iter().map(fate).collect()
    }

    fn epochs() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            Just(0.25),
            Just(0.5),
            Just(1.0),
            Just(1.5),
            Just(2.0),
            Just(3.0)
        ]
    }

    proptest! {
        #[test]
        fn equals_what_is_said_of_each_question(
            blocks in made_blocks(), one in epochs(), two in epochs(),
            most in prop::option::of(1..20_u64), share in prop::option::of(0.1..0.9_f64), seed in 0..5_u64,
        ) {
            let mut index = index_of(&blocks);
            let before = index_of(&blocks);
            let groups = [group("g", &["a", "b"], one, most), group("h", &["c"], two, None)];
            rule(&groups, share, seed).apply(&mut index).unwrap();
            // Without pictures a question is a component by itself.
            let mut expected = BTreeMap::new();
            let mut of_group: BTreeMap<u64, Vec<TraceLocation>> = BTreeMap::new();
            for trace in locations(&before) {
                let (block, row) = (before.block(trace), trace.row as usize);
                let id = block.traces.question_id[row];
                let is_first = block.header.source != "c";
                let epochs = if is_first { one } else { two };
                let is_validated = share.is_some_and(|share| is_drawn(lot(Lot::Validation, id, seed), share));
                let fate = if !block.is_kept(row) {
                    None
                } else if epochs > 0.0 && is_validated {
                    Some(0)
                } else {
                    let is_drawn = is_drawn(lot(Lot::Epoch, id, seed), epochs.fract());
                    let copies = epochs.trunc() as u8 + u8::from(is_drawn);
                    (copies > 0).then_some(copies)
                };
                if is_first && fate.is_some_and(|copies| copies > 0) {
                    of_group.entry(id).or_default().push(trace);
                }
                expected.insert(trace, fate);
            }
            if let Some(most) = most {
                let mut order: Vec<_> = of_group.into_iter()
                    .map(|(id, traces)| (lot(Lot::Examples, id, seed), traces)).collect();
                order.sort();
                let (mut sum, mut is_full) = (0, false);
                for (_, traces) in order {
                    let count = traces.len() as u64;
                    is_full = is_full || count <= most && sum + count > most;
                    if is_full || count > most {
                        traces.iter().for_each(|trace| { expected.insert(*trace, None); });
                    } else {
                        sum += count;
                    }
                }
                prop_assert!(sum <= most);
            }
            prop_assert_eq!(copies(&index), expected);
        }

        #[test]
        fn halves_are_the_same_whatever_else_is_set(
            blocks in made_blocks(), share in prop::option::of(0.1..0.9_f64), seed in 0..5_u64,
        ) {
            let halves = |share, others| {
                let mut index = index_of(&blocks);
                // Another selection has left other traces out.
                if others {
                    for block in &mut index.blocks {
                        let fewer = block.traces.verdict.iter_mut().step_by(3);
                        fewer.for_each(|verdict| *verdict = Verdict::OverLong as u8);
                    }
                }
                let more = if others { 2.0 } else { 1.0 };
                let groups = [group("g", &["a", "b"], 0.5, None), group("h", &["c"], more, None)];
                rule(&groups, share, seed).apply(&mut index).unwrap();
                let mut drawn = BTreeMap::new();
                for (trace, fate) in copies(&index) {
                    let block = index.block(trace);
                    let id = block.traces.question_id[trace.row as usize];
                    let verdict = Verdict::from_code(block.traces.verdict[trace.row as usize]);
                    if block.header.source != "c" && (fate > Some(0) || verdict == Some(Verdict::NotInMix)) {
                        prop_assert_eq!(*drawn.entry(id).or_insert(fate.is_some()), fate.is_some());
                    }
                }
                Ok(drawn)
            };
            let (plain, other) = (halves(None, false)?, halves(share, true)?);
            for (id, is_in) in other {
                prop_assert_eq!(plain.get(&id), Some(&is_in));
            }
        }
    }

    #[test]
    fn fewer_examples_are_among_more_and_one_that_never_fits_is_passed_over() {
        let traces: Vec<_> = (0..200_u64)
            .flat_map(|id| vec![(id, 5, Verdict::Kept); 1 + (id % 7) as usize])
            .chain(vec![(900, 5, Verdict::Kept); 5_000])
            .collect();
        let questions_of = |most| {
            let mut index = index_of(&[("a", traces.clone())]);
            let groups = [group("g", &["a"], 2.0, Some(most))];
            let rejects = rule(&groups, None, 4).apply(&mut index).unwrap();
            let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
            for row in index.blocks[0].kept_rows() {
                assert_eq!(index.blocks[0].copies(row), 2);
                *counts
                    .entry(index.blocks[0].traces.question_id[row])
                    .or_default() += 1;
            }
            let left_out = (0..index.blocks[0].len()).find(|&row| !index.blocks[0].is_kept(row));
            let trace = TraceLocation {
                block: 0,
                row: left_out.unwrap() as u32,
            };
            let detail = rejects.detail(&index, trace);
            assert!(
                detail.contains(&format!("{most} examples at most")),
                "{detail}"
            );
            let sum: u64 = counts.values().sum();
            assert!(sum <= most && sum + 7 > most, "{sum} of {most}");
            assert!(counts.iter().all(|(id, count)| *count == 1 + id % 7));
            counts.into_keys().collect::<BTreeSet<u64>>()
        };
        assert!(questions_of(100).is_subset(&questions_of(300)));
    }

    #[test]
    fn large_components_and_an_empty_validation_are_said() {
        let mut traces = vec![(1, 5, Verdict::Kept); 60];
        traces.extend((10..50_u64).map(|id| (id, 5, Verdict::Kept)));
        let mut index = index_of(&[("a", traces)]);
        let rejects = rule(&[], Some(1e-9), 1).apply(&mut index).unwrap();
        assert_eq!(
            rejects.notes,
            [
                "one question (a/0.jsonl row 9 sample 0) has 60.0 % of the traces: a draw takes all of them or none",
                "`validation.share` is 0.000000001, and no question was drawn for it: there is no stream `validation`",
            ]
        );
    }
}
