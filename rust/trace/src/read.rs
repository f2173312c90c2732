//! From the values of a row to the parts of its traces.

pub(crate) mod arrow;
mod conversation;
pub(crate) mod csv;
mod field;
mod options;
mod template;
mod turn;

use std::borrow::Cow;

use crate::mapping::{Mapping, Pictures};
use crate::picture::{self, Picture};
use crate::row::{Body, Reason, Response};
use crate::value::{Fault, Value};

pub(crate) use conversation::ConversationMapping;
pub(crate) use field::Field;
pub(crate) use options::OptionsMapping;
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

/// The columns of a question.
#[derive(Clone, Debug)]
pub(crate) struct QuestionMapping {
    /// The question's parts; the first must be there.
    pub(crate) question: Vec<Field>,
    pub(crate) options: Option<OptionsMapping>,
    pub(crate) answer: Option<Field>,
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
}

impl BodyMapping {
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
        let question = match self {
            Self::Conversation(conversation) => return conversation.fields().cloned().collect(),
            Self::Question(question) => question,
        };
        let mut fields: Vec<Field> = question.history.iter().cloned().collect();
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
        let (reasoning, responses) = match self {
            Self::One {
                reasoning,
                response,
            } => (reasoning.as_ref(), response.fields()),
            Self::Many(responses) => (None, std::slice::from_ref(responses)),
        };
        reasoning.into_iter().chain(responses)
    }
}

/// What a row says besides its place.
pub(crate) struct Parts<'r> {
    pub(crate) id: Option<Cow<'r, str>>,
    pub(crate) system: Option<Cow<'r, str>>,
    /// A hash of the pictures that are left out as the mapping asks.
    pub(crate) pictures: Option<u64>,
    pub(crate) body: Body<'r>,
}

impl Mapping {
    /// The parts of the traces of a row with values `slots`, of which `unmapped` columns hold a picture.
    pub(crate) fn read<'r>(
        &self,
        slots: &'r mut Slots<'_>,
        unmapped: Option<&Picture>,
    ) -> Result<Parts<'r>, Fault> {
        self.refuse_guarded(slots)?;
        let mut pictures = self.pictures_of(slots, unmapped)?;
        self.dotted
            .iter()
            .for_each(|field| field.expand_heads(slots));
        self.structured.iter().for_each(|field| field.expand(slots));
        let slots = &*slots;
        let system = optional_text(self.system.as_ref(), slots)?;
        let id = optional_text(self.id.as_ref(), slots)?;
        let (system, body, placed) = match &self.body {
            BodyMapping::Question(question) => {
                let (body, placed) = question.read(slots)?;
                (system, body, placed)
            }
            BodyMapping::Conversation(conversation) => {
                let read = conversation.read(slots)?;
                (
                    read.system.or(system),
                    Body::Conversation(read.turns),
                    read.picture,
                )
            }
        };
        if let Some(placeholder) = placed {
            if self.pictures != Pictures::LeftOut {
                let detail = format!("a user's turn holds {placeholder}");
                return Err(Fault::new(Reason::HasImage, detail));
            }
            pictures.get_or_insert(0);
        }
        Ok(Parts {
            id,
            system,
            pictures,
            body,
        })
    }

    /// Refuses a row by what is in columns that change what it means and that the mapping does not name.
    fn refuse_guarded(&self, slots: &Slots<'_>) -> Result<(), Fault> {
        for (key, slot) in self.keys.iter().zip(slots).skip(self.mapped) {
            let given = |value: &&Value<'_>| value.is_given() && !value.says_nothing();
            let Some(value) = slot.as_ref().filter(given) else {
                continue;
            };
            let reason = match key.as_str() {
                "tools" | "functions" => Reason::ToolCalls,
                "label" if !is_truth(value) => continue,
                _ if self.is_named_picture_column(key) => continue,
                _ => Reason::PreferenceRow,
            };
            return Err(Fault::new(reason, format!("the row has `{key}`")));
        }
        Ok(())
    }

    /// A hash of the row's pictures where they are to be left out; where not, a picture is a fault.
    fn pictures_of(
        &self,
        slots: &Slots<'_>,
        unmapped: Option<&Picture>,
    ) -> Result<Option<u64>, Fault> {
        let mut found = unmapped.map(|picture| (picture.column.to_string(), picture.hash));
        for &index in &self.searched {
            let Some(value) = &slots[index] else { continue };
            let key = &self.keys[index];
            let named = self.is_named_picture_column(key);
            if self.is_columns_only() && !named {
                continue;
            }
            let hash = if named && value.is_present() {
                Some(picture::search(value, true, &[]).unwrap_or(0))
            } else {
                picture::search(value, picture::is_column_name(key), &self.spoken_keys)
            };
            if let Some(hash) = hash {
                let (_, before) = found.get_or_insert((key.clone(), 0));
                *before = picture::hash(*before, &hash.to_le_bytes());
            }
        }
        match found {
            Some((column, _)) if self.pictures != Pictures::LeftOut => {
                let detail = format!("column `{column}` holds or names a picture");
                Err(Fault::new(Reason::HasImage, detail))
            }
            found => Ok(found.map(|(_, hash)| hash)),
        }
    }
}

/// Whether a value is a truth value, which CSV writes as a text.
fn is_truth(value: &Value<'_>) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Text(text) => ["true", "false"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text)),
        _ => false,
    }
}

impl QuestionMapping {
    /// Fields of what is asked.
    fn asked(&self) -> impl Iterator<Item = &Field> {
        self.question
            .iter()
            .chain(self.options.iter().flat_map(OptionsMapping::fields))
            .chain(&self.answer)
            .chain(&self.history)
    }

    /// The question, and the placeholder of a picture in it.
    fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<(Body<'r>, Option<String>), Fault> {
        let options = match &self.options {
            Some(options) => options.read(slots)?,
            None => Vec::new(),
        };
        let question = self.question_text(slots)?;
        if question.trim().is_empty() {
            let detail = format!("{} has no text", self.question[0].label);
            return Err(Fault::new(Reason::EmptyQuestion, detail));
        }
        let history = self.history(slots)?;
        let asked = std::iter::once(&question).chain(history.iter().map(|[asked, _]| asked));
        let placed = asked
            .into_iter()
            .find_map(|text| picture::placeholder(text));
        let placed = placed.map(str::to_owned);
        let body = Body::Question {
            question,
            options,
            answer: optional_text(self.answer.as_ref(), slots)?,
            history,
            responses: self.responses.read(slots)?,
        };
        Ok((body, placed))
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
                }]);
            }
            Self::Many(field) => field,
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
                    // A null keeps its place, so that the responses behind it keep their numbers.
                    let response = if *value == Value::Null {
                        "".into()
                    } else {
                        said_text(value, label)?
                    };
                    Ok(Response {
                        reasoning: None,
                        response,
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

/// The text of `value`; nothing but text will do.
pub(crate) fn text<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Null => Err(Fault::new(
            Reason::NullField,
            format!("a text of {label} is null"),
        )),
        other => Err(wrong_type(label, other, "text")),
    }
}

/// The text of a response: a number is one as well, but a truth value is said in words that are not known.
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
fn optional_text<'r>(
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
        format!("{label} is {}, {wanted} is wanted", value.kind()),
    )
}
