//! Bindings of `octomed-responses`: the final answer of a response, and how it compares with gold.

use std::fmt;

use octomed_responses::{
    AnswerState, Choice, Convention, Extracted, Found, Gold, GoldFault, GoldRule, find, judge,
    parts, present,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::{Error, Kind, Result, raise};
use crate::leave::leave;

/// Kind, places of options, text or unit, number, convention, and whether the answer stands in the reasoning alone.
type Answer = (
    &'static str,
    Vec<usize>,
    Option<String>,
    Option<f64>,
    Option<&'static str>,
    bool,
);

/// Reasoning, answer and whether the reasoning ends.
type Split = (Option<String>, String, bool);

/// Split a response into reasoning and answer by its markers; `reasoning` is a column of its own, which wins.
#[pyfunction]
#[pyo3(signature = (response, reasoning))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn response_parts(
    py: Python<'_>,
    response: String,
    reasoning: Option<String>,
) -> PyResult<Split> {
    leave(py, || {
        let split = parts(&response, reasoning.as_deref());
        Ok::<_, Error>((
            split.reasoning.map(str::to_owned),
            split.answer.to_owned(),
            split.is_closed,
        ))
    })
}

/// The final answer of a response to a question whose options are pairs of label and text.
#[pyfunction]
#[pyo3(signature = (response, options, reasoning, finished))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn extract_answer(
    py: Python<'_>,
    response: String,
    options: Vec<(String, String)>,
    reasoning: Option<String>,
    finished: Option<bool>,
) -> PyResult<Answer> {
    leave(py, || {
        let split = parts(&response, reasoning.as_deref());
        Ok::<_, Error>(answer(find(&choices(&options), &split, finished)))
    })
}

/// How a response compares with the gold `answer`; without one, whether it answers at all.
///
/// `rule` is `options`, `exact`, `contains` or `token_f1`, whose least share is `least`; `base` is what an index counts from.
/// Raises `DataError` when gold is no option, several, or a text that `rule` does not compare.
#[pyfunction]
#[pyo3(signature = (response, answer, options, rule, least, base, reasoning, finished))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
#[expect(clippy::too_many_arguments, reason = "what Python's function takes")]
pub fn judge_answer(
    py: Python<'_>,
    response: String,
    answer: Option<String>,
    options: Vec<(String, String)>,
    rule: &str,
    least: f32,
    base: Option<usize>,
    reasoning: Option<String>,
    finished: Option<bool>,
) -> PyResult<&'static str> {
    let rule = gold_rule(rule, least)?;
    leave(py, || {
        let options = choices(&options);
        let split = parts(&response, reasoning.as_deref());
        let Some(answer) = answer else {
            return Ok(state(present(&options, &split, finished).state));
        };
        let gold = Gold::with_base(&options, Some(&answer), rule, base)?;
        Ok::<_, GoldFault>(state(judge(&gold, &split, finished).state))
    })
}

impl From<GoldFault> for Error {
    fn from(fault: GoldFault) -> Self {
        raise(Kind::Data, &fault, hint(fault)).into()
    }
}

fn hint(fault: GoldFault) -> Option<String> {
    let hint = match fault {
        GoldFault::IndexBase => "say what it counts from: `index_base` 0 or 1",
        GoldFault::FreeText => "`match` may be exact, contains or {token_f1: 0.5}",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn choices(options: &[(String, String)]) -> Vec<Choice<'_>> {
    options
        .iter()
        .map(|(label, text)| Choice { label, text })
        .collect()
}

fn gold_rule(rule: &str, least: f32) -> Result<GoldRule> {
    match rule {
        "options" => Ok(GoldRule::Options),
        "exact" => Ok(GoldRule::Exact),
        "contains" => Ok(GoldRule::Contains),
        "token_f1" => Ok(GoldRule::TokenF1(least)),
        _ => Err(PyValueError::new_err(unknown(&rule)).into()),
    }
}

fn unknown(rule: &dyn fmt::Display) -> String {
    format!("`match` is options, exact, contains or token_f1, not `{rule}`")
}

fn answer(found: Found) -> Answer {
    let convention = found.convention.map(convention);
    let in_reasoning = found.is_in_reasoning;
    match found.extracted {
        Extracted::Options(places) => ("options", places, None, None, convention, in_reasoning),
        Extracted::Text(text) => (
            "text",
            Vec::new(),
            Some(text),
            None,
            convention,
            in_reasoning,
        ),
        Extracted::Number(number) => (
            "number",
            Vec::new(),
            Some(number.unit),
            Some(number.value),
            convention,
            in_reasoning,
        ),
        Extracted::Ambiguous => ("ambiguous", Vec::new(), None, None, None, false),
        Extracted::Absent => ("absent", Vec::new(), None, None, None, false),
        Extracted::Cut => ("cut", Vec::new(), None, None, None, false),
    }
}

fn convention(convention: Convention) -> &'static str {
    match convention {
        Convention::Tag => "tag",
        Convention::Boxed => "boxed",
        Convention::Statement => "statement",
        Convention::Verdict => "verdict",
        Convention::Line => "line",
        Convention::Mention => "mention",
    }
}

fn state(state: AnswerState) -> &'static str {
    match state {
        AnswerState::Unasked => "unasked",
        AnswerState::Right => "right",
        AnswerState::Wrong => "wrong",
        AnswerState::Ambiguous => "ambiguous",
        AnswerState::Absent => "absent",
        AnswerState::Cut => "cut",
        AnswerState::NoGold => "no_gold",
        AnswerState::GoldFault => "gold_fault",
        AnswerState::Present => "present",
    }
}
