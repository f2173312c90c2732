//! Python's string methods where minijinja's stand-ins differ from them; the rest is `pycompat`'s.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use crate::python_text::is_space;

/// Calls a method that minijinja does not know.
pub(super) fn call(
    state: &mut State,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    if let Some(result) = octomed_meter::method(state, value, method, arguments)? {
        return Ok(result);
    }
    if let Some(text) = value.as_str().filter(|_| value.kind() == ValueKind::String)
        && let Some(result) = string_method(text, method, arguments)?
    {
        return Ok(result);
    }
    pycompat::unknown_method_callback(state, value, method, arguments)
}

fn string_method(text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "strip" | "lstrip" | "rstrip" => {
            let (characters,): (Option<&str>,) = from_args(arguments)?;
            Value::from(stripped(text, method, characters))
        }
        "split" | "rsplit" => {
            let (separator, limit, options): (Option<&str>, Option<i64>, Kwargs) =
                from_args(arguments)?;
            let separator =
                separator.map_or_else(|| options.get("sep"), |separator| Ok(Some(separator)))?;
            let limit = limit.map_or_else(|| options.get("maxsplit"), |limit| Ok(Some(limit)))?;
            options.assert_all_used()?;
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            split(text, separator, limit, method == "rsplit")?
        }
        "splitlines" => {
            let (keep_ends, options): (Option<bool>, Kwargs) = from_args(arguments)?;
            let keep_ends =
                keep_ends.map_or_else(|| options.get("keepends"), |keep| Ok(Some(keep)))?;
            list(&lines(text, keep_ends.unwrap_or(false)))
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(arguments)?;
            partition(text, separator, method == "rpartition")
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "isspace" => Value::from(!text.is_empty() && text.chars().all(is_space)),
        _ => return Ok(None),
    }))
}

fn stripped<'t>(text: &'t str, method: &str, characters: Option<&str>) -> &'t str {
    let cut =
        |character| characters.map_or_else(|| is_space(character), |some| some.contains(character));
    match method {
        "lstrip" => text.trim_start_matches(cut),
        "rstrip" => text.trim_end_matches(cut),
        _ => text.trim_matches(cut),
    }
}

fn split(
    text: &str,
    separator: Option<&str>,
    limit: Option<usize>,
    from_right: bool,
) -> Result<Value, Error> {
    let limit = limit.unwrap_or(usize::MAX);
    let parts: Vec<&str> = match separator {
        Some("") => return Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        Some(separator) if from_right => {
            let mut parts: Vec<_> = text.rsplitn(limit.saturating_add(1), separator).collect();
            parts.reverse();
            parts
        }
        Some(separator) => text.splitn(limit.saturating_add(1), separator).collect(),
        None if from_right => words_from_right(text, limit),
        None => words(text, limit),
    };
    Ok(list(&parts))
}

fn words(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = if parts.len() == limit {
            None
        } else {
            rest.find(is_space)
        };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        parts.push(word);
        rest = after.trim_start_matches(is_space);
    }
    parts
}

fn words_from_right(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end_matches(is_space);
    while !rest.is_empty() {
        let space = if parts.len() == limit {
            None
        } else {
            rest.rfind(is_space)
        };
        let start = space.map_or(0, |at| {
            at + rest[at..].chars().next().map_or(0, char::len_utf8)
        });
        parts.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(is_space);
    }
    parts.reverse();
    parts
}

/// The line ends of `str.splitlines`.
fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    const ENDS: [char; 10] = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
        '\u{2029}',
    ];
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.find(ENDS).unwrap_or(rest.len());
        let end = if rest[line..].starts_with("\r\n") {
            2
        } else {
            rest[line..].chars().next().map_or(0, char::len_utf8)
        };
        parts.push(&rest[..line + if keep_ends { end } else { 0 }]);
        rest = &rest[line + end..];
    }
    parts
}

fn partition(text: &str, separator: &str, from_right: bool) -> Value {
    let found = if from_right {
        text.rsplit_once(separator)
    } else {
        text.split_once(separator)
    };
    let parts = match found {
        Some((before, after)) => [before, separator, after],
        None if from_right => ["", "", text],
        None => [text, "", ""],
    };
    list(&parts)
}

fn list(parts: &[&str]) -> Value {
    parts.iter().map(|part| Value::from(*part)).collect()
}
