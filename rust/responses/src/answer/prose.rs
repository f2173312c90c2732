//! Answers without any marker: a line that is an option, the first word of a reply, one option named in a conclusion.

use super::choices::{Choices, Set, set};
use super::cursor::{is_one, sentence_end, skip_closers, skip_on_line, word};
use super::extracted::Convention;
use super::mentions::positive;
use super::value::{Reading, read_list};
use super::verdicts::is_conclusion;

/// "Yes, there is": a reply begins with its answer.
pub(super) fn first_word(choices: &Choices, text: &str) -> Option<Reading> {
    if !choices.is_yes_no() {
        return None;
    }
    let at = skip_on_line(text, 0);
    let read = read_list(choices, text, at)?;
    let rest = text[skip_closers(text, read.end)..].trim_start_matches(' ');
    let is_marked = rest.is_empty()
        || rest.starts_with([',', '.', ';', ':', '!', '\n', '-', '–', '—', '，', '。']);
    let is_yes = word(text, at).eq_ignore_ascii_case("yes");
    (is_marked || is_yes).then_some(read.reading)
}

/// Lines that are an option and nothing else.
#[derive(Default)]
pub(super) struct Lines {
    /// The reading of each such line, if they agree.
    pub(super) agreed: Option<Reading>,
    /// Whether one of them is the first or the last line.
    pub(super) is_at_edge: bool,
}

/// Longer lines are prose.
const MAX_LINE: usize = 400;

impl Lines {
    pub(super) fn of(choices: &Choices, text: &str) -> Self {
        let (mut lines, mut differ) = (Self::default(), false);
        let text = text.trim();
        for line in text.split('\n') {
            let Some(reading) = option_line(choices, line) else {
                continue;
            };
            let is_first = line.as_ptr() == text.as_ptr();
            let is_last =
                line.as_ptr() as usize + line.len() == text.as_ptr() as usize + text.len();
            lines.is_at_edge |= is_first || is_last;
            differ |= lines.agreed.is_some_and(|known| known != reading);
            lines.agreed = Some(reading);
        }
        if differ { Self::default() } else { lines }
    }
}

fn option_line(choices: &Choices, line: &str) -> Option<Reading> {
    if line.len() > MAX_LINE {
        return None;
    }
    let at = skip_on_line(line, 0);
    let name = word(line, at);
    let is_name = is_one(name, &["option", "choice", "class", "diagnosis", "the"]) || name == "选";
    let named = skip_on_line(line, at + name.len());
    let named = skip_on_line(
        line,
        line.len() - line[named..].trim_start_matches([':', ' ']).len(),
    );
    let read = read_list(choices, line, at)
        .or_else(|| is_name.then(|| read_list(choices, line, named))?)?;
    is_rest_of_line(line, read.end).then_some(read.reading)
}

/// Nothing follows, or an abbreviation in brackets.
fn is_rest_of_line(line: &str, end: usize) -> bool {
    let rest = line[skip_closers(line, end)..].trim_end();
    let is_bracketed = rest.starts_with('(')
        && rest.trim_end_matches(['*', '.']).ends_with(')')
        && rest.len() < 40;
    is_bracketed
        || rest
            .chars()
            .all(|mark| !mark.is_alphanumeric() && !matches!(mark, '❌' | '✗' | '✘' | '?'))
}

/// Shorter texts conclude wherever they name an option.
const SHORT: usize = 300;

/// The one option that the text, or its conclusion, names.
pub(super) fn mention(choices: &Choices, text: &str) -> Option<Reading> {
    let named = positive(choices, text);
    match named.count_ones() {
        0 => None,
        1 if text.len() <= SHORT || is_named_at_edge(choices, text, named) => {
            Some(Reading::Options(named))
        }
        1 => Some(Reading::Ambiguous),
        _ => Some(concluded(choices, text)),
    }
}

fn is_named_at_edge(choices: &Choices, text: &str, named: Set) -> bool {
    let first = &text[..sentence_end(text, 0)];
    let last = last_sentence(text);
    positive(choices, first) == named || positive(choices, last) == named
}

fn last_sentence(text: &str) -> &str {
    let text = text.trim_end();
    let end = text.trim_end_matches(['.', '!', '*', '。']).len();
    &text[super::cursor::sentence_start(text, end, 600)..]
}

/// Sentences that begin as conclusions: what the last of them names.
fn concluded(choices: &Choices, text: &str) -> Reading {
    let (mut at, mut last) = (0, 0);
    while at < text.len() {
        let end = sentence_end(text, at);
        if end < text.trim_end().len() && is_conclusion(text, at) || is_conclusion_by_word(text, at)
        {
            let found = positive(choices, &text[at..end]);
            last = if found == 0 { last } else { found };
        }
        at = next_sentence(text, end);
    }
    if last.count_ones() == 1 {
        Reading::Options(last)
    } else {
        Reading::Ambiguous
    }
}

fn is_conclusion_by_word(text: &str, at: usize) -> bool {
    let padded = &text[..sentence_end(text, at)];
    is_conclusion(padded, at) && {
        let first = word(text, skip_on_line(text, at));
        is_one(
            first,
            &[
                "therefore",
                "thus",
                "hence",
                "so",
                "overall",
                "consequently",
                "finally",
                "ultimately",
                "in",
            ],
        )
    }
}

fn next_sentence(text: &str, end: usize) -> usize {
    let rest = &text[end..];
    let step = rest
        .chars()
        .next()
        .filter(|mark| matches!(mark, '\n' | '。'))
        .map_or(0, char::len_utf8);
    let next = end + step;
    next + text[next..].len() - text[next..].trim_start_matches(' ').len()
}

/// What a convention without markers found: the convention too.
pub(super) fn conventions(
    reading: Option<Reading>,
    convention: Convention,
) -> Option<(Reading, Convention)> {
    reading.map(|reading| (reading, convention))
}

/// Yes and no at once is no answer.
pub(super) fn settled(choices: &Choices, reading: Reading) -> Reading {
    match reading {
        Reading::Options(found) if choices.is_yes_no() && found.count_ones() > 1 => {
            Reading::Ambiguous
        }
        Reading::Options(0) => Reading::Ambiguous,
        _ => reading,
    }
}

/// Places of a set, in their order.
pub(super) fn places(found: Set) -> Vec<usize> {
    (0..64)
        .filter(|place| found & set(std::iter::once(*place)) != 0)
        .collect()
}
