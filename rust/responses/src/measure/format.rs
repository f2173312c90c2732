//! Formats that `accept.format` asks for.

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::markup::box_end;
use super::reasoning::is_empty;
use crate::parts::Parts;

/// What a response must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Reasoning that is not empty and has an end.
    Think,
    /// One `<answer>…</answer>` after the reasoning, with text in it.
    Answer,
    /// A closed `\boxed{…}` after the reasoning, with text in it.
    Boxed,
    /// A heading `## Final Response` with text after it.
    FinalResponse,
    /// A line `Answer: …` after the reasoning.
    AnswerLine,
}

/// Whether a response has each of `formats`.
pub(super) fn has_all(formats: &[Format], response: &str, parts: &Parts<'_>) -> bool {
    formats.iter().all(|format| has(*format, response, parts))
}

fn has(format: Format, response: &str, parts: &Parts<'_>) -> bool {
    match format {
        Format::Think => {
            parts.is_closed
                && parts
                    .reasoning
                    .is_some_and(|reasoning| !is_empty(reasoning))
        }
        Format::Answer => has_one_answer(parts.answer),
        Format::Boxed => has_box(parts.answer.as_bytes()),
        Format::FinalResponse => has_final_response(response, parts),
        Format::AnswerLine => parts.answer.lines().any(is_answer_line),
    }
}

fn has_one_answer(answer: &str) -> bool {
    let Some((_, rest)) = answer.split_once("<answer>") else {
        return false;
    };
    let Some((inside, after)) = rest.split_once("</answer>") else {
        return false;
    };
    let is_one = |text: &str| !text.contains("<answer>") && !text.contains("</answer>");
    !inside.trim().is_empty() && is_one(inside) && is_one(after)
}

fn has_box(bytes: &[u8]) -> bool {
    let mut from = 0;
    while let Some(start) = memmem::find(&bytes[from..], b"\\boxed{") {
        let inside = from + start + b"\\boxed{".len();
        let Some(end) = box_end(bytes, inside) else {
            return false;
        };
        if !bytes[inside..end].trim_ascii().is_empty() {
            return true;
        }
        from = end;
    }
    false
}

fn has_final_response(response: &str, parts: &Parts<'_>) -> bool {
    let is_heading = |line: &str| {
        let title = line.trim().trim_matches(['#', '*', ':', ' ']);
        line.trim_start().starts_with(['#', '*']) && title.eq_ignore_ascii_case("final response")
    };
    !parts.answer.is_empty() && response.lines().any(is_heading)
}

fn is_answer_line(line: &str) -> bool {
    let plain = line.trim_start_matches(['*', '_', '#', ' ', '\t', '>', '-']);
    let rest = ["final answer", "the final answer", "answer", "the answer"]
        .iter()
        .find_map(|label| {
            let head = plain.get(..label.len())?;
            head.eq_ignore_ascii_case(label)
                .then(|| &plain[label.len()..])
        });
    rest.is_some_and(|rest| {
        let value = rest.trim_start_matches(['*', '_', ' ']);
        let value = value
            .strip_prefix(':')
            .map(|value| value.trim_matches(['*', '_', ' ', '\t', '\r']));
        value.is_some_and(|value| !value.is_empty())
    })
}
