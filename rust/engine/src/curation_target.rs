//! Rows whose responses are their right answer: what a run learns that trains on answers without reasoning.

use std::borrow::Cow;

use octomed_index::Verdict;
use octomed_responses::{Choice, Gold, GoldFault, GoldRule};
use octomed_trace::{Body, Response, Row};

use crate::curation_answers::named;

/// The right answer of a row, as its prompt writes it: an option whole, several on lines of their own, or free text.
///
/// # Errors
/// Why there is none that can be learned.
pub fn right_answer(row: &Row<'_>, rule: GoldRule) -> Result<String, Verdict> {
    let Body::Question {
        options, answer, ..
    } = &row.body
    else {
        return Err(Verdict::NoGold);
    };
    let answer = answer.as_deref().map(str::trim).unwrap_or_default();
    if answer.is_empty() {
        return Err(Verdict::NoGold);
    }
    if options.is_empty() {
        return Ok(answer.to_owned());
    }
    let choices: Vec<Choice<'_>> = options
        .iter()
        .map(|option| Choice {
            label: &option.label,
            text: option.text,
        })
        .collect();
    let whole = named(&choices, answer, row.answer_form);
    let gold =
        Gold::new(&choices, whole.as_deref().or(Some(answer)), rule).map_err(
            |fault| match fault {
                GoldFault::Missing => Verdict::NoGold,
                _ => Verdict::GoldFault,
            },
        )?;
    let places = gold.places();
    if places.is_empty() {
        return Ok(answer.to_owned());
    }
    let written = places.into_iter().map(|place| {
        let option = &options[place];
        format!("{}. {}", option.label, option.text)
    });
    Ok(written.collect::<Vec<_>>().join("\n"))
}

/// The row with this text in place of each of its responses.
pub fn with_answer<'o>(row: &'o Row<'_>, text: &'o str) -> Row<'o> {
    let mut other = row.clone();
    if let Body::Question { responses, .. } = &mut other.body {
        for response in responses {
            *response = Response {
                reasoning: None,
                response: Cow::Borrowed(text),
                is_null: false,
            };
        }
    }
    other
}
