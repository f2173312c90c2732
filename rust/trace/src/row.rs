//! What a row gives: the parts of its traces, or the reason why it gives none.

use std::borrow::Cow;

use crate::image::ImageRef;
use crate::reason::Reason;

/// A piece of a turn's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// All texts up to the next image, joined.
    Text(Cow<'a, str>),
    /// The image of this number in [`Row::images`].
    Image(usize),
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: Cow<'a, str>,
    /// Texts and images in their order, placeholders taken out; one part where there is no image.
    pub content: Vec<Part<'a>>,
    /// The assistant's chain of thought, when it has a key of its own.
    pub reasoning: Option<Cow<'a, str>>,
    /// Whether the row lets the turn carry loss, if it is the assistant's.
    pub learned: bool,
}

/// Puts `text` after `joined`, without a copy where that is empty.
pub(crate) fn append<'a>(joined: &mut Cow<'a, str>, text: Cow<'a, str>) {
    if joined.is_empty() {
        *joined = text;
    } else {
        joined.to_mut().push_str(&text);
    }
}

impl<'a> Turn<'a> {
    /// The texts of the turn, which follow one another directly.
    pub fn text(&self) -> Cow<'_, str> {
        let texts = self.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Image(_) => None,
        });
        texts.fold(Cow::Borrowed(""), |joined, text| joined + text)
    }

    /// The same, to be kept without the turn.
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        let mut joined = Cow::Borrowed("");
        for part in self.content {
            if let Part::Text(text) = part {
                append(&mut joined, text);
            }
        }
        joined
    }
}

/// One answer option of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The letter or number that names it: the row's own where it has one, else `A`, `B`, … in order.
    pub label: Cow<'a, str>,
    /// Its text, without the label.
    pub text: &'a str,
    /// Its text as the row writes it, with the label where that stands before the text.
    pub written: &'a str,
}

/// One response to a question; a row with `n` of them gives `n` traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The chain of thought, when it has a column of its own.
    pub reasoning: Option<Cow<'a, str>>,
    /// The response; empty when the row's is empty or null inside a list.
    pub response: Cow<'a, str>,
    /// Whether it is null inside a list: a place without a sample, where an empty text is a sample that says nothing.
    pub is_null: bool,
}

/// The two shapes of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A question with responses, rendered by the recipe's prompt.
    Question {
        /// The question; several columns are joined by a line break, empty ones left out.
        question: Cow<'a, str>,
        /// Answer options in the row's order.
        options: Vec<Choice<'a>>,
        /// The gold answer; an empty one counts as none.
        answer: Option<Cow<'a, str>>,
        /// Earlier turns of the same conversation: what was asked, and what was answered.
        history: Vec<[Cow<'a, str>; 2]>,
        /// At least one response, and none where only questions are read.
        responses: Vec<Response<'a>>,
    },
    /// Turns as they stand, at least one of them the assistant's. Turns after the last assistant
    /// turn are kept: they are rendered, but nothing in them is supervised.
    Conversation(Vec<Turn<'a>>),
}

/// What a row holds in a column that the recipe asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// Nothing: null, an empty text, or no such column where the mapping allows it.
    None,
    /// A text, a number's digits, `true` or `false`.
    One(Cow<'a, str>),
    /// A list of these.
    Many(Vec<Option<Cow<'a, str>>>),
}

/// What the gold answer of a row is, as far as its mapping says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerForm {
    /// A label, a text, or both.
    #[default]
    Any,
    /// The label of an option; of an index the label has been found.
    Label,
    /// A text, be it as short as a label.
    Text,
}

/// The parts of a row's traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Identity position: byte offset in plain JSON Lines, else 0-based row number in the file.
    pub position: u64,
    /// 0-based row number from the start of the task; blank JSON lines count.
    pub ordinal: u64,
    /// The mapped `id`, shown to people only: identity is the position.
    pub id: Option<Cow<'a, str>>,
    /// The row's system message: a conversation's first turn, else the `system` column if not empty. One that shows
    /// images stays the first turn, and there is none here.
    pub system: Option<Cow<'a, str>>,
    /// All images of the row: those of the mapped columns in order, then those that turns hold themselves.
    ///
    /// Those of a question stand in no part: its placeholders are found by [`place_images`](crate::place_images) once
    /// the prompt is rendered. A row without images has no placeholder in its question, options and history.
    pub images: Vec<ImageRef<'a>>,
    /// Question or conversation.
    pub body: Body<'a>,
    /// The values of the columns that the recipe asks for, in its order.
    pub asked: Vec<Asked<'a>>,
    /// Why each response ended, or the conversation; nothing where the row does not say.
    pub finish_reasons: Vec<Option<Cow<'a, str>>>,
    /// What the answer of a question is.
    pub answer_form: AnswerForm,
}

impl Body<'_> {
    /// How many responses there are that can have ended for a reason of their own: a conversation has one.
    pub(crate) fn response_count(&self) -> usize {
        match self {
            Self::Question { responses, .. } => responses.len(),
            Self::Conversation(_) => 1,
        }
    }

    /// All that is asked, by which a question is known again elsewhere: without options, instructions of the system,
    /// and what the assistant says. Several turns are joined by a line break.
    pub fn stem(&self) -> Cow<'_, str> {
        match self {
            Self::Question {
                question, history, ..
            } if history.is_empty() => Cow::Borrowed(question),
            Self::Question {
                question, history, ..
            } => {
                let asked = history.iter().map(|[asked, _]| Cow::Borrowed(&**asked));
                joined(asked.chain([Cow::Borrowed(&**question)]))
            }
            Self::Conversation(turns) => {
                let asked = turns.iter().filter(|turn| turn.role == "user");
                joined(asked.map(Turn::text))
            }
        }
    }
}

/// Texts joined by line breaks, empty ones left out; one alone is no copy.
fn joined<'t>(texts: impl Iterator<Item = Cow<'t, str>>) -> Cow<'t, str> {
    let mut joined = Cow::Borrowed("");
    for text in texts {
        if joined.is_empty() {
            joined = text;
        } else if !text.is_empty() {
            let joined = joined.to_mut();
            joined.push('\n');
            joined.push_str(&text);
        }
    }
    joined
}

/// A row that gives no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As in [`Row::position`].
    pub position: u64,
    /// As in [`Row::ordinal`].
    pub ordinal: u64,
    /// Why.
    pub reason: Reason,
    /// Kind and place of the fault, never a value of the row.
    pub detail: String,
}

/// What a block says of one of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all findings are rows, and none is kept"
)]
pub enum Finding<'a> {
    /// It gives traces.
    Row(Row<'a>),
    /// It gives none.
    Refused(Refusal),
}
