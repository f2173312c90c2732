//! Options at a place: a label, a text, both, or several of them.

use super::choices::{Choices, Set};
use super::cursor::{is_one, skip_closers, skip_on_line, starts_ignoring_case, word};
use super::labels::{end_of_labelled, label_at, listed_label_at, skip_separator};

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// These options.
    Options(Set),
    /// Options, and it cannot be told which.
    Ambiguous,
}

/// A reading, and where it ends in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) reading: Reading,
    pub(super) end: usize,
}

/// One option, or several joined by "and", a comma or "or".
pub(super) fn read_list(choices: &Choices, text: &str, at: usize) -> Option<Read> {
    let first = read_one(choices, text, at).or_else(|| read_run(choices, text, at))?;
    let (mut found, mut is_new_clause) = (first, false);
    while let Some((joint, next)) = joint_at(text, found.end) {
        let Some(second) = read_next(choices, text, next, joint) else {
            if joint == Joint::And && is_other_letter(choices, text, next) {
                return None;
            }
            if joint == Joint::Or {
                found.reading = Reading::Ambiguous;
            }
            break;
        };
        is_new_clause |= found == first && joint == Joint::Comma;
        found = joined(found, second, joint);
    }
    let next = word(text, skip_closers(text, found.end));
    if is_new_clause && is_one(next, &["is", "are", "were", "can", "do", "would"]) {
        found = first;
    }
    if let Reading::Options(options) = found.reading {
        found.reading = Reading::Options(choices.combined(options));
    }
    Some(found)
}

/// "statements a and e": letters of which one is no option name no options.
fn is_other_letter(choices: &Choices, text: &str, at: usize) -> bool {
    let letter = word(text, at);
    let is_alone =
        !text[at + letter.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '.');
    letter.len() == 1
        && is_alone
        && choices.by_label(letter).is_none()
        && !matches!(letter, "a" | "I")
}

/// `\text{ or }`: the command before a word.
fn skip_on_line_commands(text: &str, at: usize) -> usize {
    if text[at..].starts_with('\\') {
        skip_on_line(text, at)
    } else {
        at
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Comma,
    Or,
}

fn joined(one: Read, other: Read, joint: Joint) -> Read {
    let reading = match (one.reading, other.reading) {
        (Reading::Options(first), Reading::Options(second))
            if joint != Joint::Or || first == second =>
        {
            Reading::Options(first | second)
        }
        _ => Reading::Ambiguous,
    };
    Read {
        reading,
        end: other.end,
    }
}

fn joint_at(text: &str, end: usize) -> Option<(Joint, usize)> {
    let at = skip_on_line_commands(text, skip_closers(text, end));
    let rest = &text[at..];
    let joints = [
        (", and ", Joint::And),
        (", or ", Joint::Or),
        ("and ", Joint::And),
        ("or ", Joint::Or),
        ("or, ", Joint::Or),
        ("and/or ", Joint::Or),
        ("&", Joint::And),
        ("+", Joint::And),
        ("/", Joint::Or),
        (",", Joint::Comma),
        (";", Joint::Comma),
        ("、", Joint::And),
        ("，", Joint::Comma),
        ("和", Joint::And),
        ("与", Joint::And),
        ("及", Joint::And),
        ("或", Joint::Or),
    ];
    let (name, joint) = joints
        .iter()
        .find(|(name, _)| starts_ignoring_case(rest, name) || rest.starts_with(name))?;
    let next = skip_on_line(text, skip_closers(text, at + name.len()));
    let article = word(text, next);
    let skips = is_one(
        article,
        &[
            "option", "options", "the", "choice", "either", "possibly", "perhaps", "maybe", "even",
            "both",
        ],
    );
    Some((
        *joint,
        if skips {
            skip_on_line(text, next + article.len())
        } else {
            next
        },
    ))
}

/// A further member of a list; a text alone only behind "and" or "or", and only where it is not the subject of what follows.
fn read_next(choices: &Choices, text: &str, at: usize, joint: Joint) -> Option<Read> {
    if let Some((option, end)) = listed_label_at(choices, text, at) {
        return Some(read_label(choices, text, option, end));
    }
    let (found, end) = choices.text_at(text, at)?;
    let next = word(text, skip_closers(text, end));
    let is_subject = is_one(
        next,
        &[
            "is", "are", "would", "can", "could", "may", "has", "was", "does",
        ],
    );
    (joint != Joint::Comma && !is_subject && found.count_ones() == 1).then(|| options(found, end))
}

fn options(found: Set, end: usize) -> Read {
    Read {
        reading: Reading::Options(found),
        end,
    }
}

/// One option: by its text where that says more than its label.
fn read_one(choices: &Choices, text: &str, at: usize) -> Option<Read> {
    let by_text = choices.text_at(text, at);
    let by_label = label_at(choices, text, at);
    match (by_text, by_label) {
        (None, None) => read_none(choices, text, at),
        (Some((found, end)), None) => Some(read_text(choices, text, found, end)),
        (None, Some((option, end))) => Some(read_label(choices, text, option, end)),
        (Some((found, text_end)), Some((option, end))) => {
            let labelled = end_of_labelled(choices, text, option, end);
            let is_whole = labelled.is_ok_and(|labelled| labelled > end.max(text_end));
            if is_whole {
                Some(read_label(choices, text, option, end))
            } else if text_end > end {
                Some(read_text(choices, text, found, text_end))
            } else if found == 1 << option {
                Some(read_label(choices, text, option, end))
            } else if is_named(text, at) {
                Some(options(1 << option, end))
            } else {
                Some(Read {
                    reading: Reading::Ambiguous,
                    end,
                })
            }
        }
    }
}

/// "Option B": a letter that cannot be a text.
fn is_named(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', '(', '*']);
    ["option", "choice", "Option", "Choice", "选项"]
        .iter()
        .any(|name| before.ends_with(name))
}

fn read_label(choices: &Choices, text: &str, option: usize, end: usize) -> Read {
    match end_of_labelled(choices, text, option, end) {
        Ok(end) => options(1 << option, end),
        Err(end) => Read {
            reading: Reading::Ambiguous,
            end,
        },
    }
}

/// A text, which a label in brackets behind it may contradict.
fn read_text(choices: &Choices, text: &str, found: Set, end: usize) -> Read {
    let behind = label_behind(choices, text, end);
    let reading = match behind {
        Some((option, _)) if found & (1 << option) != 0 => Reading::Options(1 << option),
        None if found.count_ones() == 1 => Reading::Options(found),
        _ => Reading::Ambiguous,
    };
    let end = behind.map_or(end, |(_, label_end)| label_end);
    Read { reading, end }
}

/// The label of `nitrofurantoin (option E)`.
fn label_behind(choices: &Choices, text: &str, end: usize) -> Option<(usize, usize)> {
    let at = skip_closers(text, end);
    let rest = text[at..]
        .strip_prefix('(')
        .or_else(|| text[at..].strip_prefix('（'))?;
    let at = text.len() - rest.len();
    let name = word(text, at);
    let at = if is_one(name, &["option", "choice", "answer"]) {
        skip_on_line(text, at + name.len())
    } else {
        at
    };
    let (option, end) = label_at(choices, text, at)?;
    text[end..]
        .starts_with([')', '）', ':', '.'])
        .then_some((option, end))
}

/// "none of them" where one option says so.
fn read_none(choices: &Choices, text: &str, at: usize) -> Option<Read> {
    let names = [
        ("none of", choices.none()),
        ("all of the", choices.all()),
        ("all the", choices.all()),
    ];
    let (name, option) = names
        .iter()
        .find(|(name, _)| starts_ignoring_case(&text[at..], name))?;
    Some(options(1 << (*option)?, at + name.len()))
}

/// `AC`: labels in their order without anything between.
fn read_run(choices: &Choices, text: &str, at: usize) -> Option<Read> {
    let run = word(text, at);
    let is_within = text[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
    if is_within
        || run.len() < 2
        || choices.longest_label() != 1
        || !run.bytes().all(|byte| byte.is_ascii_uppercase())
    {
        return None;
    }
    let mut found: Set = 0;
    for place in 0..run.len() {
        let option = choices.by_label(&run[place..=place])?;
        if found >> option != 0 {
            return None;
        }
        found |= 1 << option;
    }
    let end = at + run.len();
    let next = word(text, skip_separator(text, end));
    (next.is_empty() || text[end..].starts_with(['.', '*', ')', '}', '<', '\n']))
        .then(|| options(found, end))
}
