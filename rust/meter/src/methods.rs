//! Methods of Python's strings that may make far more than they are given, paid for before they do.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use crate::comparing::pay_for_seeking;
use crate::held::weigh;
use crate::{charge_bytes, charge_items, written};

/// The result of `join`, or nothing for another method, once what it may make is paid for.
///
/// # Errors
/// When the fuel does not last.
pub fn method(
    state: &State,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Option<Value>, Error> {
    let text = value.as_str().filter(|_| value.kind() == ValueKind::String);
    match (text, method) {
        (Some(separator), "join") if arguments.len() == 1 => {
            join(state, separator, &arguments[0]).map(Some)
        }
        (Some(text), "format") => charge_format(state, text, arguments).map(|()| None),
        (Some(text), "split" | "rsplit" | "splitlines" | "partition" | "rpartition") => {
            charge_parts(state, text, arguments).map(|()| None)
        }
        (Some(text), _) => charge_bytes(state, text.len()).map(|()| None),
        (None, "count") => {
            charge_items(state, value.len().unwrap_or(0))?;
            for argument in arguments {
                pay_for_seeking(state, argument, value)?;
            }
            Ok(None)
        }
        (None, _) => {
            for argument in arguments {
                weigh(state, argument)?;
            }
            Ok(None)
        }
    }
}

fn join(state: &State, separator: &str, values: &Value) -> Result<Value, Error> {
    let mut out = String::new();
    for (place, value) in values.try_iter()?.enumerate() {
        if place > 0 {
            charge_bytes(state, separator.len())?;
            out.push_str(separator);
        }
        charge_items(state, 1)?;
        out.push_str(&written(state, &value)?);
    }
    Ok(Value::from(out))
}

/// Pays for each field with all arguments in it, and for every number as if it were a width.
fn charge_format(state: &State, text: &str, arguments: &[Value]) -> Result<(), Error> {
    let fields = text.bytes().filter(|byte| *byte == b'{').count();
    charge_bytes(state, text.len())?;
    for argument in arguments {
        let length = written(state, argument)?.len();
        charge_bytes(state, length.saturating_mul(fields))?;
        charge_bytes(state, argument.as_usize().unwrap_or(0))?;
    }
    for digits in text.split(|character: char| !character.is_ascii_digit()) {
        let width = digits
            .parse()
            .unwrap_or(if digits.is_empty() { 0 } else { usize::MAX });
        charge_bytes(state, width)?;
    }
    Ok(())
}

/// Pays for the parts that a text may be cut into.
fn charge_parts(state: &State, text: &str, arguments: &[Value]) -> Result<(), Error> {
    charge_bytes(state, text.len())?;
    let separator = arguments.iter().find_map(Value::as_str);
    let parts = match separator {
        Some("") => 0,
        Some(separator) => text.matches(separator).count(),
        None => text
            .chars()
            .filter(|character| character.is_whitespace())
            .count(),
    };
    charge_items(state, parts)
}
