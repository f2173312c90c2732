//! What mapped columns hold: questions, options, responses and conversations out of the values of a row.

mod answer;
pub(crate) mod arrow;
mod asked;
mod conversation;
mod field;
mod image_value;
mod images;
mod options;
mod part;
mod question;
mod shown;
mod template;
mod turn;

use std::borrow::Cow;

use crate::reason::Reason;
use crate::value::{Fault, Value};

pub(crate) use answer::{AnswerIs, AnswerMapping};
pub(crate) use asked::{read_asked, read_finish_reasons};
pub(crate) use conversation::ConversationMapping;
pub(crate) use field::Field;
pub(crate) use images::{ColumnImages, ImagesMapping};
pub(crate) use options::OptionsMapping;
pub(crate) use question::{QuestionMapping, Responses};
pub(crate) use shown::{Shown, Treatment};
pub(crate) use template::{ColumnTemplate, ResponseSource};
pub(crate) use turn::Role;

/// The values of a row, one for each of the mapping's keys; `None` where the row has no such key.
pub(crate) type Slots<'a> = [Option<Value<'a>>];

/// Where a row's traces come from.
#[derive(Clone, Debug)]
pub(crate) enum BodyMapping {
    Question(QuestionMapping),
    Conversation(ConversationMapping),
}

impl BodyMapping {
    /// Whether a text may be a turn of its own.
    pub(crate) fn has_context(&self) -> bool {
        matches!(self, Self::Conversation(conversation) if conversation.context.is_some())
    }

    /// All fields.
    pub(crate) fn fields(&self) -> Box<dyn Iterator<Item = &Field> + '_> {
        match self {
            Self::Conversation(conversation) => Box::new(conversation.fields()),
            Self::Question(question) => {
                Box::new(question.asked().chain(question.responses.fields()))
            }
        }
    }

    /// Fields of what the assistant says, or of whole conversations: no picture is looked for in them.
    pub(crate) fn spoken(&self) -> Box<dyn Iterator<Item = &Field> + '_> {
        match self {
            Self::Conversation(conversation) => Box::new(conversation.fields()),
            Self::Question(question) => {
                Box::new(question.history.iter().chain(question.responses.fields()))
            }
        }
    }

    /// Fields whose text may be JSON that says a list or object.
    pub(crate) fn structured(&self) -> Vec<Field> {
        match self {
            Self::Conversation(conversation) => conversation.fields().cloned().collect(),
            Self::Question(question) => question.structured(),
        }
    }
}

/// The text of `value`; nothing but text will do.
pub(crate) fn text<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Null => Err(Fault::new(
            Reason::NullField,
            format!("a text of {label} is null"),
        )),
        // A binary value that is no text, in a column that may hold images as well.
        Value::Bytes(bytes) => {
            let at = crate::value::utf8(bytes).err().unwrap_or(0);
            let detail = format!("byte {at} of a text of {label}");
            Err(Fault::new(Reason::InvalidUtf8, detail))
        }
        other => Err(wrong_type(label, other, "text")),
    }
}

/// The text of a response: a number is one as well, but a boolean is said in words that are not known.
pub(crate) fn said_text<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    match value {
        Value::Integer(digits) | Value::Float(digits) => Ok(Cow::Borrowed(digits)),
        other => text(other, label),
    }
}

/// The text of a short value: text, the digits of a number, `true` or `false`.
fn short_text<'r>(value: &'r Value<'_>, label: &str) -> Result<&'r str, Fault> {
    match value {
        Value::Text(text) | Value::Integer(text) | Value::Float(text) => Ok(text),
        Value::Bool(value) => Ok(if *value { "true" } else { "false" }),
        other => Err(wrong_type(label, other, "text")),
    }
}

/// The short text of a value that people are shown: pandas' `2.0` for an integer is one, a list is its items.
fn shown_text<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    match value {
        Value::Float(digits) => Ok(Cow::Borrowed(digits.strip_suffix(".0").unwrap_or(digits))),
        Value::List(values) => {
            let given = values.iter().filter(|value| **value != Value::Null);
            let items: Vec<_> = given
                .map(|value| shown_text(value, label))
                .collect::<Result<_, _>>()?;
            Ok(Cow::Owned(items.join(", ")))
        }
        other => short_text(other, label).map(Cow::Borrowed),
    }
}

/// The short text of an optional field; null and empty text are none, since CSV cannot tell them apart.
pub(crate) fn optional_text<'r>(
    field: Option<&Field>,
    slots: &'r Slots<'_>,
) -> Result<Option<Cow<'r, str>>, Fault> {
    let Some(field) = field else { return Ok(None) };
    let Some(value) = field.lenient(slots)? else {
        return Ok(None);
    };
    Ok(Some(shown_text(value, &field.label)?).filter(|text| !text.is_empty()))
}

fn wrong_type(label: &str, value: &Value<'_>, wanted: &str) -> Fault {
    Fault::new(
        Reason::WrongType,
        format!("{label} is {}, not {wanted}", value.kind()),
    )
}
