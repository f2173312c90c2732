//! One turn of a conversation: who speaks, what, and whether it is to be learned.

use std::borrow::Cow;

use crate::picture;
use crate::row::{Reason, Turn};
use crate::value::{Fault, Value};

use super::{said_text, text, wrong_type};

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

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// Keys under which chat interfaces give the chain of thought apart from the answer.
const REASONING_KEYS: [&str; 6] = [
    "reasoning_content",
    "reasoning",
    "thinking",
    "thinking_content",
    "thought",
    "cot",
];
/// Keys under which they give what the assistant wants done instead of an answer.
const CALL_KEYS: [&str; 2] = ["tool_calls", "function_call"];
/// Keys under which a turn says whether it is learned: OpenAI's, Axolotl's, ms-swift's and others'.
const WEIGHT_KEYS: [&str; 9] = [
    "weight",
    "loss_weight",
    "train",
    "training",
    "trainable",
    "loss",
    "loss_mask",
    "compute_loss",
    "supervise",
];
/// Keys under which it asks for less than the whole turn, or for the opposite.
const PARTIAL_KEYS: [&str; 5] = ["train_detail", "loss_scale", "mask", "masked", "no_loss"];

/// A turn, and the pictures that it shows.
pub(super) struct ReadTurn<'r> {
    pub(super) turn: Turn<'r>,
    pub(super) picture: Option<Shown>,
}

/// The pictures of a turn or a conversation: what the first is, and a hash of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) what: String,
    pub(crate) hash: u64,
}

impl Shown {
    /// Adds a picture to those before it.
    pub(super) fn add(shown: &mut Option<Self>, what: impl FnOnce() -> String, hash: u64) {
        let before = shown.get_or_insert_with(|| Self {
            what: what(),
            hash: 0,
        });
        before.hash = picture::hash(before.hash, &hash.to_le_bytes());
    }
}

/// Reads the turn `value` of `role` with this content.
pub(super) fn read_turn<'r>(
    value: &'r Value<'_>,
    role: Role,
    content: &'r Value<'_>,
    label: &str,
) -> Result<ReadTurn<'r>, Fault> {
    let learned = is_learned(value, role, label)?;
    let mut reasoning = None;
    if role == Role::Assistant {
        refuse_calls(value, label)?;
        reasoning = reasoning_of(value, label)?;
    }
    let mut picture = pictures_beside(value);
    let content = content_text(content, label, &mut picture)?;
    if role == Role::User
        && let Some(placeholder) = picture::placeholder(&content)
    {
        Shown::add(&mut picture, || placeholder.to_owned(), 0);
    }
    Ok(ReadTurn {
        turn: Turn {
            role: Cow::Borrowed(role.as_str()),
            content,
            reasoning,
            learned,
        },
        picture,
    })
}

/// Whether the turn lets itself be learned.
fn is_learned(turn: &Value<'_>, role: Role, label: &str) -> Result<bool, Fault> {
    let refused = |key: &str| {
        let detail = format!("{label} has a `{key}` that a mask over whole turns cannot express");
        Fault::new(Reason::TurnWeight, detail)
    };
    let mut learned = true;
    for key in PARTIAL_KEYS {
        if turn.field(key)?.is_some_and(Value::is_present) {
            return Err(refused(key));
        }
    }
    for key in WEIGHT_KEYS {
        let Some(value) = turn.field(key)? else {
            continue;
        };
        let says = match value {
            Value::Null => continue,
            Value::Bool(value) => *value,
            Value::Integer(digits) | Value::Float(digits) => match digits.parse::<f64>() {
                Ok(1.0) => true,
                Ok(0.0) => false,
                _ => return Err(refused(key)),
            },
            _ => return Err(refused(key)),
        };
        learned &= says;
        // A weight of 1 is every turn's default; to ask for it by name is to ask for the loss on a question.
        if says && role != Role::Assistant && !key.ends_with("weight") {
            return Err(refused(key));
        }
    }
    Ok(learned)
}

/// What a turn's keys for reasoning hold; several may say the same.
fn reasoning_of<'r>(turn: &'r Value<'_>, label: &str) -> Result<Option<Cow<'r, str>>, Fault> {
    let mut found: Option<Cow<'r, str>> = None;
    for key in REASONING_KEYS {
        let Some(value) = turn.field(key)?.filter(|value| value.is_present()) else {
            continue;
        };
        let reasoning = text(value, &format!("`{key}` of {label}"))?;
        match &found {
            Some(other) if other.trim() != reasoning.trim() => {
                let detail = format!("two keys of {label} hold different reasoning");
                return Err(Fault::new(Reason::TwoReasonings, detail));
            }
            Some(_) => {}
            None => found = Some(reasoning),
        }
    }
    Ok(found)
}

/// Refuses a turn that calls tools: left out, the answers to them would follow nothing.
pub(super) fn refuse_calls(turn: &Value<'_>, label: &str) -> Result<(), Fault> {
    for key in CALL_KEYS {
        if turn.field(key)?.is_some_and(Value::is_filled) {
            return Err(Fault::new(
                Reason::ToolCalls,
                format!("{label} has `{key}`"),
            ));
        }
    }
    Ok(())
}

/// The pictures that a turn carries beside its content, as Ollama's interface has them.
fn pictures_beside(turn: &Value<'_>) -> Option<Shown> {
    let mut shown = None;
    if let Value::Struct(fields) = turn {
        for (key, value) in fields
            .iter()
            .filter(|(key, _)| picture::is_column_name(key))
        {
            if let Some(hash) = picture::search(value, true, &[]) {
                Shown::add(&mut shown, || format!("`{key}`"), hash);
            }
        }
    }
    shown
}

/// The text of a turn: text, or a list of typed parts, whose texts follow one another directly.
fn content_text<'r>(
    value: &'r Value<'_>,
    label: &str,
    picture: &mut Option<Shown>,
) -> Result<Cow<'r, str>, Fault> {
    let Value::List(parts) = value else {
        return said_text(value, label);
    };
    let mut joined = Cow::Borrowed("");
    for value in parts {
        let Some(part) = part(value, label, picture)? else {
            continue;
        };
        if joined.is_empty() {
            joined = part;
        } else {
            joined.to_mut().push_str(&part);
        }
    }
    Ok(joined)
}

/// The text of a typed part; a picture has none.
fn part<'r>(
    value: &'r Value<'_>,
    label: &str,
    picture: &mut Option<Shown>,
) -> Result<Option<Cow<'r, str>>, Fault> {
    let Value::Struct(fields) = value else {
        return text(value, label).map(Some);
    };
    let kind = match value.field("type")? {
        Some(Value::Text(kind)) => Some(kind.as_ref()),
        _ => None,
    };
    let by_key = fields
        .iter()
        .find(|(key, value)| is_medium(key) && value.is_present());
    match (kind, by_key) {
        (Some("text"), _) => {}
        (Some(kind), _) if is_medium(kind) => {
            Shown::add(
                picture,
                || format!("a part of type `{kind}`"),
                hash_of(value),
            );
            return Ok(None);
        }
        (Some(_), _) => {
            let detail = format!("{label} has a part of a type that is neither text nor a picture");
            return Err(Fault::new(Reason::WrongType, detail));
        }
        (None, Some((key, _))) => {
            Shown::add(picture, || format!("a part with `{key}`"), hash_of(value));
            return Ok(None);
        }
        (None, None) => {}
    }
    part_text(value, label).map(Some)
}

/// The text of a part that is one. A null gives way to a later key, for in Parquet and Arrow the parts of a file
/// all have the keys of all.
fn part_text<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    let mut found = None;
    for key in ["text", "value", "content"] {
        match value.field(key)? {
            Some(Value::Null) => found = Some(&Value::Null),
            Some(value) => return text(value, label),
            None => {}
        }
    }
    let missing = || {
        Fault::new(
            Reason::MissingField,
            format!("a part of {label} has no `text`"),
        )
    };
    text(found.ok_or_else(missing)?, label)
}

/// A hash of all that a part says.
fn hash_of(part: &Value<'_>) -> u64 {
    picture::hash(0, format!("{part:?}").as_bytes())
}

/// Whether a part's type or key is an image's, a video's or a sound's.
fn is_medium(kind: &str) -> bool {
    ["image", "video", "audio"]
        .iter()
        .any(|medium| kind.contains(medium))
}

/// An error for a value that is no turn.
pub(super) fn no_turn(value: &Value<'_>, label: &str) -> Fault {
    wrong_type(label, value, "an object")
}
