//! Answers without any marker: a line that is an option, the first word of a reply, one option named in a conclusion.

use super::choices::{Choices, Set, set};
use super::cursor::{is_one, sentence_end, skip_closers, skip_on_line, word};
use super::extracted::Convention;
use super::fold::folded;
use super::labels::label_at;
use super::mentions::{is_telling, labelled, positive};
use super::options::{Reading, read_list};
use super::verdicts::concludes;

/// "Yes, there is": a reply begins with its answer.
pub(super) fn yes_or_no(choices: &Choices, text: &str) -> Option<Reading> {
    first_word(choices, text).or_else(|| last_word(choices, text))
}

fn first_word(choices: &Choices, text: &str) -> Option<Reading> {
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

/// "It is on the right. Yes."
fn last_word(choices: &Choices, text: &str) -> Option<Reading> {
    if !choices.is_yes_no() {
        return None;
    }
    option_line(choices, last_sentence(text))
}

/// "A, because …", "Therefore, E.": a label that begins the text or ends it as its conclusion.
pub(super) fn leading(choices: &Choices, text: &str) -> Option<Reading> {
    let first = &text[..text.find('\n').unwrap_or(text.len())];
    let begins_list = text
        .split('\n')
        .skip(1)
        .any(|line| begins_with_label(choices, line));
    let leads = if begins_list {
        None
    } else {
        label_before_reasons(choices, first, 0)
    };
    leads.or_else(|| {
        let last = last_sentence(text);
        label_before_reasons(choices, last, behind_conclusion(last)?)
    })
}

fn begins_with_label(choices: &Choices, line: &str) -> bool {
    label_at(choices, line, skip_on_line(line, 0)).is_some()
}

/// Behind the "therefore" or the arrow that begins a sentence.
fn behind_conclusion(sentence: &str) -> Option<usize> {
    let at = skip_on_line(sentence, 0);
    let rest = &sentence[at..];
    let name = word(sentence, at);
    let length = if is_one(
        name,
        &["therefore", "thus", "hence", "so", "conclusion", "ergo"],
    ) {
        name.len()
    } else {
        ["=>", "⇒", "∴"]
            .iter()
            .find(|mark| rest.starts_with(*mark))
            .map_or(0, |mark| mark.len())
    };
    let behind = rest[length..].trim_start_matches([',', ':', ' ']);
    (length > 0).then(|| sentence.len() - behind.len())
}

fn label_before_reasons(choices: &Choices, text: &str, at: usize) -> Option<Reading> {
    let at = skip_on_line(text, at);
    let (_, label_end) = label_at(choices, text, at)?;
    let read = read_list(choices, text, at)?;
    let rest = &text[skip_closers(text, read.end)..];
    let next = word(rest, 0);
    let is_marked = rest.is_empty() || rest.starts_with(['.', ',', ';', '!', '\n', '—', '–']);
    let is_bare = read.end == label_end || read.reading == Reading::Ambiguous;
    let reasons = is_one(next, &["because", "since", "as", "due", "given"]);
    ((is_marked || reasons) && (is_bare || rest.len() < 2)).then_some(read.reading)
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
        let (mut lines, mut differ, mut is_all) = (Self::default(), false, true);
        let text = text.trim();
        for line in text.split('\n') {
            let Some(reading) = option_line(choices, line) else {
                is_all &= line.trim().is_empty();
                continue;
            };
            let is_first = line.as_ptr() == text.as_ptr();
            let is_last =
                line.as_ptr() as usize + line.len() == text.as_ptr() as usize + text.len();
            lines.is_at_edge |= is_first || is_last;
            differ |= lines.agreed.is_some_and(|known| known != reading);
            lines.agreed = Some(reading);
        }
        if differ {
            Self {
                agreed: is_all.then_some(Reading::Ambiguous),
                is_at_edge: is_all,
            }
        } else {
            lines
        }
    }
}

/// Behind the number of "1. E".
fn behind_number(line: &str) -> usize {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &line[digits..];
    if (1..=2).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") ")) {
        digits + 2
    } else {
        0
    }
}

fn option_line(choices: &Choices, line: &str) -> Option<Reading> {
    if line.len() > MAX_LINE {
        return None;
    }
    let at = skip_on_line(line, behind_number(line));
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

/// A reply of so many bytes says nothing but its answer.
const SHORT: usize = 160;

/// The one option that a short reply, or the conclusion of a longer one, names.
///
/// A longer reply without a concluding word gives an answer only where its first or last sentence is about one option, as
/// its subject or as what it ends with, and no other is named: an option in passing is none. Nor is one where another option
/// is too short to be found: who knows whether that was named.
pub(super) fn mention(choices: &Choices, text: &str) -> Option<Reading> {
    let named = positive(choices, text);
    let are_telling = choices.texts().iter().all(|text| is_telling(text));
    match named.count_ones() {
        0 => None,
        _ if !are_telling && named != labelled(choices, text) => Some(Reading::Ambiguous),
        1 if text.len() <= SHORT && (is_hedged(text) || denies_all(choices, text)) => {
            Some(Reading::Ambiguous)
        }
        1 if text.len() <= SHORT || is_at_edge(choices, text, named) => {
            Some(Reading::Options(named))
        }
        _ => Some(concluded(choices, text)),
    }
}

/// Whether a short text only considers what it names.
fn is_hedged(text: &str) -> bool {
    let hedges = [
        "might", "could", "may", "consider", "if", "perhaps", "possibly", "some", "whether",
    ];
    text.split(|letter: char| !letter.is_ascii_alphabetic())
        .any(|word| is_one(word, &hedges))
}

/// "No correct answer, but nitrofurantoin comes closest": what is named then is not said to be right.
fn denies_all(choices: &Choices, text: &str) -> bool {
    let denials = [
        "no correct answer",
        "no correct option",
        "no correct choice",
        "no right answer",
        "no right option",
        "no good answer",
        "no answer is",
        "no option is",
        "none of the options",
        "none of the answers",
        "none of the choices",
        "none of these",
    ];
    let text = text.to_ascii_lowercase();
    choices.none().is_none() && denials.iter().any(|denial| text.contains(denial))
}

fn is_at_edge(choices: &Choices, text: &str, named: Set) -> bool {
    let first = &text[..sentence_end(text, 0)];
    [first, last_sentence(text)].into_iter().any(|sentence| {
        positive(choices, sentence) == named
            && is_about(choices, sentence, named.trailing_zeros() as usize)
    })
}

/// Whether a sentence begins with an option, or says of something that it is the option.
fn is_about(choices: &Choices, sentence: &str, option: usize) -> bool {
    let text = choices.text(option);
    let sentence = folded(sentence);
    if sentence.starts_with(text) {
        return true;
    }
    let before = sentence.trim_end().strip_suffix(text).unwrap_or("");
    let mut words = before.split_whitespace().rev().take(MAX_BETWEEN);
    words.any(|word| matches!(word, "is" | "be" | "are" | "as" | "has" | "called"))
}

/// Words between "is" and the option: "is typically the".
const MAX_BETWEEN: usize = 4;

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
        if concludes(text, at) {
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
