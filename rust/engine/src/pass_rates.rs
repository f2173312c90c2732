//! How many of a block's responses are right, by question: another model's responses decide which questions stay.

use std::collections::BTreeMap;

use octomed_index::AnswerState;
use octomed_trace::{Block, Body, Finding, Mapping, Row};

use crate::block_scan::question_id_of;
use crate::curation::CurationScratch;
use crate::error::EngineError;
use crate::image_reading::SeenPaths;
use crate::row_images::Failure;
use crate::row_scan::RowScan;

/// Right and all responses of a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Those that are right.
    pub right: u64,
    /// All that were compared; one that gives no answer is among them.
    pub all: u64,
}

impl Answered {
    fn add(&mut self, state: AnswerState) {
        match state {
            AnswerState::Right => {
                self.right += 1;
                self.all += 1;
            }
            AnswerState::Wrong
            | AnswerState::Ambiguous
            | AnswerState::Absent
            | AnswerState::Cut => self.all += 1,
            AnswerState::Unasked
            | AnswerState::NoGold
            | AnswerState::GoldFault
            | AnswerState::Present => {}
        }
    }
}

/// Right and all responses of each question of a block; a row that is refused has none.
pub fn pass_rates(
    rows: &RowScan,
    mapping: &Mapping,
    block: &Block,
) -> Result<BTreeMap<u64, Answered>, EngineError> {
    let mut answered: BTreeMap<u64, Answered> = BTreeMap::new();
    let mut scratch = CurationScratch::default();
    let mut seen = SeenPaths::default();
    block.for_each(mapping, |finding| {
        let Finding::Row(row) = finding else {
            return Ok(());
        };
        let added = rows.with_curation(&row, |row, curated| {
            let Some(curated) = curated else {
                return Ok(());
            };
            let images = rows.row_images(row, &mut seen, |_| false)?;
            let id = question_id_of(curated.row(), images.hash(row));
            let of_question = answered.entry(id).or_default();
            for sample in 0..responses(row) {
                curated.decide(sample, &mut scratch);
                let state = AnswerState::from_code(scratch.measures.answer);
                of_question.add(state.unwrap_or_default());
            }
            Ok(())
        });
        match added {
            Err(Failure::Scan(error)) => Err(error),
            Ok(()) | Err(Failure::Row(_)) => Ok(()),
        }
    })?;
    answered.retain(|_, one| one.all > 0);
    Ok(answered)
}

fn responses(row: &Row<'_>) -> usize {
    match &row.body {
        Body::Question { responses, .. } => responses.len(),
        Body::Conversation(_) => 1,
    }
}
