//! One example of each question, where its right answer is what is learned.

use octomed_index::{BlockIndex, Index, Needs, TraceLocation, Verdict};

use crate::questions::SharedQuestions;
use crate::{CurateError, Rejects, Rule};

/// Leaves out all but the first trace, in source order, of each question: what is learned of the others is the same.
#[derive(Clone, Debug)]
pub(crate) struct OneAnswer {
    pub questions: SharedQuestions,
}

impl Rule for OneAnswer {
    fn verdict(&self) -> Verdict {
        Verdict::OneAnswer
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let questions = self.questions.of(index);
        let groups = questions.groups(index, BlockIndex::is_kept);
        for question in 0..groups.len() {
            let traces = groups.traces(question);
            let order = |trace: &&TraceLocation| index.source_order(**trace);
            let Some(&first) = traces.iter().min_by_key(order) else {
                continue;
            };
            for &trace in traces.iter().filter(|trace| **trace != first) {
                index.reject(trace, Verdict::OneAnswer);
            }
        }
        let per_question = questions.per_question(index);
        let words = "its question's answer is learned of another response";
        let rejects = Rejects::new(Verdict::OneAnswer, move |_, _| words.to_owned());
        Ok(rejects.with_questions(per_question))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::questions::tests::{index_of, locations, made_blocks};

    proptest! {
        #[test]
        fn the_first_of_each_question_stays(blocks in made_blocks()) {
            let mut index = index_of(&blocks);
            let mut expected = BTreeMap::new();
            for trace in locations(&index) {
                let (block, row) = (index.block(trace), trace.row as usize);
                if block.is_kept(row) {
                    let first = expected.entry(block.traces.question_id[row]).or_insert(trace);
                    if index.source_order(trace) < index.source_order(*first) {
                        *first = trace;
                    }
                }
            }
            let rule = OneAnswer { questions: SharedQuestions::default() };
            let rejects = rule.apply(&mut index).unwrap();
            let is_kept = |trace: &TraceLocation| index.block(*trace).is_kept(trace.row as usize);
            let kept: Vec<TraceLocation> = locations(&index).into_iter().filter(is_kept).collect();
            let mut expected: Vec<TraceLocation> = expected.into_values().collect();
            expected.sort_unstable();
            prop_assert_eq!(rejects.per_question.get(&1).copied().unwrap_or(0), expected.len() as u64);
            prop_assert_eq!(kept, expected);
        }
    }
}
