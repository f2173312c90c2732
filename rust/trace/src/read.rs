//! From the values of a row to the parts of its traces.

pub(crate) mod arrow;
mod conversation;
pub(crate) mod csv;
mod field;
mod options;
mod question;
mod template;
mod turn;

use std::borrow::Cow;

use crate::mapping::{Mapping, Pictures};
use crate::picture::{self, Picture};
use crate::row::{Body, Reason};
use crate::value::{Fault, Value};

pub(crate) use conversation::ConversationMapping;
pub(crate) use field::Field;
pub(crate) use options::OptionsMapping;
pub(crate) use question::{QuestionMapping, Responses};
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
    fn has_context(&self) -> bool {
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
        self.dotted
            .iter()
            .for_each(|field| field.expand_heads(slots));
        let turns_alone = self.body.has_context();
        self.structured
            .iter()
            .for_each(|field| field.expand(slots, turns_alone));
        let slots = &*slots;
        // A list says the same whether a row holds it as a list or as JSON in a text, so this comes after `expand`.
        let mut pictures = self.pictures_of(slots, unmapped)?;
        let system = optional_text(self.system.as_ref(), slots)?;
        let id = optional_text(self.id.as_ref(), slots)?;
        let (system, body, placed) = match &self.body {
            BodyMapping::Question(question) => {
                let (body, placed) = question.read(slots)?;
                (system, body, placed)
            }
            BodyMapping::Conversation(conversation) => {
                let read = conversation.read(slots)?;
                let system = one_system(read.system, system)?;
                (system, Body::Conversation(read.turns), read.picture)
            }
        };
        if let Some(shown) = placed {
            if !self.leaves_pictures_out() {
                let detail = format!("a turn holds {}", shown.what);
                return Err(Fault::new(Reason::HasImage, detail));
            }
            pictures = Some(picture::hash(
                pictures.unwrap_or(0),
                &shown.hash.to_le_bytes(),
            ));
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
        let guards = self.keys.iter().zip(slots).take(self.guarded);
        for (key, slot) in guards.skip(self.mapped) {
            let Some(value) = slot.as_ref().filter(|value| value.is_filled()) else {
                continue;
            };
            let reason = match key.as_str() {
                "tools" | "functions" => Reason::ToolCalls,
                "label" if !is_truth(value) => continue,
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
        let mut add = |column: &str, hash: u64| {
            let (_, before) = found.get_or_insert((column.to_owned(), 0));
            *before = picture::hash(*before, &hash.to_le_bytes());
        };
        for field in self.named_pictures() {
            if let Some(value) = field.find(slots)?.filter(|value| value.is_filled()) {
                add(
                    field.first_name(),
                    picture::search(value, true, &[]).unwrap_or(0),
                );
            }
        }
        let searched = if self.named_pictures().is_empty() {
            &self.searched[..]
        } else {
            &[]
        };
        for &index in searched {
            let Some(value) = &slots[index] else { continue };
            let hash = match value {
                // A question may speak of a file; a picture's name alone is no question.
                Value::Text(text) if !picture::is_lone_reference(text) => None,
                value => {
                    let in_column = picture::is_column_name(&self.keys[index]);
                    picture::search(value, in_column, &self.spoken_keys)
                }
            };
            if let Some(hash) = hash {
                add(&self.keys[index], hash);
            }
        }
        match found {
            Some((column, _)) if !self.leaves_pictures_out() => {
                let detail = format!("column `{column}` holds or names a picture");
                Err(Fault::new(Reason::HasImage, detail))
            }
            found => Ok(found.map(|(_, hash)| hash)),
        }
    }

    fn leaves_pictures_out(&self) -> bool {
        matches!(self.pictures, Pictures::LeftOut)
    }
}

/// The system message that a row says once, or twice in the same words.
fn one_system<'r>(
    turn: Option<Cow<'r, str>>,
    column: Option<Cow<'r, str>>,
) -> Result<Option<Cow<'r, str>>, Fault> {
    match (turn, column) {
        (Some(turn), Some(column)) if turn.trim() != column.trim() => {
            let detail = "the row has two system messages: in its column, and in its first turn";
            Err(Fault::new(Reason::WrongType, detail))
        }
        (turn, column) => Ok(turn.or(column)),
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
