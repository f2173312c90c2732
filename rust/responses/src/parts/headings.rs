//! Headings round a reasoning: `## Thinking` … `## Final Response`.

use std::ops::Range;

use memchr::memchr_iter;

/// What the headings of a text say.
pub(super) enum Split {
    /// No heading marks a reasoning.
    None,
    /// The reasoning begins here and never ends.
    Unclosed(usize),
    /// Bytes of the reasoning, and where the answer begins.
    Closed {
        reasoning: Range<usize>,
        answer: usize,
    },
}

/// Titles that begin a reasoning; only the first is a format that promises an end.
const STARTS: [&str; 8] = [
    "thinking",
    "thinking process",
    "thought process",
    "thoughts",
    "reasoning",
    "reasoning process",
    "step-by-step reasoning",
    "analysis",
];

/// Titles that end one, from the surest.
const ENDS: [&str; 5] = [
    "final response",
    "final answer",
    "answer",
    "response",
    "conclusion",
];

struct Heading<'a> {
    start: usize,
    end: usize,
    title: &'a str,
}

pub(super) fn split(text: &str) -> Split {
    let first = text.len() - text.trim_start().len();
    let opening = heading_at(text, first, &STARTS);
    let Some(opening) = opening else {
        return without_start(text);
    };
    match closing(text, opening.end) {
        Some(end) => Split::Closed {
            reasoning: opening.end..end.start,
            answer: end.end,
        },
        None if opening.title == STARTS[0] => Split::Unclosed(opening.end),
        None => Split::None,
    }
}

/// A chat template may have written `## Thinking` into the prompt; `## Final Response` alone is sure enough.
fn without_start(text: &str) -> Split {
    let mut ends = memchr_iter(b'#', text.as_bytes())
        .rev()
        .filter(|at| is_line_start(text, *at))
        .filter_map(|at| heading_at(text, at, &ENDS[..1]));
    match ends.next() {
        Some(end) => Split::Closed {
            reasoning: 0..end.start,
            answer: end.end,
        },
        None => Split::None,
    }
}

/// The last heading of the surest title that the text has.
fn closing(text: &str, from: usize) -> Option<Heading<'_>> {
    let mut best: Option<(usize, Heading<'_>)> = None;
    let mut at = from;
    for line in text[from..].split_inclusive('\n') {
        if let Some(found) = heading_at(text, at, &ENDS) {
            let rank = ENDS.iter().position(|title| *title == found.title)?;
            if best.as_ref().is_none_or(|(known, _)| rank <= *known) {
                best = Some((rank, found));
            }
        }
        at += line.len();
    }
    best.map(|(_, heading)| heading)
}

fn is_line_start(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    let blank = before
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b' ' | b'\t'));
    let blank = blank.take(8).count();
    blank == at || before[at - blank - 1] == b'\n'
}

/// A heading whose title is one of `titles`, in a line that begins at `at`.
fn heading_at<'a>(text: &str, at: usize, titles: &[&'a str]) -> Option<Heading<'a>> {
    let line = &text[at..];
    let indented = line.trim_start_matches([' ', '\t']);
    let bare = indented.trim_start_matches(['#', '*', '_', ' ']);
    if !indented.starts_with(['#', '*', '_']) {
        return None;
    }
    let title = titles
        .iter()
        .filter(|title| begins_with(bare, title))
        .max_by_key(|title| title.len())?;
    let rest = &bare[title.len()..];
    let end = rest.trim_start_matches([':', '*', '_', '#', ' ']);
    let is_alone = end.is_empty() || end.starts_with(['\n', '\r']) || rest.starts_with([':', '*']);
    is_alone.then(|| Heading {
        start: at,
        end: text.len() - end.len(),
        title,
    })
}

fn begins_with(text: &str, title: &str) -> bool {
    text.as_bytes()
        .get(..title.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(title.as_bytes()))
}
