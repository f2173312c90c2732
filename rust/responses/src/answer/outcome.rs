//! The outcome of an extraction: what the answer part says, and where that says nothing, the reasoning's end.

use super::anchors::Anchors;
use super::choices::{Choices, Set};
use super::decide::{Decision, decide, last_marker};
use super::extracted::Convention;
use super::options::Reading;
use super::{corrections, cut, prose};
use crate::parts::Parts;

/// What a response answers, without a copy of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Options(Set, Convention),
    Ambiguous,
    Absent,
    Cut,
}

/// The outcome, and whether it stands in the reasoning alone.
pub(super) fn outcome(
    choices: &Choices,
    parts: &Parts<'_>,
    finished: Option<bool>,
) -> (Outcome, bool) {
    if !parts.is_closed || finished == Some(false) {
        return (Outcome::Cut, false);
    }
    let text = parts.answer;
    let anchors = Anchors::of(text);
    if is_cut(text, &anchors, finished) && !choices.is_at_end_of(text) {
        return (Outcome::Cut, false);
    }
    if let Some(decision) = decide(choices, text, &anchors, 0) {
        return (settled(choices, decision), false);
    }
    match in_reasoning(choices, parts, &anchors) {
        Some(decision) => (settled(choices, decision), true),
        None => (Outcome::Absent, false),
    }
}

fn settled(choices: &Choices, (reading, convention): (Reading, Convention)) -> Outcome {
    match prose::settled(choices, reading) {
        Reading::Options(found) => Outcome::Options(found, convention),
        Reading::Ambiguous => Outcome::Ambiguous,
    }
}

/// A longer answer than this says something of its own.
const SHORT_ANSWER: usize = 200;
/// Bytes of the reasoning's end that are looked at.
const REASONING_END: usize = 2000;

/// An explicit marker at the end of the reasoning, where next to nothing follows that.
fn in_reasoning(choices: &Choices, parts: &Parts<'_>, anchors: &Anchors) -> Decision {
    let reasoning = parts.reasoning?;
    if parts.answer.len() > SHORT_ANSWER
        || !anchors.is_empty()
        || corrections::is_refusal(parts.answer)
    {
        return None;
    }
    let end = reasoning_end(reasoning);
    let (reading, convention, place) = last_marker(choices, end, &Anchors::of(end), 0)?;
    let reading = corrections::corrected(choices, end, place).unwrap_or(reading);
    Some((reading, convention))
}

/// Whether the answer stops in the middle, as far as nobody says that it is whole.
pub(super) fn is_cut(text: &str, anchors: &Anchors, finished: Option<bool>) -> bool {
    finished != Some(true) && (cut::ends_abruptly(text) || cut::has_open_box(text, anchors))
}

/// The bytes of a reasoning that may hold its answer.
pub(super) fn reasoning_end(reasoning: &str) -> &str {
    let mut start = reasoning.len().saturating_sub(REASONING_END);
    while !reasoning.is_char_boundary(start) {
        start += 1;
    }
    &reasoning[start..]
}
