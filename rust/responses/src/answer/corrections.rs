//! Corrections behind an answer: "Actually, it should be E."

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::choices::Choices;
use super::cursor::starts_ignoring_case;
use super::options::Reading;
use super::{prose, verdicts};

const CUES: [&str; 24] = [
    "wait,",
    "wait -",
    "wait—",
    "wait...",
    "wait.",
    "wait…",
    "hold on",
    "correction",
    "i made a mistake",
    "i made an error",
    "let me correct",
    "let me reconsider",
    "second thought",
    "actually,",
    "actually no",
    "scratch that",
    "i apologize",
    "re-evaluating",
    "upon reflection",
    "revised",
    "might be wrong",
    "更正",
    "等等",
    "不对",
];

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(CUES)
        .ok()
});

/// What a correction behind byte `end` says; `None` where there is none, or it names no option.
pub(super) fn corrected(choices: &Choices, text: &str, end: usize) -> Option<Reading> {
    let rest = &text[end..];
    if rest.len() < 8 {
        return None;
    }
    let cue = FINDER.as_ref()?.find_iter(rest).last()?;
    let tail = &rest[cue.start()..];
    let is_weak = starts_ignoring_case(tail, "actually");
    let mention = || prose::mention(choices, tail).filter(|_| !is_weak);
    verdicts::verdict(choices, tail).or_else(mention)
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
