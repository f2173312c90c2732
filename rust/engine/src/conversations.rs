//! A row's traces as turns, as a template would get them: nothing is rendered or encoded.

use octomed_text::{Message, Supervise, join_reasoning};
use octomed_trace::{Body, Refusal, Row};

use crate::error::EngineError;
use crate::image_reading::SeenPaths;
use crate::laid_out::{LaidOut, LaidTurn};
use crate::row_images::{Failure, RowImages};
use crate::row_scan::RowScan;

/// A trace as turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Index of the response in its row.
    pub sample: u32,
    /// Its turns.
    pub turns: Vec<SpokenTurn>,
}

/// A turn: who says it, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenTurn {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Its texts and images, in order.
    pub pieces: Vec<Spoken>,
    /// Whether it carries loss.
    pub learned: bool,
}

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// A text that is not empty.
    Text(String),
    /// An image, by its place among those of the row.
    Image(usize),
}

/// What a row's traces say.
#[derive(Clone, Debug, Default)]
pub struct Conversations {
    /// Its traces; a response whose reasoning is there twice is none.
    pub traces: Vec<Conversation>,
    /// Its images.
    pub images: RowImages,
    /// The right answer, as the row has it.
    pub answer: Option<String>,
}

impl RowScan {
    /// The traces of a row as turns, identifying data masked where the recipe asks for that.
    pub fn conversations(
        &self,
        row: &Row<'_>,
    ) -> Result<Result<Conversations, Refusal>, EngineError> {
        let spoken = self.with_curation(row, |row, _| {
            let images = self.row_images(row, &mut SeenPaths::default(), |_| false)?;
            let mut prompt = String::new();
            let laid = self.lay_out(row, &images, &mut prompt)?;
            let traces = self.spoken(&laid);
            let answer = answer_of(row);
            Ok(Conversations {
                traces,
                images,
                answer,
            })
        });
        match spoken {
            Ok(conversations) => Ok(Ok(conversations)),
            Err(Failure::Row(fault)) => Ok(Err(fault.of(row))),
            Err(Failure::Scan(error)) => Err(error),
        }
    }

    fn spoken(&self, laid: &LaidOut<'_>) -> Vec<Conversation> {
        let asked: Vec<_> = laid.turns.iter().map(LaidTurn::message).collect();
        let Some(responses) = laid.responses else {
            return vec![self.conversation(0, &asked, &laid.shown)];
        };
        let mut traces = Vec::with_capacity(responses.len());
        for (sample, response) in (0..).zip(responses) {
            let mut content = String::new();
            let reasoning = response.reasoning.as_deref();
            if join_reasoning(reasoning, &response.response, &mut content).is_err() {
                continue;
            }
            let mut turns = asked.clone();
            turns.push(Message {
                role: "assistant",
                content: &content,
                images: &[],
                learned: true,
            });
            traces.push(self.conversation(sample, &turns, &laid.shown));
        }
        traces
    }

    fn conversation(&self, sample: u32, turns: &[Message<'_>], shown: &[usize]) -> Conversation {
        let last = turns.iter().rposition(|turn| turn.role == "assistant");
        let mut places = shown.iter();
        let spoken = turns.iter().enumerate().map(|(number, turn)| SpokenTurn {
            role: turn.role.to_owned(),
            pieces: pieces(turn, &mut places),
            learned: turn.role == "assistant"
                && turn.learned
                && (self.supervise == Supervise::All || Some(number) == last),
        });
        Conversation {
            sample,
            turns: spoken.collect(),
        }
    }
}

/// The texts and images of a turn; `places` gives each image's place among those of the row.
fn pieces<'p>(turn: &Message<'_>, places: &mut impl Iterator<Item = &'p usize>) -> Vec<Spoken> {
    let mut pieces = Vec::with_capacity(2 * turn.images.len() + 1);
    let mut before = 0;
    let mut text = |pieces: &mut Vec<Spoken>, end: usize| {
        if before < end {
            pieces.push(Spoken::Text(turn.content[before..end].to_owned()));
        }
        before = end;
    };
    for (slot, place) in turn.images.iter().zip(places) {
        text(&mut pieces, slot.at);
        pieces.push(Spoken::Image(*place));
    }
    text(&mut pieces, turn.content.len());
    pieces
}

fn answer_of(row: &Row<'_>) -> Option<String> {
    match &row.body {
        Body::Question { answer, .. } => answer.as_deref().map(str::to_owned),
        Body::Conversation(_) => None,
    }
}
