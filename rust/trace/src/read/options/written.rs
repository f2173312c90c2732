//! An option as a row writes it.

use std::borrow::Cow;

use crate::value::{Fault, Value};

use super::super::short_text;

/// Keys under which an option's text stands when options are objects.
pub(super) const TEXT_KEYS: [&str; 6] =
    ["content", "text", "value", "option_text", "option", "atext"];
/// Keys under which a number may stand that merely counts.
pub(super) const COUNT_KEYS: [&str; 4] = ["id", "index", "idx", "option_id"];
/// Key of a number that counts and is never shown: HEAD-QA's options are those of a test with letters.
pub(super) const ANSWER_COUNT: &str = "aid";

/// An option as it stands in the row: its own label, where it has one, and its text, where there is any.
pub(super) struct Read<'r> {
    pub(super) label: Option<Cow<'r, str>>,
    pub(super) text: Option<&'r str>,
}

pub(super) type ReadAll<'r> = Result<Vec<Read<'r>>, Fault>;

/// The text of an option, if there is any.
pub(super) fn option<'r>(
    value: Option<&'r Value<'_>>,
    label: &str,
) -> Result<Option<&'r str>, Fault> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Ok(Some(short_text(value, label)?).filter(|text| !text.is_empty())),
    }
}
