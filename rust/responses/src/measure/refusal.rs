//! Whether a response as a whole is a refusal.
//!
//! It is where its answer begins with one, has at most 150 words, and nowhere gives an answer after all. A physician who says
//! in the middle of an answer what cannot be ruled out, or is sorry for a patient, refuses nothing.

use super::refusal_phrases::{
    ANSWERS, ENGLISH_APOLOGIES, ENGLISH_FILLERS, ENGLISH_INABILITIES, ENGLISH_PREFACES,
    ENGLISH_REFUSALS, ENGLISH_VERBS, LABELS, LANGUAGES, Language, NO_REFUSALS, PICTURE_VERBS,
    PICTURES, PRONOUNS, VERBS_AFTER_APOLOGY,
};
use crate::words::words;

/// A longer answer says something beyond that it will not answer.
const MOST_WORDS: usize = 150;

/// How far from the beginning the refusal itself may begin, in bytes.
const NEAR: usize = 140;

/// Whether `answer`, what follows the reasoning, is a refusal.
pub(super) fn is_refusal(answer: &str) -> bool {
    let mut memory = [0; HEAD];
    // Few answers begin like one; the others cost no more than their first words.
    begins_like_refusal(head(answer, &mut memory, OPENING))
        && begins_with_refusal(head(answer, &mut memory, HEAD))
        && words(answer).nth(MOST_WORDS).is_none()
        && !gives_answer(answer)
        && !quotes(answer)
}

/// The bytes of the beginning that are looked at.
const HEAD: usize = 480;

/// The bytes that the longest label and the longest opening are within.
const OPENING: usize = 80;

/// The beginning in lower case, with plain quotes and single spaces, without emphasis, labels and tags before it.
fn head<'m>(answer: &str, memory: &'m mut [u8; HEAD], most: usize) -> &'m str {
    let mut length = 0;
    let start = answer
        .trim_start_matches(|character: char| !character.is_alphanumeric() && character != '<');
    for character in start.chars() {
        let plain = match character {
            '\u{2018}' | '\u{2019}' | '\u{2bc}' | '`' | '\u{b4}' => '\'',
            '*' | '_' | '#' | '"' | '“' | '”' | '«' | '»' => continue,
            _ if character.is_whitespace() => ' ',
            _ => character,
        };
        if plain == ' ' && (length == 0 || memory[length - 1] == b' ') {
            continue;
        }
        if plain.is_ascii() {
            if length == most {
                break;
            }
            memory[length] = plain.to_ascii_lowercase() as u8;
            length += 1;
            continue;
        }
        for lower in plain.to_lowercase() {
            if length + lower.len_utf8() > most {
                return without_labels(text_of(memory, length));
            }
            length += lower.encode_utf8(&mut memory[length..]).len();
        }
    }
    without_labels(text_of(memory, length))
}

fn text_of(memory: &[u8; HEAD], length: usize) -> &str {
    std::str::from_utf8(&memory[..length]).unwrap_or_default()
}

fn without_labels(head: &str) -> &str {
    let mut rest = head;
    while let Some(shorter) = LABELS.iter().find_map(|label| rest.strip_prefix(label)) {
        rest = shorter.trim_start_matches([' ', ':', '.', '-', '\'']);
    }
    rest
}

fn begins_like_refusal(head: &str) -> bool {
    let bare = without_pronoun(head);
    let begins = |phrase: &&str| head.starts_with(*phrase) || bare.starts_with(*phrase);
    let english = [
        &ENGLISH_REFUSALS[..],
        &ENGLISH_APOLOGIES,
        &ENGLISH_PREFACES,
        &ENGLISH_INABILITIES,
    ];
    let others = LANGUAGES
        .iter()
        .flat_map(|language| [language.apologies, language.inabilities]);
    english
        .into_iter()
        .chain(others)
        .any(|phrases| phrases.iter().any(begins))
}

fn without_pronoun(head: &str) -> &str {
    PRONOUNS
        .iter()
        .find_map(|pronoun| head.strip_prefix(pronoun))
        .unwrap_or(head)
}

fn begins_with_refusal(head: &str) -> bool {
    is_english_refusal(head)
        || LANGUAGES
            .iter()
            .any(|language| is_refusal_in(head, language))
}

fn is_english_refusal(head: &str) -> bool {
    if ENGLISH_REFUSALS
        .iter()
        .any(|phrase| head.starts_with(phrase))
    {
        return true;
    }
    if let Some(rest) = after_any(head, &ENGLISH_APOLOGIES) {
        return inability_near(rest).is_some_and(|rest| is_refused(rest, true));
    }
    if let Some(rest) = after_any(head, &ENGLISH_PREFACES) {
        return inability_near(rest).is_some_and(|rest| is_refused(rest, false));
    }
    after_any(head, &ENGLISH_INABILITIES).is_some_and(|rest| is_refused(rest, false))
}

fn after_any<'a>(text: &'a str, phrases: &[&str]) -> Option<&'a str> {
    let after = phrases
        .iter()
        .filter_map(|phrase| text.strip_prefix(phrase));
    after
        .min_by_key(|rest| rest.len())
        .filter(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
}

/// What follows the first "I cannot" that begins near.
fn inability_near(rest: &str) -> Option<&str> {
    let near = prefix(rest, NEAR);
    let is_gap = |character: char| !character.is_alphanumeric() && character != '\'';
    let mut starts = near.match_indices(is_gap).map(|(at, gap)| at + gap.len());
    starts.find_map(|at| {
        let phrase = ENGLISH_REFUSALS
            .iter()
            .find(|phrase| rest[at..].starts_with(*phrase));
        phrase
            .map(|_| "help")
            .or_else(|| after_any(&rest[at..], &ENGLISH_INABILITIES))
    })
}

/// Whether what follows "I cannot" is the verb of a refusal, and not of a finding ("rule out").
fn is_refused(rest: &str, has_apology: bool) -> bool {
    let mut rest = rest.trim_start_matches([' ', ',']);
    while let Some(shorter) = after_any(rest, &ENGLISH_FILLERS) {
        rest = shorter.trim_start_matches([' ', ',']);
    }
    if rest.is_empty() || rest.starts_with(['.', '!']) {
        return has_apology;
    }
    if NO_REFUSALS.iter().any(|phrase| rest.starts_with(phrase)) {
        return false;
    }
    after_any(rest, &ENGLISH_VERBS).is_some()
        || (has_apology && after_any(rest, &VERBS_AFTER_APOLOGY).is_some())
        || after_any(rest, &PICTURE_VERBS)
            .is_some_and(|object| names(object_of(sentence(object)), &PICTURES))
}

/// "the image", and not "any fracture in the image".
fn object_of(rest: &str) -> &str {
    [" in ", " on ", " of "]
        .iter()
        .filter_map(|word| rest.split(word).next())
        .min_by_key(|object| object.len())
        .unwrap_or(rest)
}

/// An apology, then in one sentence that something cannot be done and one of the verbs of refusals. The apology may be missing
/// where the text begins with the inability.
fn is_refusal_in(head: &str, language: &Language) -> bool {
    let apologies = language
        .apologies
        .iter()
        .filter_map(|phrase| head.strip_prefix(phrase));
    let Some(rest) = apologies.min_by_key(|rest| rest.len()) else {
        let bare = without_pronoun(head);
        let begins = |phrase: &&str| head.starts_with(*phrase) || bare.starts_with(*phrase);
        return language.inabilities.iter().any(begins) && names(sentence(head), language.verbs);
    };
    let Some(at) = first_of(prefix(rest, NEAR + 40), language.inabilities) else {
        return false;
    };
    let before = rest[..at].rfind(is_end).unwrap_or(0);
    names(
        sentence(rest[before..].trim_start_matches(is_end)),
        language.verbs,
    )
}

fn names(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}

fn first_of(text: &str, phrases: &[&str]) -> Option<usize> {
    phrases.iter().filter_map(|phrase| text.find(phrase)).min()
}

fn is_end(character: char) -> bool {
    matches!(
        character,
        '.' | '!' | '?' | '\u{3002}' | '\u{ff01}' | '\u{ff1f}' | '\u{964}'
    )
}

fn sentence(text: &str) -> &str {
    text.split(is_end).next().unwrap_or_default()
}

fn prefix(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether it is what somebody in the text says: a quotation, and more.
fn quotes(answer: &str) -> bool {
    let text = answer.trim();
    let rest = text.strip_prefix(['"', '“']);
    rest.is_some_and(|rest| !rest.ends_with(['"', '”']))
}

/// Whether a short text gives an answer after all, behind the label that it may begin with.
fn gives_answer(answer: &str) -> bool {
    const LABEL: usize = 20;
    let bytes = answer.as_bytes().get(LABEL..).unwrap_or_default();
    ANSWERS.iter().any(|phrase| {
        let mut windows = bytes.windows(phrase.len());
        windows.any(|window| window.eq_ignore_ascii_case(phrase.as_bytes()))
    })
}
