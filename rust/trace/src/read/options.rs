//! Answer options in the shapes that sources write them.

use std::borrow::Cow;

use crate::row::Reason;
use crate::value::{Fault, Value};

use super::{Field, Slots, scalar, wrong_type};

/// Keys under which an option's text stands when options are objects.
const TEXT_KEYS: [&str; 4] = ["content", "text", "value", "option"];

/// Where the options stand.
#[derive(Clone, Debug)]
pub(crate) enum OptionsMapping {
    /// All in one column: a list of texts, a list of `{letter, content}`, an object `{A: …, B: …}`.
    Column(Field),
    /// Each in a column of its own.
    Columns(Vec<Field>),
}

impl OptionsMapping {
    pub(super) fn fields(&self) -> &[Field] {
        match self {
            Self::Column(field) => std::slice::from_ref(field),
            Self::Columns(fields) => fields,
        }
    }

    /// The options in order. Nulls and empty texts at the end are left out; one before an option would
    /// shift its letter, and the row is refused.
    pub(super) fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<Vec<Cow<'r, str>>, Fault> {
        let options = match self {
            Self::Columns(fields) => {
                let option = |field: &Field| option(field.lenient(slots)?, &field.label);
                fields.iter().map(option).collect::<Result<_, _>>()?
            }
            Self::Column(field) => match field.lenient(slots)? {
                Some(value) => in_one_value(value, &field.label)?,
                None => Vec::new(),
            },
        };
        let given = options
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last + 1);
        let all: Option<Vec<_>> = options.into_iter().take(given).collect();
        all.ok_or_else(|| {
            let detail =
                "an option is empty or null and another follows it, so its letter is uncertain";
            Fault::Row(Reason::NullField, detail.to_owned())
        })
    }
}

type MaybeOptions<'r> = Result<Vec<Option<Cow<'r, str>>>, Fault>;

fn in_one_value<'r>(value: &'r Value<'_>, label: &str) -> MaybeOptions<'r> {
    match value {
        Value::List(values) => values.iter().map(|value| listed(value, label)).collect(),
        Value::Struct(fields) => lettered(fields, label),
        Value::Text(text) if text.is_empty() => Ok(Vec::new()),
        other => Err(wrong_type(
            label,
            other,
            "a list or object of options, or JSON that says one,",
        )),
    }
}

/// One option of a list: a text, or an object that holds one.
fn listed<'r>(value: &'r Value<'_>, label: &str) -> Result<Option<Cow<'r, str>>, Fault> {
    if !matches!(value, Value::Struct(_)) {
        return option(Some(value), label);
    }
    for key in TEXT_KEYS {
        if let Some(text) = value.field(key)? {
            return option(Some(text), label);
        }
    }
    let detail =
        format!("an option of {label} is an object without `content`, `text`, `value` or `option`");
    Err(Fault::Row(Reason::MissingField, detail))
}

/// The options of an object by letter; other keys keep the row's order.
fn lettered<'r>(fields: &'r [(Cow<'_, str>, Value<'_>)], label: &str) -> MaybeOptions<'r> {
    let mut fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| (key.as_ref(), value))
        .collect();
    let mut keys: Vec<&str> = fields.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Fault::Row(
            Reason::DuplicateKey,
            format!("a key of {label} occurs twice"),
        ));
    }
    if keys.iter().all(|key| key.len() == 1) {
        fields.sort_unstable_by_key(|(key, _)| *key);
    }
    fields
        .into_iter()
        .map(|(_, value)| option(Some(value), label))
        .collect()
}

/// The text of an option, if there is any.
fn option<'r>(value: Option<&'r Value<'_>>, label: &str) -> Result<Option<Cow<'r, str>>, Fault> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Ok(Some(scalar(value, label)?).filter(|text| !text.is_empty())),
    }
}
