//! One turn of a conversation: who speaks, what, and whether it is to be learned.

use std::borrow::Cow;

use crate::reason::Reason;
use crate::row::Turn;
use crate::value::{Fault, Value};

use super::part::{content_of, images_beside};
use super::shown::Shown;
use super::{text, wrong_type};

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

/// Reads the turn `value` of `role` with this content, and with the images beside it if these are its own.
pub(super) fn read_turn<'r>(
    value: &'r Value<'_>,
    role: Role,
    content: &'r Value<'_>,
    label: &str,
    (has_beside, shown): (bool, &mut Shown<'r>),
) -> Result<Turn<'r>, Fault> {
    let learned = is_learned(value, role, label)?;
    let mut reasoning = None;
    if role == Role::Assistant {
        refuse_calls(value, label)?;
        reasoning = reasoning_of(value, label)?;
    }
    let beside = if has_beside {
        images_beside(value, label, shown)?
    } else {
        Vec::new()
    };
    let pieces = content_of(content, label, shown)?;
    Ok(Turn {
        role: Cow::Borrowed(role.as_str()),
        content: shown.place(role.as_str(), pieces, beside)?,
        reasoning,
        learned,
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

/// An error for a value that is no turn.
pub(super) fn no_turn(value: &Value<'_>, label: &str) -> Fault {
    wrong_type(label, value, "an object")
}
