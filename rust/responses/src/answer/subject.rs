//! Sentences that state an answer before a marker: "C is the answer", "which makes C the best choice".

use super::choices::{Choices, Set};
use super::cursor::{is_one, sentence_start, skip_markup, word};
use super::fold::folded;
use super::labels::label_at;
use super::mentions;
use super::options::Reading;

/// Bytes looked at before a marker.
const MAX_BEFORE: usize = 300;

/// Words between the subject and the marker in "E is clearly the most appropriate answer".
const ADJECTIVES: [&str; 36] = [
    "the",
    "a",
    "an",
    "most",
    "best",
    "correct",
    "right",
    "likely",
    "appropriate",
    "final",
    "clear",
    "only",
    "single",
    "overall",
    "my",
    "our",
    "probable",
    "suitable",
    "true",
    "definitely",
    "clearly",
    "therefore",
    "thus",
    "also",
    "indeed",
    "next",
    "preferred",
    "better",
    "consistent",
    "therapeutic",
    "first",
    "line",
    "accurate",
    "safest",
    "ideal",
    "treatment",
];

/// The answer that is the subject of what stands at `start`: "E is the correct …".
pub(super) fn read_backward(
    choices: &Choices,
    text: &str,
    start: usize,
    end: usize,
) -> Option<Reading> {
    let from = sentence_start(text, start, MAX_BEFORE);
    let subject = subject(&text[from..start], &text[end..])?;
    let aside = subject.rfind(", not ").unwrap_or(subject.len());
    subject_option(choices, &subject[..aside])
}

/// Verbs behind "best": "B best explains …".
const FITS: [&str; 6] = [
    "explains",
    "fits",
    "describes",
    "matches",
    "accounts",
    "represents",
];
const COPULAS: [&str; 8] = [
    "is", "are", "remains", "'s", "seems", "appears", "looks", "fits",
];

/// What stands before the "is" of a sentence whose predicate begins behind `before`.
fn subject<'a>(before: &'a str, after: &str) -> Option<&'a str> {
    let mut rest = before;
    let next = word(after, after.len() - after.trim_start().len());
    if is_one(next, &["only", "if", "when", "unless"]) {
        return None;
    }
    if is_one(next, &FITS) {
        return Some(before);
    }
    loop {
        rest = rest.trim_end_matches([' ', '*', '_', '"', '-', '(', '“']);
        if let Some(subject) = rest.strip_suffix([':', '—', '–', '：']) {
            return Some(subject);
        }
        let last = last_word(rest);
        let next = &rest[..rest.len() - last.len()];
        if is_one(last, &COPULAS) {
            return Some(next);
        }
        match last {
            "as" => return taken_subject(next),
            "be" => return conditional_subject(next, after),
            _ if !is_one(last, &ADJECTIVES) => return made_subject(rest),
            _ => rest = next,
        }
    }
}

/// "leaves X as the answer", "I choose X as the answer"; but not "textbooks give X as the answer".
fn taken_subject(before: &str) -> Option<&str> {
    let verbs = [
        "leaves", "leaving", "leave", "choose", "select", "pick", "with", "chose", "selected",
    ];
    let is_taken = before
        .split_whitespace()
        .rev()
        .take(12)
        .any(|word| is_one(word, &verbs));
    is_taken.then_some(before)
}

/// "X would be the best", but not "X would be the best for …" or "could be".
fn conditional_subject<'a>(before: &'a str, after: &str) -> Option<&'a str> {
    let before = before.trim_end();
    let verb = last_word(before);
    let seeming = before[..before.len() - verb.len()].trim_end();
    if is_one(verb, &["to"]) && is_one(last_word(seeming), &["seems", "appears"]) {
        return Some(&seeming[..seeming.len() - last_word(seeming).len()]);
    }
    let is_for = ["for", "if", "only", "when"]
        .contains(&word(after, after.len() - after.trim_start().len()));
    let first = word(before, skip_markup(before, 0));
    let is_for = is_for || is_one(first, &["if", "had", "were", "unless"]);
    let is_meant = is_one(verb, &["would"]) && !is_for || is_one(verb, &["should", "must", "will"]);
    is_meant.then(|| &before[..before.len() - verb.len()])
}

/// "which makes X the best", "making X the correct".
fn made_subject(before: &str) -> Option<&str> {
    let makers = ["making ", "makes ", "leaving ", "leaves ", "make "];
    let place = makers
        .iter()
        .filter_map(|maker| before.rfind(maker).map(|at| at + maker.len()))
        .max()?;
    Some(&before[place..])
}

fn last_word(text: &str) -> &str {
    let letters = text
        .bytes()
        .rev()
        .take_while(|byte| byte.is_ascii_alphabetic() || *byte == b'\'')
        .count();
    &text[text.len() - letters..]
}

/// The options that a subject names at its end: a text, a label, or either in brackets.
fn subject_option(choices: &Choices, subject: &str) -> Option<Reading> {
    let subject = subject.trim_end_matches([' ', '*', '_', '"', '”', '`', ',', '\'']);
    if let Some((outside, inside)) = bracketed(subject) {
        return label_in_brackets(choices, inside)
            .or_else(|| ending_text(choices, inside))
            .or_else(|| subject_option(choices, outside))
            .map(|reading| contradiction(choices, outside, reading));
    }
    let labels = ending_labels(choices, subject);
    ending_text(choices, subject)
        .or(labels)
        .or_else(|| only_mention(choices, subject))
}

/// "Ampicillin (E)": the label's text is another one.
fn contradiction(choices: &Choices, outside: &str, reading: Reading) -> Reading {
    match ending_text(choices, outside) {
        Some(named) if named != reading => Reading::Ambiguous,
        _ => reading,
    }
}

fn bracketed(subject: &str) -> Option<(&str, &str)> {
    let inside = subject.strip_suffix(')')?;
    let open = inside.rfind('(')?;
    Some((&subject[..open], &inside[open + 1..]))
}

fn label_in_brackets(choices: &Choices, inside: &str) -> Option<Reading> {
    let name = word(inside, 0);
    let at = if is_one(name, &["option", "choice"]) {
        skip_markup(inside, name.len())
    } else {
        0
    };
    let (option, end) = label_at(choices, inside, at)?;
    (end == inside.len()).then_some(Reading::Options(1 << option))
}

/// The option whose text ends the subject; the longest.
fn ending_text(choices: &Choices, subject: &str) -> Option<Reading> {
    let subject = folded(subject);
    let ends = |text: &str| {
        let before = subject.strip_suffix(text);
        !text.is_empty() && before.is_some_and(|before| before.is_empty() || before.ends_with(' '))
    };
    let longest = choices
        .texts()
        .iter()
        .filter(|text| ends(text))
        .max_by_key(|text| text.len())?;
    let found = choices.by_text(longest);
    let before = subject[..subject.len() - longest.len()].trim_end();
    let is_short = longest.len() < 3 && (longest.len() < 2 || !before.is_empty());
    if is_short
        || found.count_ones() != 1
        || is_one(last_word(before), &["not", "than", "nor", "no", "of"])
    {
        return None;
    }
    if is_one(last_word(before), &["and", "or"]) {
        return match ending_text(choices, &before[..before.len() - last_word(before).len()]) {
            Some(Reading::Options(other)) if before.ends_with("and") => {
                Some(Reading::Options(choices.combined(other | found)))
            }
            Some(_) => Some(Reading::Ambiguous),
            None => Some(Reading::Options(found)),
        };
    }
    Some(Reading::Options(found))
}

/// Words before a letter that make it no label.
const KINDS: [&str; 14] = [
    "vitamin",
    "hepatitis",
    "type",
    "group",
    "class",
    "grade",
    "stage",
    "factor",
    "protein",
    "influenza",
    "than",
    "not",
    "phase",
    "of",
];

/// `C` of "options A and C": all labels that end the subject.
fn ending_labels(choices: &Choices, subject: &str) -> Option<Reading> {
    let (mut rest, mut found, mut is_or, mut is_list): (&str, Set, bool, bool) =
        (subject, 0, false, false);
    loop {
        rest = rest.trim_end_matches([' ', '*', '_', '"', ')', '(', '`', '[', ']']);
        let letters = rest
            .bytes()
            .rev()
            .take_while(u8::is_ascii_alphanumeric)
            .count();
        let label = &rest[rest.len() - letters..];
        let before =
            rest[..rest.len() - letters].trim_end_matches([' ', '*', '(', '_', '"', '`', '[']);
        let Some(option) = choices.by_label(label) else {
            break;
        };
        let texts = choices.by_text(&label.to_ascii_lowercase());
        if texts != 0 && texts != 1 << option && !is_one(last_word(before), &["option", "choice"]) {
            return Some(Reading::Ambiguous);
        }
        let is_article = matches!(label, "a" | "i");
        if is_one(last_word(before), &KINDS)
            || is_article
            || rest[..rest.len() - letters].ends_with('-')
        {
            break;
        }
        found |= 1 << option;
        let joint = last_word(before);
        is_or |= is_one(joint, &["or"]);
        let joins = is_one(joint, &["and", "or"])
            || before.ends_with(['&', '/'])
            || is_list && before.ends_with(',');
        is_list = true;
        if !joins {
            break;
        }
        let joint = if joint.is_empty() { 1 } else { joint.len() };
        rest = before[..before.len() - joint].trim_end_matches([' ', ',']);
    }
    match found {
        0 => None,
        _ if is_or => Some(Reading::Ambiguous),
        _ => Some(Reading::Options(choices.combined(found))),
    }
}

fn only_mention(choices: &Choices, subject: &str) -> Option<Reading> {
    let clause = subject.rsplit([',', ';', ':']).next()?;
    let found = mentions::positive(choices, clause);
    (found.count_ones() == 1).then_some(Reading::Options(found))
}
