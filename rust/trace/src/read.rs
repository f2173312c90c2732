//! From the values of a row to the parts of its traces.

pub(crate) mod arrow;
mod conversation;
pub(crate) mod csv;
mod field;
mod options;

use std::borrow::Cow;

use crate::error::TraceError;
use crate::mapping::Mapping;
use crate::row::{Body, Reason, Response};
use crate::value::{Fault, Value};

pub(crate) use conversation::{ConversationMapping, Role};
pub(crate) use field::Field;
pub(crate) use options::OptionsMapping;

/// The values of a row, one for each of the mapping's keys; `None` where the row has no such key.
pub(crate) type Slots<'a> = [Option<Value<'a>>];

/// Where a row's traces come from.
#[derive(Clone, Debug)]
pub(crate) enum BodyMapping {
    Question(QuestionMapping),
    Conversation(ConversationMapping),
}

/// The columns of a question.
#[derive(Clone, Debug)]
pub(crate) struct QuestionMapping {
    /// The question's parts; the first must be there.
    pub(crate) question: Vec<Field>,
    pub(crate) options: Option<OptionsMapping>,
    pub(crate) answer: Option<Field>,
    pub(crate) responses: Responses,
}

/// The columns of a question's responses.
#[derive(Clone, Debug)]
pub(crate) enum Responses {
    One {
        reasoning: Option<Field>,
        response: Field,
    },
    Many(Field),
}

impl BodyMapping {
    /// All fields.
    pub(crate) fn fields(&self) -> Box<dyn Iterator<Item = &Field> + '_> {
        match self {
            Self::Conversation(conversation) => Box::new(std::iter::once(&conversation.column)),
            Self::Question(question) => Box::new(
                question
                    .question
                    .iter()
                    .chain(question.options.iter().flat_map(OptionsMapping::fields))
                    .chain(&question.answer)
                    .chain(question.responses.fields()),
            ),
        }
    }

    /// Fields whose text may be JSON that says a list or object.
    pub(crate) fn structured(&self) -> Vec<Field> {
        let question = match self {
            Self::Conversation(conversation) => return vec![conversation.column.clone()],
            Self::Question(question) => question,
        };
        let mut fields = Vec::new();
        if let Some(OptionsMapping::Column(field)) = &question.options {
            fields.push(field.clone());
        }
        if let Responses::Many(field) = &question.responses {
            fields.push(field.clone());
        }
        fields
    }
}

impl Responses {
    fn fields(&self) -> impl Iterator<Item = &Field> {
        let (first, second) = match self {
            Self::One {
                reasoning,
                response,
            } => (reasoning.as_ref(), response),
            Self::Many(responses) => (None, responses),
        };
        first.into_iter().chain(std::iter::once(second))
    }
}

/// What a row says besides its place.
pub(crate) struct Parts<'r> {
    pub(crate) id: Option<Cow<'r, str>>,
    pub(crate) system: Option<Cow<'r, str>>,
    pub(crate) body: Body<'r>,
}

impl Mapping {
    /// The parts of the traces of a row with values `slots`.
    pub(crate) fn read<'r>(&self, slots: &'r mut Slots<'_>) -> Result<Parts<'r>, Fault> {
        for (key, slot) in self.keys.iter().zip(slots.iter()).skip(self.mapped) {
            if slot.as_ref().is_some_and(Value::is_present) {
                return Err(images(format!("column `{key}` is not empty")));
            }
        }
        self.dotted
            .iter()
            .for_each(|field| field.expand_heads(slots));
        self.structured.iter().for_each(|field| field.expand(slots));
        let slots = &*slots;
        let system = optional_text(self.system.as_ref(), slots)?;
        let id = optional_text(self.id.as_ref(), slots)?;
        match &self.body {
            BodyMapping::Question(question) => Ok(Parts {
                id,
                system,
                body: question.read(slots)?,
            }),
            BodyMapping::Conversation(conversation) => {
                let (leading, turns) = conversation.read(slots)?;
                Ok(Parts {
                    id,
                    system: leading.or(system),
                    body: Body::Conversation(turns),
                })
            }
        }
    }
}

impl QuestionMapping {
    fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<Body<'r>, Fault> {
        let options = match &self.options {
            Some(options) => options.read(slots)?,
            None => Vec::new(),
        };
        Ok(Body::Question {
            question: self.question_text(slots)?,
            options,
            answer: optional_text(self.answer.as_ref(), slots)?,
            responses: self.responses.read(slots)?,
        })
    }

    /// The parts of the question, joined by a line break; empty ones are left out.
    fn question_text<'r>(&self, slots: &'r Slots<'_>) -> Result<Cow<'r, str>, Fault> {
        let mut joined = Cow::Borrowed("");
        for (index, field) in self.question.iter().enumerate() {
            let value = if index == 0 {
                Some(field.required(slots)?)
            } else {
                field.lenient(slots)?
            };
            let Some(value) = value else { continue };
            let part = text(value, &field.label)?;
            if joined.is_empty() {
                joined = part;
            } else if !part.is_empty() {
                let joined = joined.to_mut();
                joined.push('\n');
                joined.push_str(&part);
            }
        }
        Ok(joined)
    }
}

impl Responses {
    fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<Vec<Response<'r>>, Fault> {
        let field = match self {
            Self::One {
                reasoning,
                response,
            } => {
                let reasoning = match reasoning {
                    Some(field) => Some(text(field.required(slots)?, &field.label)?),
                    None => None,
                };
                let response = text(response.required(slots)?, &response.label)?;
                return Ok(vec![Response {
                    reasoning,
                    response,
                }]);
            }
            Self::Many(field) => field,
        };
        let label = &field.label;
        match field.present(slots)? {
            Value::List(values) if !values.is_empty() => values
                .iter()
                .map(|value| {
                    // A null keeps its place, so that the samples behind it keep their numbers.
                    let response = if *value == Value::Null {
                        "".into()
                    } else {
                        text(value, label)?
                    };
                    Ok(Response {
                        reasoning: None,
                        response,
                    })
                })
                .collect(),
            Value::List(_) | Value::Null => Err(Fault::Row(
                Reason::NoResponse,
                format!("{label} is an empty list or null"),
            )),
            other => Err(wrong_type(label, other, "a list of texts")),
        }
    }
}

/// The text of `value`; nothing but text will do.
fn text<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Null => Err(Fault::Row(
            Reason::NullField,
            format!("a text of {label} is null"),
        )),
        other => Err(wrong_type(label, other, "text")),
    }
}

/// The text of a short value: text, an integer's digits, `true` or `false`.
fn scalar<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    match value {
        Value::Text(text) | Value::Integer(text) => Ok(Cow::Borrowed(text)),
        Value::Bool(value) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
        other => Err(wrong_type(label, other, "text")),
    }
}

/// The short text of an optional field; null and empty text are none, since CSV cannot tell them apart.
fn optional_text<'r>(
    field: Option<&Field>,
    slots: &'r Slots<'_>,
) -> Result<Option<Cow<'r, str>>, Fault> {
    let Some(field) = field else { return Ok(None) };
    let Some(value) = field.lenient(slots)? else {
        return Ok(None);
    };
    Ok(Some(scalar(value, &field.label)?).filter(|text| !text.is_empty()))
}

fn wrong_type(label: &str, value: &Value<'_>, wanted: &str) -> Fault {
    Fault::Row(
        Reason::WrongType,
        format!("{label} is {}, {wanted} is wanted", value.kind()),
    )
}

fn images(place: String) -> Fault {
    Fault::Fatal(TraceError::Images { place })
}
