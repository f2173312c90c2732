//! Labels of options in a text: which letter is one, and which is an article, a genus or a vitamin.

use super::choices::Choices;
use super::cursor::{is_one, skip_closers, skip_on_line, word};
use super::fold::is_unspaced;

/// Words that may follow a bare letter that is an answer: "A because …", but not "A patient …".
const AFTER_LABEL: [&str; 37] = [
    "because", "since", "as", "and", "or", "for", "due", "which", "with", "but", "not", "rather",
    "is", "are", "was", "based", "given", "when", "while", "if", "in", "among", "over", "instead",
    "so", "by", "only", "would", "should", "nor", "it", "among", "where", "though", "has", "here",
    "from",
];

/// A label at `at`: its option, and where the label ends.
pub(super) fn label_at(choices: &Choices, text: &str, at: usize) -> Option<(usize, usize)> {
    let (option, end) = bare_label_at(choices, text, at)?;
    is_label(choices, text, at, option, end).then_some((option, end))
}

/// A label within a list of labels, where less may follow: "B, C is wrong" names B.
pub(super) fn listed_label_at(choices: &Choices, text: &str, at: usize) -> Option<(usize, usize)> {
    let (option, end) = label_at(choices, text, at)?;
    let next = word(text, skip_closers(text, end));
    let goes_on = next.is_empty() || is_one(next, &["and", "or", "are", "because", "since"]);
    let own = |at: usize| {
        choices
            .own_text_at(text, skip_separator(text, at), option)
            .is_some()
    };
    (goes_on || own(end) || next.starts_with(is_unspaced)).then_some((option, end))
}

fn bare_label_at(choices: &Choices, text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text.as_bytes()[at..];
    let longest = choices.longest_label();
    let length = rest
        .iter()
        .take(longest + 1)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let mut before = text[..at].chars().rev();
    let is_within = match (before.next(), before.next()) {
        (Some('-' | '–'), Some(other)) => other.is_ascii_alphanumeric(),
        (Some(before), _) => before.is_ascii_alphanumeric(),
        _ => false,
    };
    if length == 0 || length > longest || is_within {
        return None;
    }
    let option = choices.by_label(&text[at..at + length])?;
    Some((option, at + length))
}

fn is_label(choices: &Choices, text: &str, at: usize, option: usize, end: usize) -> bool {
    let rest = &text[end..];
    let mut next = rest.chars();
    let (first, second) = (next.next(), next.next());
    match first {
        Some('\'' | '’') => !second.is_some_and(char::is_alphabetic),
        Some('-' | '+' | '/') => {
            !second.is_some_and(|next| next.is_ascii_lowercase() || next.is_ascii_digit())
        }
        Some('–' | '—') => {
            second.is_none_or(|next| choices.by_label(next.encode_utf8(&mut [0; 4])).is_none())
        }
        Some('.') if second.is_some_and(|next| next.is_ascii_alphanumeric()) => {
            choices.own_text_at(text, end + 1, option).is_some()
        }
        Some('.') if second == Some(' ') => !is_genus(choices, text, end, option),
        Some(' ') => goes_with_words(choices, text, at, option, end),
        _ => true,
    }
}

/// `E. coli`: a capital, a point and a word in lower case that is not the option's text.
fn is_genus(choices: &Choices, text: &str, end: usize, option: usize) -> bool {
    let at = skip_on_line(text, end + 1);
    let next = word(text, at);
    let is_lower = next
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    is_lower
        && next.len() > 1
        && !is_one(next, &AFTER_LABEL)
        && choices.own_text_at(text, at, option).is_none()
}

fn goes_with_words(choices: &Choices, text: &str, at: usize, option: usize, end: usize) -> bool {
    let next_at = skip_on_line(text, end);
    let next = word(text, next_at);
    let label = &text[at..end];
    let is_word = matches!(label, "A" | "a" | "I" | "i");
    let is_bracketed = text[end..next_at].contains(['(', '[', '-', '–', '*']);
    if is_word && text[next_at..].starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    if next.is_empty() || is_bracketed || choices.own_text_at(text, next_at, option).is_some() {
        return true;
    }
    let is_capital = label.starts_with(|first: char| first.is_ascii_uppercase());
    let is_next_capital = next.starts_with(|first: char| first.is_ascii_uppercase());
    is_one(next, &AFTER_LABEL) && !(label == "a" && next == "is")
        || next.starts_with(is_unspaced)
        || is_capital && !is_word && is_next_capital
}

/// Behind the mark between a label and its text.
pub(super) fn skip_separator(text: &str, at: usize) -> usize {
    let at = skip_closers(text, at);
    let rest = &text[at..];
    let mark = rest.trim_start_matches([
        '.', ':', ')', '-', '–', '—', '：', '．', '、', '=', ',', ';',
    ]);
    skip_on_line(text, text.len() - mark.len())
}

/// Where an option's answer ends that began with its label; where the text beside the label is another option's, the end of
/// that as an error.
pub(super) fn end_of_labelled(
    choices: &Choices,
    text: &str,
    option: usize,
    end: usize,
) -> Result<usize, usize> {
    let at = skip_separator(text, end);
    let article = article(text, at);
    for start in [skip_closers(text, end), at, at + article] {
        if let Some(end) = choices.own_text_at(text, start, option) {
            return Ok(end);
        }
    }
    let other = choices
        .text_at(text, at + article)
        .filter(|(found, _)| found & (1 << option) == 0);
    match other {
        Some((_, other_end)) if is_its_text(text, end, other_end) => Err(other_end),
        _ => Ok(end),
    }
}

fn article(text: &str, at: usize) -> usize {
    let next = word(text, at);
    if is_one(next, &["the", "a", "an", "both"]) {
        skip_on_line(text, at + next.len()) - at
    } else {
        0
    }
}

/// Whether what stands behind a label means to be its text: "C) Ampicillin", "C. Ampicillin" at the end of a line; but not
/// "C. Ampicillin fails".
fn is_its_text(text: &str, label_end: usize, text_end: usize) -> bool {
    let mark = text[skip_closers(text, label_end)..].chars().next();
    let opened =
        text[label_end..].trim_start().starts_with('(') && text[text_end..].starts_with(')');
    let closed = text[label_end..text_end].starts_with(')') || mark == Some(':');
    let rest = text[text_end..]
        .trim_start_matches([' ', '.', ',', ')', '*', '"', '}', '$', '_', '”', '\\']);
    let ends = rest.is_empty() || rest.starts_with(['\n', '<', '。']);
    mark != Some(';') && mark != Some('\n') && (opened || closed || ends)
}
