//! One turn of a conversation: who speaks, what, and whether it is to be learned.

use std::borrow::Cow;

use crate::picture;
use crate::row::{ImagePlace, ImageRef, Part, Reason, Turn, append};
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

/// Reads the turn `value` of `role` with this content.
pub(super) fn read_turn<'r>(
    value: &'r Value<'_>,
    role: Role,
    content: &'r Value<'_>,
    label: &str,
) -> Result<Turn<'r>, Fault> {
    let learned = is_learned(value, role, label)?;
    let mut reasoning = None;
    if role == Role::Assistant {
        refuse_calls(value, label)?;
        reasoning = reasoning_of(value, label)?;
    }
    let mut turn = Turn {
        role: Cow::Borrowed(role.as_str()),
        content: images_beside(value),
        reasoning,
        learned,
    };
    add_content(&mut turn.content, content, label)?;
    if role == Role::User
        && let Some(mark) = picture::placeholder(&turn.text()).map(str::to_owned)
    {
        turn.content.push(image(mark, 0));
    }
    Ok(turn)
}

fn image<'r>(what: String, hash: u64) -> Part<'r> {
    let place = ImagePlace::Turn(what);
    Part::Image(ImageRef { place, hash })
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

/// The images that a turn carries besides its content, as Ollama's interface has them.
fn images_beside<'r>(turn: &Value<'_>) -> Vec<Part<'r>> {
    let Value::Struct(fields) = turn else {
        return Vec::new();
    };
    let named = fields
        .iter()
        .filter(|(key, _)| picture::is_column_name(key));
    let found = named.filter_map(|(key, value)| {
        let hash = picture::search(value, true, &[])?;
        Some(image(format!("`{key}`"), hash))
    });
    found.collect()
}

/// Adds the content of a turn: text, or a list of typed parts, whose texts follow one another directly.
fn add_content<'r>(
    content: &mut Vec<Part<'r>>,
    value: &'r Value<'_>,
    label: &str,
) -> Result<(), Fault> {
    let Value::List(values) = value else {
        content.push(Part::Text(said_text(value, label)?));
        return Ok(());
    };
    let mut joined = Cow::Borrowed("");
    let mut has_text = false;
    for value in values {
        match part(value, label)? {
            Part::Text(text) => append(&mut joined, text),
            image @ Part::Image(_) => {
                let before = std::mem::take(&mut joined);
                if !before.is_empty() {
                    has_text = true;
                    content.push(Part::Text(before));
                }
                content.push(image);
            }
        }
    }
    if !joined.is_empty() || !has_text {
        content.push(Part::Text(joined));
    }
    Ok(())
}

/// A typed part.
fn part<'r>(value: &'r Value<'_>, label: &str) -> Result<Part<'r>, Fault> {
    let Value::Struct(fields) = value else {
        return text(value, label).map(Part::Text);
    };
    let kind = match value.field("type")? {
        Some(Value::Text(kind)) => Some(kind.as_ref()),
        _ => None,
    };
    let by_key = fields
        .iter()
        .find(|(key, value)| is_medium(key) && value.is_present());
    match (kind, by_key) {
        (Some("text"), _) | (None, None) => part_text(value, label).map(Part::Text),
        (Some(kind), _) if is_medium(kind) => {
            Ok(image(format!("a part of type `{kind}`"), hash_of(value)))
        }
        (Some(_), _) => {
            let detail = format!("{label} has a part of a type that is neither text nor a picture");
            Err(Fault::new(Reason::WrongType, detail))
        }
        (None, Some((key, _))) => Ok(image(format!("a part with `{key}`"), hash_of(value))),
    }
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
