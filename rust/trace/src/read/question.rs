//! A question, its options and its responses, each in columns of their own.

use std::borrow::Cow;

use crate::reason::Reason;
use crate::row::{Body, Response};
use crate::value::{Fault, Value};

use super::{
    AnswerMapping, Field, OptionsMapping, ResponseSource, Shown, Slots, said_text, text, wrong_type,
};

/// The columns of a question.
#[derive(Clone, Debug)]
pub(crate) struct QuestionMapping {
    /// The question's parts; the first must be there.
    pub(crate) question: Vec<Field>,
    pub(crate) options: Option<OptionsMapping>,
    pub(crate) answer: Option<AnswerMapping>,
    /// Earlier questions and answers.
    pub(crate) history: Option<Field>,
    pub(crate) responses: Responses,
}

/// The columns of a question's responses.
#[derive(Clone, Debug)]
pub(crate) enum Responses {
    One {
        reasoning: Option<Field>,
        response: ResponseSource,
    },
    Many(Field),
    /// None, as in an evaluation set.
    None,
}

impl QuestionMapping {
    /// Fields whose text may be JSON that says a list or object.
    pub(super) fn structured(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = self.history.iter().cloned().collect();
        if let Some(OptionsMapping::Column(field)) = &self.options {
            fields.push(field.clone());
        }
        if let Responses::Many(field) = &self.responses {
            fields.push(field.clone());
        }
        fields
    }

    /// Whether there is nothing that is learned.
    fn asked_alone(&self) -> bool {
        matches!(self.responses, Responses::None)
    }

    /// Fields of what is asked.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Field> {
        self.question
            .iter()
            .chain(self.options.iter().flat_map(OptionsMapping::fields))
            .chain(self.answer.iter().map(|answer| &answer.field))
            .chain(&self.history)
    }

    /// The question. What stands for an image in it must have one, or is added to `shown` where images are left out.
    pub(crate) fn read<'r>(
        &self,
        slots: &'r Slots<'_>,
        shown: &mut Shown<'r>,
    ) -> Result<Body<'r>, Fault> {
        let options = match &self.options {
            Some(options) => match options.read(slots) {
                // What is asked is compared with other questions, and by nothing but its own words.
                Err(_) if self.asked_alone() => Vec::new(),
                options => options?,
            },
            None => Vec::new(),
        };
        let question = self.question_text(slots)?;
        if question.trim().is_empty() {
            let detail = format!("{} has no text", self.question[0].label);
            return Err(Fault::new(Reason::EmptyQuestion, detail));
        }
        let history = self.history(slots)?;
        if history.iter().any(|[asked, _]| asked.trim().is_empty()) {
            let detail = "a question in the history has no text";
            return Err(Fault::new(Reason::EmptyQuestion, detail));
        }
        let answer = match &self.answer {
            Some(answer) => answer.read(slots, &options)?,
            None => None,
        };
        let responses = self.responses.read(slots)?;
        let asked = std::iter::once(&*question)
            .chain(history.iter().map(|[asked, _]| &**asked))
            .chain(options.iter().map(|option| option.text));
        if !self.asked_alone() {
            shown.check_question(asked)?;
        }
        Ok(Body::Question {
            question,
            options,
            answer,
            history,
            responses,
        })
    }

    /// The parts of the question, joined by a line break; empty ones are left out.
    fn question_text<'r>(&self, slots: &'r Slots<'_>) -> Result<Cow<'r, str>, Fault> {
        let mut joined = Cow::Borrowed("");
        for (index, field) in self.question.iter().enumerate() {
            let value = if index == 0 && !field.optional {
                Some(field.required(slots)?)
            } else {
                field.lenient(slots)?
            };
            let Some(value) = value else { continue };
            match value {
                Value::List(values) => {
                    let given = values.iter().filter(|value| **value != Value::Null);
                    for value in given {
                        add_line(&mut joined, said_text(value, &field.label)?);
                    }
                }
                value => add_line(&mut joined, said_text(value, &field.label)?),
            }
        }
        Ok(joined)
    }

    /// Earlier turns: a list of pairs, each a list of two texts.
    fn history<'r>(&self, slots: &'r Slots<'_>) -> Result<Vec<[Cow<'r, str>; 2]>, Fault> {
        let Some(field) = &self.history else {
            return Ok(Vec::new());
        };
        let pairs = match field.lenient(slots)? {
            None => return Ok(Vec::new()),
            Some(Value::Text(text)) if text.trim().is_empty() => return Ok(Vec::new()),
            Some(Value::List(pairs)) => pairs,
            Some(other) => return Err(wrong_type(&field.label, other, "a list of pairs")),
        };
        let pair = |pair: &'r Value<'_>| match pair {
            Value::List(texts) if texts.len() == 2 => Ok([
                text(&texts[0], &field.label)?,
                text(&texts[1], &field.label)?,
            ]),
            other => Err(wrong_type(&field.label, other, "a list of pairs of texts")),
        };
        pairs.iter().map(pair).collect()
    }
}

/// Adds a line to a text; an empty one is left out.
fn add_line<'r>(joined: &mut Cow<'r, str>, line: Cow<'r, str>) {
    if joined.is_empty() {
        *joined = line;
    } else if !line.is_empty() {
        let joined = joined.to_mut();
        joined.push('\n');
        joined.push_str(&line);
    }
}

impl Responses {
    fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<Vec<Response<'r>>, Fault> {
        let field = match self {
            Self::One {
                reasoning,
                response,
            } => {
                let response = response.read(slots)?;
                let reasoning = match reasoning {
                    Some(field) if field.optional => field
                        .lenient(slots)?
                        .map(|value| text(value, &field.label))
                        .transpose()?,
                    Some(field) => Some(text(field.required(slots)?, &field.label)?),
                    None => None,
                };
                return Ok(vec![Response {
                    reasoning,
                    response,
                    is_null: false,
                }]);
            }
            Self::Many(field) => field,
            Self::None => return Ok(Vec::new()),
        };
        let label = &field.label;
        let value = if field.optional {
            field.lenient(slots)?
        } else {
            Some(field.present(slots)?)
        };
        match value {
            Some(Value::List(values)) if !values.is_empty() => values
                .iter()
                .map(|value| {
                    // A null keeps its place, so that the responses after it keep their numbers.
                    let is_null = *value == Value::Null;
                    let response = if is_null {
                        "".into()
                    } else {
                        said_text(value, label)?
                    };
                    Ok(Response {
                        reasoning: None,
                        response,
                        is_null,
                    })
                })
                .collect(),
            None | Some(Value::List(_) | Value::Null) => Err(Fault::new(
                Reason::NoResponse,
                format!("{label} is an empty list, null or absent"),
            )),
            Some(other) => Err(wrong_type(label, other, "a list of texts")),
        }
    }
}

impl Responses {
    pub(super) fn fields(&self) -> impl Iterator<Item = &Field> {
        let (reasoning, responses) = match self {
            Self::One {
                reasoning,
                response,
            } => (reasoning.as_ref(), response.fields()),
            Self::Many(responses) => (None, std::slice::from_ref(responses)),
            Self::None => (None, &[][..]),
        };
        reasoning.into_iter().chain(responses)
    }
}
