//! Sentences that state an answer behind a marker: "the answer to this question is (C)".

use super::anchors::Anchor;
use super::choices::Choices;
use super::cursor::{is_one, sentence_end, sentence_start, skip_closers, skip_markup, word};
use super::options::{Read, read_list};
use super::value::read_value;

/// Words looked at between a marker and its "is".
const MAX_WORDS: usize = 16;
/// Bytes looked at before a marker.
const MAX_BEFORE: usize = 300;

const NEGATIONS: [&str; 13] = [
    "not",
    "cannot",
    "isn't",
    "can't",
    "never",
    "neither",
    "nor",
    "aren't",
    "wasn't",
    "wouldn't",
    "shouldn't",
    "n't",
    "isnt",
];
/// What answers are that are no answer: "the other answers are wrong: …".
const WRONG: [&str; 7] = [
    "wrong",
    "incorrect",
    "incorrectly",
    "inappropriate",
    "excluded",
    "eliminated",
    "unlikely",
];
const HEDGES: [&str; 4] = ["could", "might", "may", "can"];

/// What follows the marker: its answer, if it states one.
pub(super) fn read_forward(choices: &Choices, text: &str, anchor: Anchor) -> Option<Read> {
    let direct = read_direct(choices, text, anchor.end);
    let read = direct.or_else(|| read_behind_copula(choices, text, anchor.end))?;
    (!is_question(text, read.end)).then_some(read)
}

/// The same, but only behind an "is" or a colon: "option E" alone states nothing.
pub(super) fn read_statement(choices: &Choices, text: &str, anchor: Anchor) -> Option<Read> {
    let read = read_behind_copula(choices, text, anchor.end)?;
    (!is_question(text, read.end)).then_some(read)
}

/// "Answer E", and the heading "Answer" with the option on a line below.
fn read_direct(choices: &Choices, text: &str, end: usize) -> Option<Read> {
    let at = skip_markup(text, skip_closers(text, end));
    let name = word(text, at);
    let at = if is_one(name, &["option", "choice"]) {
        skip_markup(text, at + name.len())
    } else {
        at
    };
    if at == end {
        return None;
    }
    let read = read_list(choices, text, at)?;
    let rest = text[skip_closers(text, read.end)..].trim_start_matches('.');
    let ends = rest.is_empty() || rest.starts_with('\n');
    let below = text[end..at].contains('\n') && is_heading(text, end);
    (ends || below || is_confirmed(rest)).then_some(read)
}

/// Whether the line of a marker is one that a list or an answer may follow.
fn is_heading(text: &str, end: usize) -> bool {
    let line = &text[text[..end].rfind('\n').map_or(0, |at| at + 1)..end];
    line.to_ascii_lowercase().ends_with("answer") || line.trim_start().starts_with(['#', '*'])
}

/// "… is correct", "… is the right one".
fn is_confirmed(rest: &str) -> bool {
    let rest = rest.trim_start();
    let confirmed = [
        "is correct",
        "is right",
        "is the correct",
        "is the best",
        "is the right",
    ];
    confirmed.iter().any(|words| rest.starts_with(words))
}

/// The answer behind the first "is", colon or the like that has one behind it.
fn read_behind_copula(choices: &Choices, text: &str, end: usize) -> Option<Read> {
    let limit = sentence_end(text, end);
    let (mut at, mut is_conditional, mut is_clause) = (end, false, false);
    for count in 0..MAX_WORDS {
        at = skip_between(text, at, limit);
        if at >= limit {
            break;
        }
        let mark = text[at..limit].chars().next()?;
        let is_hyphen =
            mark == '-' && text[..at].ends_with(|before: char| before.is_alphanumeric());
        if matches!(mark, ':' | '：' | '=' | '-' | '–' | '—' | '→') && !is_hyphen {
            at += mark.len_utf8();
            if let Some(read) = read_value(choices, text, at) {
                return is_meant(text, read, end, is_conditional).then_some(read);
            }
            continue;
        }
        let next = word(text, at);
        if count == 0 && is_one(next, &["choices", "options", "explanation", "sheet"]) {
            return None;
        }
        is_clause |= is_one(next, &["that", "which"]);
        if is_one(next, &WRONG) {
            return None;
        }
        if is_one(next, &NEGATIONS) && !is_clause || is_one(next, &HEDGES) {
            return None;
        }
        is_conditional |= is_one(next, &["would"]);
        at += if next.is_empty() {
            mark.len_utf8()
        } else {
            next.len()
        };
        if is_one(next, &["is", "are", "be", "was", "remains", "as"])
            && let Some(read) = read_value(choices, text, at)
        {
            let is_past = next == "was" && is_superseded(choices, text, read);
            let is_meant = is_meant(text, read, end, is_conditional) && !is_past;
            return is_meant.then_some(read);
        }
    }
    None
}

/// Words behind "now" among which an option may stand.
const MAX_BEHIND_NOW: usize = 4;

/// "The answer was E in 2010, but it is now A": what was the answer is not what is said to be it now.
fn is_superseded(choices: &Choices, text: &str, read: Read) -> bool {
    let rest = &text[read.end..sentence_end(text, read.end)];
    let now = rest.match_indices("now").find(|(at, now)| {
        let behind = rest[at + now.len()..].chars().next();
        !rest[..*at].ends_with(char::is_alphanumeric) && !behind.is_some_and(char::is_alphanumeric)
    });
    let Some((now, _)) = now else {
        return false;
    };
    let mut at = read.end + now + "now".len();
    for _ in 0..MAX_BEHIND_NOW {
        if let Some(other) = read_value(choices, text, at) {
            return other.reading != read.reading;
        }
        at = skip_between(text, at, text.len());
        at += word(text, at).len();
    }
    false
}

fn skip_between(text: &str, at: usize, limit: usize) -> usize {
    let passes = |character: char| {
        matches!(
            character,
            ' ' | '\t'
                | '*'
                | '_'
                | '"'
                | '\''
                | '('
                | ')'
                | ','
                | '`'
                | ']'
                | '}'
                | '$'
                | '”'
                | '“'
                | '’'
        )
    };
    // A word may be longer than all that is looked at.
    let rest = text[at.min(limit)..limit].trim_start_matches(passes);
    limit - rest.len()
}

/// "would be B if …" and "If …, it would be B" mean no answer.
fn is_meant(text: &str, read: Read, at: usize, is_conditional: bool) -> bool {
    if !is_conditional {
        return true;
    }
    let next = word(text, skip_closers(text, read.end));
    let sentence = &text[sentence_start(text, at, MAX_BEFORE)..at];
    let first = word(sentence, skip_markup(sentence, 0));
    !is_one(next, &["if", "for", "only"])
        && !is_one(first, &["if", "had", "were", "unless"])
        && !sentence.contains("If ")
}

fn is_question(text: &str, end: usize) -> bool {
    text[skip_closers(text, end)..].starts_with('?')
}
