//! Questions by the share of their responses that are right.

use std::collections::HashMap;

use octomed_index::{AnswerState, Index, MEASURES, Needs, TraceLocation, Verdict};
use serde::Deserialize;

use crate::questions::{Questions, SharedQuestions};
use crate::{CurateError, Rejects, Rule};

/// Which shares of right responses stay, as the recipe has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassRate {
    /// The least.
    pub least: f64,
    /// The most; both stay.
    pub most: f64,
    /// Right and all responses of another model by question, where its responses count and not the rows' own.
    #[serde(default)]
    pub from: Option<Vec<(u64, f64, f64)>>,
}

/// Leaves out the questions of which too few or too many responses are right.
#[derive(Clone, Debug)]
pub(crate) struct ByPassRate {
    pub settings: PassRate,
    pub questions: SharedQuestions,
}

/// Right and all responses of a question.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    right: f64,
    all: f64,
}

impl Tally {
    /// The share that is right, if any was compared. A quotient is the double next to it, as a bound is: 2 of 16 are not
    /// less than 0.125, and 1 of 10 not more than 0.1.
    fn rate(self) -> Option<f64> {
        (self.all > 0.0).then(|| self.right / self.all)
    }
}

impl Rule for ByPassRate {
    fn verdict(&self) -> Verdict {
        Verdict::PassRate
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let questions = self.questions.of(index);
        let own = tallies(index, questions)?;
        let mut notes = Vec::new();
        let judged = match &self.settings.from {
            None => own,
            Some(rates) => {
                let foreign = foreign(rates, questions);
                if foreign.iter().all(|one| one.all == 0.0) {
                    return Err(CurateError::NoPassRates { rates: rates.len() });
                }
                // A question of which no response is compared has no right answer: nobody's rate says anything of it.
                let is_compared = own.iter().map(|one| one.all > 0.0);
                let missing = |(tally, is_compared): (Tally, bool)| match tally.rate() {
                    None if is_compared => Tally {
                        right: f64::NAN,
                        all: 1.0,
                    },
                    _ => tally,
                };
                foreign.into_iter().zip(is_compared).map(missing).collect()
            }
        };
        let (least, most) = (self.settings.least, self.settings.most);
        let mut without = vec![false; judged.len()];
        for (number, block) in index.blocks.iter_mut().enumerate() {
            for (row, &question) in questions.of_block(number).iter().enumerate() {
                if !block.is_kept(row) {
                    continue;
                }
                match judged[question as usize].rate() {
                    Some(rate) if (least..=most).contains(&rate) => {}
                    Some(_) => block.traces.verdict[row] = Verdict::PassRate as u8,
                    None => without[question as usize] = true,
                }
            }
        }
        let count = without.iter().filter(|&&is_without| is_without).count();
        if count > 0 {
            let questions = if count == 1 {
                "question has"
            } else {
                "questions have"
            };
            notes.push(format!(
                "`curate.pass_rate`: {count} {questions} no pass rate, for none of the responses was compared with a right answer: they stay"
            ));
        }
        let is_foreign = self.settings.from.is_some();
        let shared = self.questions.clone();
        let detail = move |_: &Index, trace: TraceLocation| {
            let number = shared.numbered().map(|all| all.number(trace) as usize);
            number.map_or_else(String::new, |number| {
                why(judged[number], is_foreign, least, most)
            })
        };
        let per_question = self.questions.of(index).per_question(index);
        let rejects = Rejects::new(Verdict::PassRate, detail).with_notes(notes);
        Ok(rejects.with_questions(per_question))
    }
}

/// Why a question leaves.
fn why(tally: Tally, is_foreign: bool, least: f64, most: f64) -> String {
    let Tally { right, all } = tally;
    let bounds = format!("{least} to {most} stay");
    match (is_foreign, right.is_nan()) {
        (true, true) => format!("the files of `from` do not have its question; {bounds}"),
        (true, false) => format!(
            "its question's pass rate in the files of `from` is {}; {bounds}",
            right / all
        ),
        _ => format!("{right} of {all} responses to its question are right; {bounds}"),
    }
}

/// Right and all responses of each question, whatever else became of them. A null response was asked for nothing; an
/// empty one gives no answer.
fn tallies(index: &Index, questions: &Questions) -> Result<Vec<Tally>, CurateError> {
    let mut tallies = vec![Tally::default(); questions.len()];
    for (number, block) in index.blocks.iter().enumerate() {
        if !block.header.measures {
            continue;
        }
        let measures = block.read_side(MEASURES)?;
        for (row, &question) in questions.of_block(number).iter().enumerate() {
            // The answer is a record's first byte.
            let code = MEASURES.value(&measures, row).first();
            let state = code.and_then(|&code| AnswerState::from_code(code));
            let tally = &mut tallies[question as usize];
            match state.unwrap_or_default() {
                AnswerState::Right => {
                    tally.right += 1.0;
                    tally.all += 1.0;
                }
                AnswerState::Wrong
                | AnswerState::Ambiguous
                | AnswerState::Absent
                | AnswerState::Cut => tally.all += 1.0,
                AnswerState::Unasked
                | AnswerState::NoGold
                | AnswerState::GoldFault
                | AnswerState::Present => {}
            }
        }
    }
    Ok(tallies)
}

/// What the files say of each question.
fn foreign(rates: &[(u64, f64, f64)], questions: &Questions) -> Vec<Tally> {
    let by_question: HashMap<u64, Tally> = rates
        .iter()
        .map(|&(id, right, all)| (id, Tally { right, all }))
        .collect();
    let of_question = |id: &u64| by_question.get(id).copied().unwrap_or_default();
    questions.ids().iter().map(of_question).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::path::Path;

    use octomed_files::Access;
    use octomed_index::{
        BlockIndex, BlockRef, Header, NewBlock, SCAN_VERSION, TraceColumns, TraceEntry,
        TraceMeasures, checksum,
    };
    use proptest::prelude::*;

    use super::*;

    /// A trace: question, state of its answer, and whether another filter left it out.
    type Made = (u64, u8, bool);

    /// Writes blocks with measures, and reads them back as a selection does.
    fn load(folder: &Path, blocks: &[Vec<Made>]) -> Index {
        let load = |(number, traces): (usize, &Vec<Made>)| {
            let mut columns = TraceColumns::default();
            let mut measures = Vec::new();
            for (row, &(question_id, answer, is_left_out)) in traces.iter().enumerate() {
                let verdict = if is_left_out {
                    Verdict::Repetition
                } else {
                    Verdict::Kept
                };
                columns.push(&TraceEntry {
                    question_id,
                    // Blocks are sorted by this, and so not as they were made.
                    shuffle_key: (row as u64 * 7) % 5,
                    position: row as u64,
                    verdict: verdict as u8,
                    checksum: checksum(&[]),
                    ..TraceEntry::default()
                });
                let measured = TraceMeasures {
                    answer,
                    ..TraceMeasures::default()
                };
                measures.extend_from_slice(&measured.encode());
            }
            let header = Header {
                version: SCAN_VERSION,
                traces: traces.len() as u64,
                measures: true,
                ..Header::default()
            };
            let path = folder.join(number.to_string());
            let block = NewBlock {
                traces: columns,
                side: &[(MEASURES, measures)],
                ..NewBlock::new(&header)
            };
            block.write(&path, Access::Owner).unwrap();
            let needs = Needs::questions();
            BlockIndex::load(&BlockRef { path, first_row: 0 }, &needs).unwrap()
        };
        Index {
            blocks: blocks.iter().enumerate().map(load).collect(),
        }
    }

    fn rule(least: f64, most: f64, from: Option<Vec<(u64, f64, f64)>>) -> ByPassRate {
        ByPassRate {
            settings: PassRate { least, most, from },
            questions: SharedQuestions::default(),
        }
    }

    /// The questions that have a kept trace.
    fn kept(index: &Index) -> Vec<u64> {
        let of_block = |block: &BlockIndex| -> Vec<u64> {
            block
                .kept_rows()
                .map(|row| block.traces.question_id[row])
                .collect()
        };
        let mut kept: Vec<u64> = index.blocks.iter().flat_map(of_block).collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    }

    /// A question whose first `right` of 16 responses are right; the others are wrong in every way.
    fn sixteen(question: u64, right: usize) -> Vec<Made> {
        let wrong = [2, 3, 4, 5];
        (0..16)
            .map(|sample| {
                let answer = if sample < right { 1 } else { wrong[sample % 4] };
                (question, answer, sample % 5 == 1)
            })
            .collect()
    }

    #[test]
    fn two_to_fourteen_of_sixteen_stay() {
        let folder = tempfile::tempdir().unwrap();
        let traces: Vec<Made> = (0..=16)
            .flat_map(|right| sixteen(right as u64, right))
            .collect();
        let (first, second) = traces.split_at(100);
        let mut index = load(folder.path(), &[first.to_vec(), second.to_vec()]);
        let rejects = rule(0.125, 0.875, None).apply(&mut index).unwrap();
        assert_eq!(kept(&index), (2..=14).collect::<Vec<u64>>());
        assert!(rejects.notes.is_empty());
        let row = (0..100)
            .find(|&row| index.blocks[0].traces.question_id[row] == 1)
            .unwrap();
        let trace = TraceLocation {
            block: 0,
            row: row as u32,
        };
        assert_eq!(
            rejects.detail(&index, trace),
            "1 of 16 responses to its question are right; 0.125 to 0.875 stay"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_a_count_of_each_question(
            blocks in prop::collection::vec(
                prop::collection::vec((0..8_u64, 0..9_u8, prop::bool::weighted(0.2)), 0..40), 1..4),
            bounds in prop::sample::select(vec![(0.0, 1.0), (0.1, 0.9), (0.25, 0.5), (1.0, 1.0), (0.0, 0.0)]),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut index = load(folder.path(), &blocks);
            let mut tallies: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
            for (question, answer, _) in blocks.iter().flatten() {
                let tally = tallies.entry(*question).or_default();
                tally.0 += u32::from(*answer == 1);
                tally.1 += u32::from((1..=5).contains(answer));
            }
            let before = kept(&index);
            rule(bounds.0, bounds.1, None).apply(&mut index).unwrap();
            // A hundredth is exact enough for shares of forty, and whole.
            let is_in = |question: &u64| {
                let (right, all) = tallies[question];
                let hundredths = |bound: f64| (bound * 100.0).round() as u32 * all;
                all == 0 || (hundredths(bounds.0)..=hundredths(bounds.1)).contains(&(right * 100))
            };
            prop_assert_eq!(kept(&index), before.into_iter().filter(is_in).collect::<Vec<_>>());
        }
    }

    #[test]
    fn another_models_rates_decide_where_they_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        // All is right, but question 5 has no right answer to compare with.
        let mut traces: Vec<Made> = (1..5).flat_map(|question| sixteen(question, 16)).collect();
        traces.extend(vec![(5, 6, false); 3]);
        let from = vec![
            (1, 1.0, 16.0),
            (2, 2.0, 16.0),
            (3, 0.5, 1.0),
            (77, 1.0, 1.0),
        ];
        let mut index = load(folder.path(), &[traces]);
        let rejects = rule(0.125, 0.875, Some(from)).apply(&mut index).unwrap();
        assert_eq!(kept(&index), [2, 3, 5]);
        let detail = |question| {
            let rows = &index.blocks[0].traces.question_id;
            let row = rows.iter().position(|&id| id == question).unwrap();
            rejects.detail(
                &index,
                TraceLocation {
                    block: 0,
                    row: row as u32,
                },
            )
        };
        assert_eq!(
            detail(1),
            "its question's pass rate in the files of `from` is 0.0625; 0.125 to 0.875 stay"
        );
        assert_eq!(
            detail(4),
            "the files of `from` do not have its question; 0.125 to 0.875 stay"
        );
        assert_eq!(rejects.notes.len(), 1);
        assert!(rejects.notes[0].contains("1 question has no pass rate"));
    }

    #[test]
    fn files_without_any_of_the_questions_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = load(folder.path(), &[sixteen(1, 3)]);
        let refused = rule(0.1, 0.9, Some(vec![(9, 1.0, 2.0)])).apply(&mut index);
        let error = refused.err().unwrap();
        assert_eq!(
            error.to_string(),
            "the files of `curate.pass_rate.from` have 1 question, and none of this run's"
        );
    }
}
