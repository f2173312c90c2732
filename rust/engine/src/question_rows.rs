//! What the rows of a block ask, as another model is asked it: turns up to the response, images at their places, options
//! and the right answer.

use std::collections::HashMap;

use octomed_index::Verdict;
use octomed_trace::{AnswerForm, Block, Body, Choice, Finding, Refusal, Row};

use crate::block_scan::question_id_of;
use crate::curation::RowCuration;
use crate::curation_answers::named;
use crate::error::EngineError;
use crate::image_reading::SeenPaths;
use crate::laid_out::{LaidOut, LaidTurn};
use crate::row_images::{Failure, RowImages};
use crate::scan::Scanner;

/// A turn of what is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionTurn {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Its text, without placeholders.
    pub text: String,
    /// Its images: the byte of the text before which one stands, and its number among those of the row.
    pub images: Vec<(usize, usize)>,
}

/// An image of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionImage {
    /// Hash of its bytes as they came.
    pub hash: u64,
    /// What is stored of it: the bytes as they came, or those of the resized image, by the recipe.
    pub stored: Vec<u8>,
}

/// A row that asks something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionRow {
    /// Number of the row from the start of its task.
    pub ordinal: u64,
    /// What the row calls itself.
    pub id: Option<String>,
    /// The id of its question, by which traces of a question are known.
    pub question_id: u64,
    /// Whether the row is a conversation, of which the last response is asked for anew.
    pub is_conversation: bool,
    /// What it asks, without options.
    pub question: String,
    /// Earlier turns of the same conversation: what was asked, and what was answered.
    pub history: Vec<[String; 2]>,
    /// Labels and texts of its options.
    pub options: Vec<(String, String)>,
    /// The right answer, as the row writes it.
    pub answer: Option<String>,
    /// All turns up to the response, the system message included.
    pub turns: Vec<QuestionTurn>,
    /// Its images, each once, in the order in which they are shown.
    pub images: Vec<QuestionImage>,
}

/// What becomes of a row that may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionFinding {
    /// It asks something.
    Row(QuestionRow),
    /// It cannot be asked: the number of the row from the start of its task, reason and detail.
    Refused(u64, &'static str, String),
}

impl Scanner {
    /// What the rows of a block ask, identifying data masked where the recipe asks for that. A row whose right answer
    /// cannot be compared with is refused where the recipe compares it: no response to it could be accepted.
    ///
    /// # Errors
    /// When a row or a file cannot be read, or `see` fails.
    pub fn question_rows<E: From<EngineError> + From<octomed_trace::TraceError>>(
        &self,
        block: &Block,
        mut see: impl FnMut(QuestionFinding) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut seen = SeenPaths::default();
        block.for_each(self.mapping(), |finding| {
            see(match finding {
                Finding::Refused(refusal) => refused(refusal),
                Finding::Row(row) => self.question_row(&row, &mut seen)?,
            })
        })
    }

    fn question_row(
        &self,
        row: &Row<'_>,
        seen: &mut SeenPaths,
    ) -> Result<QuestionFinding, EngineError> {
        let asked = self.rows().with_curation(row, |row, curated| {
            if let Some(verdict) = curated.and_then(RowCuration::fault_of_gold) {
                return Ok(Err(verdict));
            }
            let images = self.rows().row_images(row, seen, |_| false)?;
            let mut prompt = String::new();
            let laid = self.rows().lay_out(row, &images, &mut prompt)?;
            if let Some(verdict) = laid.refused {
                return Ok(Err(verdict));
            }
            let question_id =
                question_id_of(curated.map_or(row, RowCuration::row), images.hash(row));
            Ok(Ok(question_of(row, &laid, &images, question_id)))
        });
        match asked {
            Ok(Ok(asked)) => Ok(QuestionFinding::Row(asked)),
            Ok(Err(verdict)) => Ok(left_out(row, verdict)),
            Err(Failure::Row(fault)) => Ok(refused(fault.of(row))),
            Err(Failure::Scan(error)) => Err(error),
        }
    }
}

fn refused(refusal: Refusal) -> QuestionFinding {
    QuestionFinding::Refused(refusal.ordinal, refusal.reason.as_str(), refusal.detail)
}

fn left_out(row: &Row<'_>, verdict: Verdict) -> QuestionFinding {
    QuestionFinding::Refused(row.ordinal, verdict.as_str(), String::new())
}

fn question_of(
    row: &Row<'_>,
    laid: &LaidOut<'_>,
    images: &RowImages,
    question_id: u64,
) -> QuestionRow {
    let mut shown = Shown::default();
    let end = last_answer(&laid.turns, &row.body);
    let mut places = laid.shown.iter();
    let mut turns = Vec::with_capacity(end);
    for turn in &laid.turns[..end] {
        let message = turn.message();
        turns.push(QuestionTurn {
            role: message.role.to_owned(),
            text: message.content.to_owned(),
            images: message
                .images
                .iter()
                .zip(places.by_ref())
                .map(|(slot, &place)| (slot.at, shown.number(place, images)))
                .collect(),
        });
    }
    let mut asked = QuestionRow {
        ordinal: row.ordinal,
        id: row.id.as_deref().map(str::to_owned),
        question_id,
        is_conversation: matches!(row.body, Body::Conversation(_)),
        question: row.body.stem().into_owned(),
        turns,
        images: shown.images,
        ..QuestionRow::default()
    };
    if let Body::Question {
        question,
        options,
        answer,
        history,
        ..
    } = &row.body
    {
        asked.question = question.to_string();
        asked.history = history
            .iter()
            .map(|pair| pair.each_ref().map(ToString::to_string))
            .collect();
        asked.options = options
            .iter()
            .map(|option| (option.label.to_string(), option.text.to_owned()))
            .collect();
        asked.answer = answer
            .as_deref()
            .map(|answer| whole_answer(options, answer, row.answer_form));
    }
    asked
}

/// The right answer as one text that says by itself what it is: with its label and its text where the row format says which
/// of the two the row writes.
fn whole_answer(options: &[Choice<'_>], answer: &str, form: AnswerForm) -> String {
    let options: Vec<_> = options
        .iter()
        .map(|option| octomed_responses::Choice {
            label: &option.label,
            text: option.text,
        })
        .collect();
    named(&options, answer, form).unwrap_or_else(|| answer.to_owned())
}

/// Where what is asked ends: at the last turn of the assistant, which a conversation is learned for.
fn last_answer(turns: &[LaidTurn<'_>], body: &Body<'_>) -> usize {
    match body {
        Body::Question { .. } => turns.len(),
        Body::Conversation(_) => turns
            .iter()
            .rposition(|turn| turn.message().role == "assistant")
            .unwrap_or(turns.len()),
    }
}

/// The images of a row, in the order in which they are shown.
#[derive(Default)]
struct Shown {
    numbers: HashMap<u64, usize>,
    images: Vec<QuestionImage>,
}

impl Shown {
    /// The number of the image at a place among those of the row.
    fn number(&mut self, place: usize, images: &RowImages) -> usize {
        let hash = images.images[place].hash;
        *self.numbers.entry(hash).or_insert_with(|| {
            let stored = images.new.iter().find(|new| new.hash == hash);
            let stored = stored.map_or_else(Vec::new, |new| new.stored.clone());
            self.images.push(QuestionImage { hash, stored });
            self.images.len() - 1
        })
    }
}
