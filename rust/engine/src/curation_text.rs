//! Rows with what tells who somebody is taken out of their texts.

use std::borrow::Cow;

use octomed_responses::{Kinds, mask};
use octomed_trace::{Body, Choice, Part, Response, Row, Turn};

/// The texts of a row in which something is masked: a row made of them borrows from here.
pub struct MaskedTexts {
    /// In the order in which [`rebuilt`] asks for them.
    texts: Vec<Option<String>>,
}

impl MaskedTexts {
    /// Masks data of these kinds in every text of the row that may be rendered; nothing where there are none.
    pub fn of(row: &Row<'_>, kinds: Kinds) -> Option<Self> {
        let mut texts = Vec::new();
        rebuilt(row, &mut |text| {
            texts.push(match mask(text, kinds) {
                Cow::Borrowed(_) => None,
                Cow::Owned(masked) => Some(masked),
            });
            text
        });
        texts.iter().any(Option::is_some).then_some(Self { texts })
    }

    /// The row with the masked texts in place of its own.
    pub fn row<'o>(&'o self, row: &'o Row<'_>) -> Row<'o> {
        let mut texts = self.texts.iter();
        rebuilt(row, &mut |text| match texts.next() {
            Some(Some(masked)) => masked,
            _ => text,
        })
    }
}

/// The row with another text for each of its own.
fn rebuilt<'o>(row: &'o Row<'_>, other: &mut dyn FnMut(&'o str) -> &'o str) -> Row<'o> {
    let system = row.system.as_deref().map(|text| Cow::Borrowed(other(text)));
    let body = match &row.body {
        Body::Question {
            question,
            options,
            answer,
            history,
            responses,
        } => Body::Question {
            question: Cow::Borrowed(other(question)),
            options: options
                .iter()
                .map(|option| rebuilt_option(option, other))
                .collect(),
            answer: answer.as_deref().map(|text| Cow::Borrowed(other(text))),
            history: history
                .iter()
                .map(|[asked, answered]| {
                    [Cow::Borrowed(other(asked)), Cow::Borrowed(other(answered))]
                })
                .collect(),
            responses: responses
                .iter()
                .map(|response| rebuilt_response(response, other))
                .collect(),
        },
        Body::Conversation(turns) => {
            Body::Conversation(turns.iter().map(|turn| rebuilt_turn(turn, other)).collect())
        }
    };
    Row {
        system,
        body,
        ..row.clone()
    }
}

fn rebuilt_option<'o>(
    option: &'o Choice<'_>,
    other: &mut dyn FnMut(&'o str) -> &'o str,
) -> Choice<'o> {
    Choice {
        label: Cow::Borrowed(&option.label),
        text: other(option.text),
        written: other(option.written),
    }
}

fn rebuilt_response<'o>(
    response: &'o Response<'_>,
    other: &mut dyn FnMut(&'o str) -> &'o str,
) -> Response<'o> {
    Response {
        reasoning: response
            .reasoning
            .as_deref()
            .map(|text| Cow::Borrowed(other(text))),
        response: Cow::Borrowed(other(&response.response)),
        is_null: response.is_null,
    }
}

fn rebuilt_turn<'o>(turn: &'o Turn<'_>, other: &mut dyn FnMut(&'o str) -> &'o str) -> Turn<'o> {
    let part = |part: &'o Part<'_>, other: &mut dyn FnMut(&'o str) -> &'o str| match part {
        Part::Text(text) => Part::Text(Cow::Borrowed(other(text))),
        Part::Image(number) => Part::Image(*number),
    };
    Turn {
        role: Cow::Borrowed(&turn.role),
        content: turn.content.iter().map(|one| part(one, other)).collect(),
        reasoning: turn
            .reasoning
            .as_deref()
            .map(|text| Cow::Borrowed(other(text))),
        learned: turn.learned,
    }
}
