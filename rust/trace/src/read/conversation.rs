//! Conversations: lists of turns under whatever names and roles a format has for them.

use std::borrow::Cow;

use crate::row::{Reason, Turn};
use crate::value::{Fault, Value};

use super::{Field, Slots, images, text, wrong_type};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    User,
    Assistant,
    Tool,
}

impl Role {
    /// The role of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::System, Self::User, Self::Assistant, Self::Tool]
            .into_iter()
            .find(|role| role.as_str() == name)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// How a conversation is written.
#[derive(Clone, Debug)]
pub(crate) struct ConversationMapping {
    /// The column of turns.
    pub(crate) column: Field,
    /// Acceptable keys of a turn's role.
    pub(crate) role: Vec<String>,
    /// Acceptable keys of a turn's text.
    pub(crate) content: Vec<String>,
    /// The format's roles and ours.
    pub(crate) roles: Vec<(String, Role)>,
}

/// Keys under which chat interfaces give the chain of thought apart from the answer.
const REASONING_KEYS: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];
/// Keys under which they give what the assistant wants done instead of an answer.
const CALL_KEYS: [&str; 2] = ["tool_calls", "function_call"];

/// Who speaks, what, and from what reasoning.
type Spoken<'r> = (Role, Cow<'r, str>, Option<Cow<'r, str>>);
/// The leading system message, and the turns behind it.
type Read<'r> = (Option<Cow<'r, str>>, Vec<Turn<'r>>);

impl ConversationMapping {
    /// Roles that every mapping knows.
    pub(crate) fn default_roles() -> Vec<(String, Role)> {
        let known = [Role::System, Role::User, Role::Assistant, Role::Tool];
        known.map(|role| (role.as_str().to_owned(), role)).to_vec()
    }

    pub(super) fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<Read<'r>, Fault> {
        let values = match self.column.required(slots)? {
            Value::List(values) => values,
            other => return Err(wrong_type(&self.column.label, other, "a list of turns")),
        };
        let mut leading = None;
        let mut turns = Vec::with_capacity(values.len());
        let mut speaks = false;
        for (index, value) in values.iter().enumerate() {
            let (role, content, reasoning) = self.turn(value, index)?;
            if index == 0 && role == Role::System {
                leading = Some(content);
                continue;
            }
            speaks |= role == Role::Assistant;
            turns.push(Turn {
                role: Cow::Borrowed(role.as_str()),
                content,
                reasoning,
            });
        }
        if !speaks {
            let detail = format!(
                "none of the {} turns of {} is the assistant's",
                values.len(),
                self.column.label
            );
            return Err(Fault::Row(Reason::NoAssistantTurn, detail));
        }
        Ok((leading, turns))
    }

    fn turn<'r>(&self, value: &'r Value<'_>, index: usize) -> Result<Spoken<'r>, Fault> {
        let label = format!("turn {index} of {}", self.column.label);
        if !matches!(value, Value::Struct(_)) {
            return Err(wrong_type(&label, value, "an object"));
        }
        let role = text(member(value, &self.role, &label)?, &label)?;
        let Some((_, role)) = self.roles.iter().find(|(name, _)| *name == role) else {
            let detail = format!("{label} has a role that the mapping does not know");
            return Err(Fault::Row(Reason::WrongType, detail));
        };
        let content = content(member(value, &self.content, &label)?, &label)?;
        let mut reasoning = None;
        if *role == Role::Assistant {
            refuse_calls(value, &label)?;
            reasoning = reasoning_of(value, &label)?;
        }
        Ok((*role, content, reasoning))
    }
}

/// The first of a turn's keys for reasoning that holds some.
fn reasoning_of<'r>(turn: &'r Value<'_>, label: &str) -> Result<Option<Cow<'r, str>>, Fault> {
    for key in REASONING_KEYS {
        let Some(value) = turn.field(key)?.filter(|value| value.is_present()) else {
            continue;
        };
        return text(value, &format!("`{key}` of {label}")).map(Some);
    }
    Ok(None)
}

/// Refuses a turn that calls tools: left out, the answers to them would follow nothing.
fn refuse_calls(turn: &Value<'_>, label: &str) -> Result<(), Fault> {
    for key in CALL_KEYS {
        if turn.field(key)?.is_some_and(Value::is_present) {
            let detail = format!("{label} has `{key}`, which is not read");
            return Err(Fault::Row(Reason::WrongType, detail));
        }
    }
    Ok(())
}

/// The value of a turn under one of the `keys`; a null one gives way to a later key.
fn member<'r, 'a>(
    turn: &'r Value<'a>,
    keys: &[String],
    label: &str,
) -> Result<&'r Value<'a>, Fault> {
    let mut found = None;
    for key in keys {
        match turn.field(key)? {
            Some(Value::Null) => found = Some(&Value::Null),
            Some(value) => return Ok(value),
            None => {}
        }
    }
    let names = || {
        keys.iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    };
    found.ok_or_else(|| Fault::Row(Reason::MissingField, format!("{label} has no {}", names())))
}

/// The text of a turn: text, or a list of typed parts, whose texts follow one another directly.
fn content<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    let Value::List(parts) = value else {
        return text(value, label);
    };
    let mut joined = Cow::Borrowed("");
    for value in parts {
        let part = part(value, label)?;
        if joined.is_empty() {
            joined = part;
        } else {
            joined.to_mut().push_str(&part);
        }
    }
    Ok(joined)
}

fn part<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    let Value::Struct(fields) = value else {
        return text(value, label);
    };
    if let Some(Value::Text(kind)) = value.field("type")? {
        if is_picture(kind) {
            return Err(images(format!("{label} has a part that is no text")));
        }
        if kind != "text" {
            let detail = format!("{label} has a part of a type that is neither text nor a picture");
            return Err(Fault::Row(Reason::WrongType, detail));
        }
    } else if fields
        .iter()
        .any(|(key, value)| is_picture(key) && value.is_present())
    {
        return Err(images(format!("{label} has a part that is no text")));
    }
    match value.field("text")? {
        Some(value) => text(value, label),
        None => Err(Fault::Row(
            Reason::MissingField,
            format!("a part of {label} has no `text`"),
        )),
    }
}

/// Whether a part's type or key is an image's, a video's or a sound's.
fn is_picture(kind: &str) -> bool {
    ["image", "video", "audio"]
        .iter()
        .any(|medium| kind.contains(medium))
}
