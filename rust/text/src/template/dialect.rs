//! minijinja taught the dialect in which chat templates are written: jinja2 as `transformers` sets it up.

use std::borrow::Cow;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use octomed_meter::written;

use super::{json, methods};
use crate::python_text::strip;

/// Why a template stopped itself; it travels as the source of minijinja's error.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error("the template asks for today's date")]
    AsksForDate,
    #[error("{0}")]
    Raised(String),
}

/// An engine without templates: white space, filters, tests and functions as in `transformers`.
pub(crate) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_debug(false); // its reports would quote the row
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment.set_unknown_method_callback(methods::call);
    environment.set_formatter(octomed_meter::print);
    environment.add_filter("tojson", json::tojson);
    environment.add_filter("trim", trim);
    environment.add_test("iterable", is_iterable);
    environment.add_test("sequence", is_sequence);
    environment.add_test("number", |value: &Value| {
        matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
    });
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    Ok(environment)
}

fn trim(state: &State, value: &Value, characters: Option<&str>) -> Result<String, Error> {
    let text = match value.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(written(state, value)?),
    };
    Ok(match characters {
        Some(characters) => text
            .trim_matches(|character| characters.contains(character))
            .to_owned(),
        None => strip(&text).to_owned(),
    })
}

fn is_iterable(value: &Value) -> bool {
    !value.is_none() && value.try_iter().is_ok()
}

/// jinja2 asks for a length and an item access, which strings and mappings have as well.
fn is_sequence(value: &Value) -> bool {
    value.is_undefined()
        || matches!(
            value.kind(),
            ValueKind::Seq | ValueKind::Map | ValueKind::String
        )
}

fn raise_exception(state: &State, message: &Value) -> Result<Value, Error> {
    let stop = Stop::Raised(written(state, message)?);
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(stop))
}

/// Refused: the same recipe would give other shards tomorrow.
fn strftime_now(_: &State, _format: &str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, "strftime_now").with_source(Stop::AsksForDate))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn rendered(source: &str) -> String {
        environment()
            .unwrap()
            .render_str(source, minijinja::context! { s => "a\u{1c} " })
            .unwrap()
    }

    #[test]
    fn white_space_is_python_s() {
        assert_eq!(
            rendered("[{{ s | trim }}][{{ s.strip() }}][{{ s.rstrip('x ') }}]"),
            "[a][a][a\u{1c}]"
        );
    }

    #[test]
    fn strings_are_iterable_sequences_and_booleans_are_numbers() {
        let source =
            "{{ s is iterable }} {{ s is sequence }} {{ true is number }} {{ none is iterable }}";
        assert_eq!(rendered(source), "True True True False");
    }

    #[test]
    fn blocks_are_trimmed_on_both_sides() {
        assert_eq!(
            rendered("a\n  {% if true %}\n  b\n  {% endif %}\nc\n"),
            "a\n  b\nc"
        );
    }
}
