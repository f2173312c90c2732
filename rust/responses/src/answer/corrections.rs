//! Corrections behind an answer: "Actually, it should be E."

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::choices::Choices;
use super::cursor::starts_ignoring_case;
use super::options::Reading;
use super::value::read_value;
use super::{prose, verdicts};

/// Words that take back what was said.
const RETRACT: [&str; 13] = [
    "wait, no",
    "wait, that",
    "correction:",
    "correction -",
    "correction*",
    "i made a mistake",
    "i made an error",
    "let me correct",
    "scratch that",
    "edit:",
    "... no,",
    "更正",
    "不对",
];
/// Words that look at it again.
const REVIEW: [&str; 14] = [
    "wait,",
    "wait -",
    "wait—",
    "wait...",
    "wait.",
    "wait…",
    "hold on",
    "let me reconsider",
    "second thought",
    "actually,",
    "actually no",
    "i apologize",
    "upon reflection",
    "等等",
];

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let cues = RETRACT.iter().chain(&REVIEW);
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostFirst)
        .build(cues)
        .ok()
});

/// What a correction behind byte `end` says; `None` where there is none, or it looks again and names no option.
pub(super) fn corrected(choices: &Choices, text: &str, end: usize) -> Option<Reading> {
    let rest = &text[end..];
    if rest.len() < 8 {
        return None;
    }
    let cue = FINDER.as_ref()?.find_iter(rest).last()?;
    let is_retraction = cue.pattern().as_usize() < RETRACT.len();
    let tail = &rest[cue.start()..];
    let direct = || {
        read_value(choices, tail, cue.len())
            .filter(|_| is_retraction)
            .map(|read| read.reading)
    };
    let is_weak = starts_ignoring_case(tail, "actually");
    let mention = || prose::mention(choices, tail).filter(|_| !is_weak);
    verdicts::verdict(choices, tail)
        .or_else(direct)
        .or_else(mention)
        .or_else(|| is_retraction.then_some(Reading::Ambiguous))
}

/// Whether a short answer declines to give one.
pub(super) fn is_refusal(answer: &str) -> bool {
    let start = answer.trim_start().as_bytes();
    let refusals = [
        "i'm sorry",
        "i am sorry",
        "sorry",
        "i cannot",
        "i can't",
        "i am unable",
        "i'm unable",
        "unfortunately",
    ];
    refusals.iter().any(|words| {
        start
            .get(..words.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(words.as_bytes()))
    })
}
