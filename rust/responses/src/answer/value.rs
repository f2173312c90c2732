//! Reads the answer behind a marker: past a few words, or the one that a "not … but" puts in its place.

use super::choices::Choices;
use super::cursor::{is_one, sentence_end, skip_markup, word};
use super::options::{Read, Reading, read_list};

/// Words between a marker and its answer.
const FILLERS: [&str; 50] = [
    "option",
    "options",
    "choice",
    "choices",
    "letter",
    "answer",
    "the",
    "is",
    "likely",
    "most",
    "probably",
    "clearly",
    "therefore",
    "thus",
    "then",
    "indeed",
    "definitely",
    "certainly",
    "to",
    "be",
    "that",
    "it",
    "its",
    "actually",
    "simply",
    "just",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "number",
    "statement",
    "a",
    "an",
    "obtain",
    "perform",
    "order",
    "would",
    "should",
    "must",
    "still",
    "also",
    "both",
    "diagnosis",
    "of",
    "with",
    "patient",
    "has",
    "correct",
];

const MAX_FILLERS: usize = 10;

/// The answer at `at`, behind markup and a few words.
pub(super) fn read_value(choices: &Choices, text: &str, at: usize) -> Option<Read> {
    read_within(choices, text, at, MAX_FILLERS)
}

fn read_within(choices: &Choices, text: &str, at: usize, fillers: usize) -> Option<Read> {
    let mut at = skip_markup(text, at);
    for _ in 0..fillers {
        if let Some(read) = read_list(choices, text, at) {
            return Some(read);
        }
        let next = word(text, at);
        if is_one(next, &["either"]) {
            return read_either(choices, text, at + next.len());
        }
        if is_one(next, &["not", "n't"]) || text[at..].starts_with("不是") {
            return read_correction(choices, text, at);
        }
        let is_filler = is_one(next, &FILLERS) || is_chinese_filler(next);
        if !is_filler {
            return None;
        }
        at = skip_punctuation(text, at + next.len());
    }
    None
}

fn is_chinese_filler(word: &str) -> bool {
    matches!(
        word,
        "是" | "为" | "选" | "项" | "择" | "应" | "该" | "就" | "答" | "案"
    )
}

fn skip_punctuation(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start_matches([':', ',', '：', ' ', '，']);
    skip_markup(text, text.len() - rest.len())
}

/// "not A but C": what is said instead, within the sentence.
fn read_correction(choices: &Choices, text: &str, at: usize) -> Option<Read> {
    let end = sentence_end(text, at);
    let instead = [
        " but rather ",
        " but ",
        "而是",
        ", it is ",
        ", it's ",
        "; it is ",
    ];
    let found = instead
        .iter()
        .find_map(|cue| text[at..end].find(cue).map(|place| at + place + cue.len()))?;
    read_within(choices, text, found, 4)
}

fn read_either(choices: &Choices, text: &str, at: usize) -> Option<Read> {
    let read = read_list(choices, text, skip_markup(text, at))?;
    Some(Read {
        reading: Reading::Ambiguous,
        ..read
    })
}
