//! Compares responses with gold.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

use super::anchors::Anchors;
use super::choices::{Choices, Set};
use super::extracted::{AnswerState, Choice, Judged, Number};
use super::fold::folded;
use super::gold::{Gold, GoldKind, GoldRule};
use super::outcome::{Outcome, is_cut, outcome, reasoning_end};
use super::{corrections, free, mentions, prose};
use crate::parts::Parts;

/// How a response compares with gold; `finished` is what the API says of its end, and a response that it cut is never right.
#[must_use]
pub fn judge(gold: &Gold, parts: &Parts<'_>, finished: Option<bool>) -> Judged {
    match &gold.kind {
        GoldKind::Options { choices, right } => by_options(choices, Some(*right), parts, finished),
        GoldKind::Number(number) => by_number(number, parts, finished),
        GoldKind::Text { choices, rule } => by_text(choices, *rule, parts, finished),
    }
}

/// Whether a response gives an answer at all: [`AnswerState::Present`] where it does.
///
/// Without options any text behind the reasoning is one, unless it declines to answer or is cut.
#[must_use]
pub fn present(options: &[Choice<'_>], parts: &Parts<'_>, finished: Option<bool>) -> Judged {
    if !options.is_empty() {
        return by_options(&Choices::new(options), None, parts, finished);
    }
    let state = free_state(parts, finished);
    Judged {
        state: state.unwrap_or(AnswerState::Present),
        option: 0,
    }
}

/// Why a free answer is none, if it is none.
fn free_state(parts: &Parts<'_>, finished: Option<bool>) -> Option<AnswerState> {
    if !parts.is_closed
        || finished == Some(false)
        || is_cut(parts.answer, &Anchors::of(parts.answer), finished)
    {
        return Some(AnswerState::Cut);
    }
    (parts.answer.is_empty() || corrections::is_refusal(parts.answer))
        .then_some(AnswerState::Absent)
}

fn by_options(
    choices: &Choices,
    right: Option<Set>,
    parts: &Parts<'_>,
    finished: Option<bool>,
) -> Judged {
    let found = match outcome(choices, parts, finished).0 {
        Outcome::Options(found, _) => found,
        Outcome::Ambiguous => return without_answer(AnswerState::Ambiguous),
        Outcome::Absent => return without_answer(AnswerState::Absent),
        Outcome::Cut => return without_answer(AnswerState::Cut),
    };
    let state = match right {
        None => AnswerState::Present,
        Some(right) if right == found => AnswerState::Right,
        Some(_) => AnswerState::Wrong,
    };
    Judged {
        state,
        option: option_hash(choices, found),
    }
}

fn without_answer(state: AnswerState) -> Judged {
    Judged { state, option: 0 }
}

/// The hash of the option's text, or of all texts in the options' order.
fn option_hash(choices: &Choices, found: Set) -> u64 {
    if found.count_ones() == 1 {
        return text_hash(choices.text(found.trailing_zeros() as usize));
    }
    let texts: Vec<_> = prose::places(found)
        .into_iter()
        .map(|place| choices.text(place))
        .collect();
    text_hash(&texts.join(" | "))
}

/// Never 0, which means that nothing is answered.
fn text_hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes()).max(1)
}

/// The free answer of a response: marked, a single line, or in the reasoning where nothing follows that.
fn statement<'a>(parts: &Parts<'a>) -> Option<&'a str> {
    let stated = free::answer(parts.answer, &Anchors::of(parts.answer));
    let stated = stated.or_else(|| {
        let end = reasoning_end(parts.reasoning.filter(|_| parts.answer.is_empty())?);
        free::marked(end, &Anchors::of(end))
    });
    stated.map(|(text, _)| text)
}

fn by_number(gold: &Number, parts: &Parts<'_>, finished: Option<bool>) -> Judged {
    if let Some(state) = free_state(parts, finished).filter(|state| *state == AnswerState::Cut) {
        return without_answer(state);
    }
    let Some(number) = statement(parts).and_then(Number::stated) else {
        return without_answer(AnswerState::Absent);
    };
    let state = if number.equals(gold) {
        AnswerState::Right
    } else {
        AnswerState::Wrong
    };
    Judged {
        state,
        option: text_hash(&number.written()),
    }
}

fn by_text(choices: &Choices, rule: GoldRule, parts: &Parts<'_>, finished: Option<bool>) -> Judged {
    if let Some(state) = free_state(parts, finished).filter(|state| *state == AnswerState::Cut) {
        return without_answer(state);
    }
    let stated = statement(parts).map(Cow::Borrowed);
    let whole = || (!parts.answer.is_empty()).then_some(Cow::Borrowed(parts.answer));
    let text = if rule == GoldRule::Exact {
        stated
    } else {
        stated.or_else(whole)
    };
    let Some(text) = text.filter(|text| !corrections::is_refusal(text)) else {
        return without_answer(AnswerState::Absent);
    };
    let answer = folded(&text);
    let is_right = match rule {
        GoldRule::Options | GoldRule::Exact => answer == choices.text(0),
        GoldRule::Contains => answer == choices.text(0) || mentions::positive(choices, &text) == 1,
        GoldRule::TokenF1(least) => free::token_f1(&answer, choices.text(0)) >= least,
    };
    let state = if is_right {
        AnswerState::Right
    } else {
        AnswerState::Wrong
    };
    Judged {
        state,
        option: text_hash(&answer),
    }
}
