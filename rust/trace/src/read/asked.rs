//! Columns beside a trace: those that a recipe asks for to decide what is kept, and why a response ended.

use std::borrow::Cow;

use crate::reason::Reason;
use crate::row::Asked;
use crate::value::{Fault, Value};
use crate::written::said_list;

use super::{Field, Slots, short_text, wrong_type};

/// The values of `fields`, in their order.
pub(crate) fn read_asked<'r>(
    fields: &[Field],
    slots: &'r Slots<'_>,
) -> Result<Vec<Asked<'r>>, Fault> {
    fields.iter().map(|field| asked(field, slots)).collect()
}

/// Why each of `count` responses ended; nothing where the row does not say.
pub(crate) fn read_finish_reasons<'r>(
    field: &Field,
    count: usize,
    slots: &'r Slots<'_>,
) -> Result<Vec<Option<Cow<'r, str>>>, Fault> {
    let said = match asked(field, slots)? {
        Asked::None => return Ok(Vec::new()),
        Asked::Many(reasons) if reasons.is_empty() => return Ok(Vec::new()),
        Asked::Many(reasons) if reasons.len() == count => return Ok(reasons),
        Asked::One(reason) if count == 1 => return Ok(vec![Some(reason)]),
        Asked::Many(reasons) => reasons.len(),
        Asked::One(_) => 1,
    };
    let label = &field.label;
    let detail = format!("values in {label}: {said}, responses: {count}");
    Err(Fault::new(Reason::WrongType, detail))
}

/// The value of a column, or the values of its list. Null and empty text are none, since CSV cannot tell them apart.
fn asked<'r>(field: &Field, slots: &'r Slots<'_>) -> Result<Asked<'r>, Fault> {
    let Some(value) = field.lenient(slots)? else {
        return Ok(Asked::None);
    };
    let label = &field.label;
    match value {
        Value::List(values) => {
            let values = values.iter().map(|value| scalar(value, label));
            Ok(Asked::Many(values.collect::<Result<_, _>>()?))
        }
        // A list says the same whether a row holds it as a list or as JSON in a text.
        Value::Text(text) => match said_list(text) {
            None => Ok(one(scalar(value, label)?)),
            Some(values) => {
                let owned = |value| Ok(scalar(value, label)?.map(Cow::into_owned).map(Cow::Owned));
                Ok(Asked::Many(
                    values.iter().map(owned).collect::<Result<_, Fault>>()?,
                ))
            }
        },
        other => Ok(one(scalar(other, label)?)),
    }
}

fn one(text: Option<Cow<'_, str>>) -> Asked<'_> {
    text.map_or(Asked::None, Asked::One)
}

/// The text of a value that is no list; pandas' `2.0` for an integer is one.
fn scalar<'r>(value: &'r Value<'_>, label: &str) -> Result<Option<Cow<'r, str>>, Fault> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Float(digits) => digits.strip_suffix(".0").unwrap_or(digits),
        Value::List(_) => {
            return Err(wrong_type(
                &format!("a value of {label}"),
                value,
                "text, a number or a boolean",
            ));
        }
        other => short_text(other, label)?,
    };
    Ok(Some(Cow::Borrowed(text)).filter(|text| !text.is_empty()))
}
