//! The letters of answer options: the one rule by which the prompt shows them and the question's id leaves them
//! out.
//!
//! A list whose texts carry letters of their own (`A. x`, `(A) x`, `A : x`, `Ａ．x`, `**A.** x`, `Option A: x`) keeps
//! these, in its order. Letters count as such only if every option has one and no two are equal. After a full
//! stop or a dash they must also be the first of the alphabet, gaps allowed (`A. x`, `C. y`), because `E. coli`
//! and `S. aureus` look the same. Numbers must count from 0 or 1, or leave out one or two. Texts that begin like
//! `A.x`, `C.y`, in letters that are not those of their places, are refused: whether these are letters is not
//! known. Every other list is counted: `A`, `B`, ….

use std::borrow::Cow;

use crate::row::Choice;

/// The label of the option at a 0-based place: `A` to `Z`, then `AA`, `AB` and so on.
#[must_use]
pub fn option_label(place: usize) -> Cow<'static, str> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if let Some(letter) = LETTERS.get(place..=place) {
        return Cow::Borrowed(letter);
    }
    let mut letters = Vec::new();
    let mut rest = place + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(LETTERS.as_bytes()[rest % 26]);
        rest /= 26;
    }
    Cow::Owned(
        letters
            .iter()
            .rev()
            .map(|&letter| char::from(letter))
            .collect(),
    )
}

/// The options of a list of texts, each with its own label, or with one that counts them; nothing where the
/// texts carry letters of which it is not known whether they are labels.
#[must_use]
pub fn label_options<'a>(texts: &[&'a str]) -> Option<Vec<Choice<'a>>> {
    let choice = |label, text, written| Choice {
        label,
        text,
        written,
    };
    if let Some(split) = split_labels(texts) {
        let labelled = split.into_iter().zip(texts);
        return Some(
            labelled
                .map(|(own, written)| choice(Cow::Borrowed(own.label), own.text, *written))
                .collect(),
        );
    }
    if are_doubtful(texts) {
        return None;
    }
    let counted = (0..).zip(texts);
    Some(
        counted
            .map(|(place, text)| choice(option_label(place), *text, *text))
            .collect(),
    )
}

/// Whether texts begin like `A.x` and `C.y`, with distinct first letters that are not those of their places.
fn are_doubtful(texts: &[&str]) -> bool {
    let tight = |text: &&str| {
        let text = text.trim();
        let mut characters = text.chars();
        let letter = narrow(characters.next()?)?.to_ascii_uppercase();
        (characters.next()? == '.' && characters.next()?.is_alphanumeric())
            .then_some(letter as usize - 'A' as usize)
    };
    let Some(places) = texts.iter().map(tight).collect::<Option<Vec<usize>>>() else {
        return false;
    };
    let mut sorted = places.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let in_order = places
        .iter()
        .enumerate()
        .all(|(index, place)| index == *place);
    sorted.len() == places.len()
        && places.len() > 1
        && !in_order
        && places.iter().all(|place| *place < places.len() + 2)
}

/// A label that stands before an option's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labelled<'a> {
    pub(crate) label: &'a str,
    pub(crate) text: &'a str,
    /// Whether a full stop ends the label, as it ends an abbreviated name.
    pub(crate) after_stop: bool,
}

/// The options with the labels that stand before them, if these are labels and no part of the texts.
pub(crate) fn split_labels<'a>(options: &[&'a str]) -> Option<Vec<Labelled<'a>>> {
    let split: Vec<_> = options
        .iter()
        .map(|option| split_label(option))
        .collect::<Option<_>>()?;
    let places: Vec<_> = split
        .iter()
        .map(|option| place_of(option.label))
        .collect::<Option<_>>()?;
    let mut sorted = places.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if split.iter().all(|option| option.text.is_empty()) {
        return None; // the letters are all that the options say
    }
    let is_letter = |place: &Place| matches!(place, Place::Letter(_));
    let all_letters = places.iter().all(is_letter);
    if sorted.len() < places.len() || !all_letters && places.iter().any(is_letter) {
        return None;
    }
    let in_order = |first: usize| {
        let count = |place: &Place| match place {
            Place::Letter(count) => count + first,
            Place::Number(count) => *count,
        };
        (first..)
            .zip(&places)
            .all(|(wanted, place)| wanted == count(place))
    };
    // One or two options may be missing: more, and the letters are those of names.
    let near = |place: &Place| {
        let (Place::Letter(count) | Place::Number(count)) = place;
        *count < places.len() + 2
    };
    let after_stop = split.iter().any(|option| option.after_stop);
    let several = sorted.len() > 1;
    // `Na: 140` and `K: 4` are values: letters that leave out many are those of the first ten.
    let usual = |place: &Place| matches!(place, Place::Letter(count) if *count < 10);
    let are_labels = if all_letters {
        in_order(0)
            || several && (!after_stop && places.iter().all(usual) || places.iter().all(near))
    } else {
        in_order(0) || in_order(1) || several && places.is_sorted() && places.iter().all(near)
    };
    are_labels.then_some(split)
}

/// What a label counts: from 0 for `A`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Letter(usize),
    Number(usize),
}

/// What the label counts with which an option's text begins.
pub(crate) fn place_of_option(option: &str) -> Option<Place> {
    place_of(split_label(option)?.label)
}

/// What `label` counts, in any case of its letters; none if it is neither letter nor number.
fn place_of(label: &str) -> Option<Place> {
    if label.bytes().all(|byte| byte.is_ascii_digit()) {
        return label.parse().ok().map(Place::Number);
    }
    let mut place = 0;
    for letter in label.chars() {
        let letter = narrow(letter)?.to_ascii_uppercase();
        place = place * 26 + (letter as usize).checked_sub('A' as usize)? + 1;
    }
    place.checked_sub(1).map(Place::Letter)
}

/// A letter of either width, as ASCII.
fn narrow(letter: char) -> Option<char> {
    let ascii = match letter {
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' => char::from_u32(u32::from(letter) - 0xFEE0)?,
        other => other,
    };
    ascii.is_ascii_alphabetic().then_some(ascii)
}

/// Whether a key or a field can be an option's label: up to two letters or digits.
pub(crate) fn is_label(text: &str) -> bool {
    let text = text.trim();
    (1..=2).contains(&text.chars().count()) && place_of(text).is_some()
}

/// A key as a label: `A`, `A.`, `(A)`.
pub(crate) fn key_label(key: &str) -> Option<&str> {
    let marks = ['(', ')', '.', ':', '（', '）', '：', '．', ' '];
    let label = key.trim_matches(marks);
    is_label(label).then_some(label)
}

/// `A: x`, `A) x`, `(A) x`, `A. x`, `[A] x` and the same in full width, in bold or after a word, as label and text.
fn split_label(option: &str) -> Option<Labelled<'_>> {
    let invisible =
        |character: char| character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}');
    let option = option.trim_start_matches(invisible).trim_end();
    let (bold, option) = match option.strip_prefix("**") {
        Some(inner) => (true, inner),
        None => (false, option),
    };
    let option = without_word(option);
    let (bracketed, inner) = match option.strip_prefix(['(', '（', '[', '【', '{']) {
        Some(inner) => (true, inner),
        None => (false, option),
    };
    let end = inner
        .char_indices()
        .find(|(_, character)| narrow(*character).is_none() && !character.is_ascii_digit())
        .map_or(inner.len(), |(at, _)| at);
    let (label, rest) = inner.split_at(end);
    if !is_label(label) {
        return None;
    }
    let (after_stop, rest) = if bracketed {
        (false, rest.strip_prefix([')', '）', ']', '】', '}'])?)
    } else {
        let rest = if bold {
            rest.strip_prefix("**").unwrap_or(rest)
        } else {
            rest
        };
        after_mark(label, rest)?
    };
    let text = if bold {
        rest.strip_prefix("**").unwrap_or(rest)
    } else {
        rest
    };
    let text = text.trim_start();
    if goes_on(text) {
        return None;
    }
    Some(Labelled {
        label,
        text,
        after_stop,
    })
}

/// An option without a word before its letter that says what it is.
fn without_word(option: &str) -> &str {
    for word in ["option", "choice", "选项"] {
        let head = option.get(..word.len()).unwrap_or_default();
        let rest = option.get(word.len()..).unwrap_or_default();
        let goes_on =
            rest.starts_with(|next: char| next.is_ascii_alphanumeric()) && word.is_ascii();
        if head.eq_ignore_ascii_case(word) && !goes_on {
            return rest.trim_start();
        }
    }
    option
}

/// Whether a number follows: `1 : 2` is a ratio.
fn is_ratio(text: &str) -> bool {
    text.trim_start()
        .starts_with(|next: char| next.is_ascii_digit())
}

/// Whether a text goes on with what stands before it: `(a) and (b)`, `(1) only`, `(D)-glucose`.
fn goes_on(text: &str) -> bool {
    let word = text
        .split(|next: char| !next.is_alphanumeric())
        .next()
        .unwrap_or_default();
    ["and", "or", "only"]
        .iter()
        .any(|other| other.eq_ignore_ascii_case(word))
        || text.starts_with(['&', '+', ',', ';', '/', '-'])
}

/// What stands after the mark that ends a label, and whether that is a mark which ends names, too.
fn after_mark<'a>(label: &str, rest: &'a str) -> Option<(bool, &'a str)> {
    let ends = |rest: &str| rest.chars().next().is_none_or(char::is_whitespace);
    let rest = rest.trim_start();
    let is_number = label.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = rest.strip_prefix(".)") {
        return Some((false, rest));
    }
    if let Some(text) = rest.strip_prefix([':', ')', '：', '）', '、', '．', '。'])
        && (!is_number || ends(text) && !is_ratio(text))
    {
        return Some((false, text));
    }
    if let Some(text) = rest.strip_prefix(['-', '–', '—']) {
        // `1 - 2 weeks` is a range, `A-` and `A - ve` are blood groups, `A - B` goes from one to another.
        let words = text.trim();
        let is_name = ["", "ve", "positive", "negative"].contains(&words) || is_label(words);
        return (!is_number && ends(text) && !is_name).then_some((true, text));
    }
    let text = rest.strip_prefix('.')?;
    // Before other scripts nobody writes a blank, and an abbreviated name does not end there.
    let foreign = text.chars().next().is_some_and(|next| !next.is_ascii());
    (ends(text) || text.starts_with("**") || foreign).then_some((!foreign, text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    fn split(options: &[&str]) -> Option<Vec<(String, String)>> {
        let pair = |option: Labelled<'_>| (option.label.to_owned(), option.text.to_owned());
        Some(split_labels(options)?.into_iter().map(pair).collect())
    }

    #[test]
    fn labels_go_on_after_z() {
        let labels = [0, 25, 26, 27, 51, 52, 701, 702].map(option_label);
        assert_eq!(labels, ["A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn labels_of_every_form_are_split() {
        for form in [
            "A: x|B: y",
            "A) x|B) y",
            "(A) x|(B) y",
            "A. x|B. y",
            " A:x|B:y",
            "A．x|B、y",
            "A : x|B : y",
            "[A] x|[B] y",
            "A . x|B . y",
            "A:x|B) y",
            "**A.** x|**B.** y",
            "**A**. x|**B**: y",
            "Option A: x|Option B: y",
            "选项A：x|选项B：y",
            "A.) x|B.) y",
            "{A} x|{B} y",
            "\u{feff}A. x|\u{200b}B. y",
        ] {
            let options: Vec<_> = form.split('|').collect();
            let found = split(&options).unwrap_or_else(|| panic!("{form}"));
            assert_eq!(
                found,
                [("A".into(), "x".into()), ("B".into(), "y".into())],
                "{form}"
            );
        }
        assert_eq!(
            split(&["Ａ．x", "Ｂ．y"]).unwrap()[1],
            ("Ｂ".into(), "y".into())
        );
        assert_eq!(
            split(&["a) x", "b) y"]).unwrap()[0],
            ("a".into(), "x".into())
        );
        assert_eq!(
            split(&["A. x", "(B)"]).unwrap()[1],
            ("B".into(), String::new())
        );
    }

    #[test]
    fn letters_of_the_row_are_kept_in_its_order() {
        for (options, labels) in [
            (&["A. x", "C. y"][..], ["A", "C"]),
            (&["B. x", "C. y"], ["B", "C"]),
            (&["C. x", "A. y"], ["C", "A"]),
            (&["A: x", "E: y"], ["A", "E"]),
            (&["(D) x", "(B) y"], ["D", "B"]),
            (&["1. x", "2. y"], ["1", "2"]),
            (&["0) x", "1) y"], ["0", "1"]),
            (&["1. x", "3. y"], ["1", "3"]),
            (&["(1) x", "(3) y"], ["1", "3"]),
            (&["A.阿司匹林", "C.可待因"], ["A", "C"]),
            (&["A。甲", "C。乙"], ["A", "C"]),
            (&["Option A: x", "Option C: y"], ["A", "C"]),
            (&["A- xyz", "C- yes"], ["A", "C"]),
        ] {
            let found = split(options).unwrap_or_else(|| panic!("{options:?}"));
            let found: Vec<_> = found.iter().map(|(label, _)| label.as_str()).collect();
            assert_eq!(found, labels, "{options:?}");
        }
    }

    #[test]
    fn what_may_be_a_label_or_not_is_refused() {
        for options in [&["A.x", "C.y"][..], &["B.x", "C.y"], &["C.x", "A.y"]] {
            assert_eq!(label_options(options), None, "{options:?}");
        }
        for options in [
            &["A.x", "B.y"][..],
            &["E.coli", "S.aureus"],
            &["A.M.", "P.M."],
        ] {
            assert!(label_options(options).is_some(), "{options:?}");
        }
    }

    #[test]
    fn what_merely_looks_labelled_is_text() {
        for options in [
            &["E. coli", "S. aureus", "K. pneumoniae"][..],
            &["A. baumannii", "E. coli", "S. aureus"],
            &["B. fragilis"],
            &["A: x", "y"],
            &["A. x", "A. y"],
            &["A. baumannii", "B.I.D."],
            &["A.coli", "B.coli"],
            &["Aspirin", "Bleeding"],
            &["Na: 140", "K: 4"],
            &["1 - 2 weeks", "2 - 4 weeks"],
            &["0 – 1", "1 – 2", "2 – 3"],
            &["1 : 1", "2 : 1"],
            &["1: 1", "2: 1"],
            &["(a) and (b)", "(b) and (c)"],
            &["A. and B", "B. and C"],
            &["(1) only", "(2) only"],
            &["(D)-glucose", "(E)-x"],
            &["A - B", "B - C"],
            &["A-", "B-"],
            &["A – ve", "B – ve"],
            &["(1)", "(2)"],
            &["A.", "B."],
            &["T: 1", "N: 0", "M: 0"],
            &["optional: x", "optional: y"],
            &["A", "B"],
            &["A.M. dose", "B.M. dose"],
            &["1:2", "1:4"],
            &["1:2", "2:4"],
            &["1.5 mg", "2.5 mg"],
            &["3. x", "4. y"],
            &["A. x", "2. y"],
            &["", ""],
            &["é", "("],
        ] {
            assert_eq!(split(options), None, "{options:?}");
        }
    }

    proptest! {
        #[test]
        fn labels_that_we_write_are_split_again(
            texts in prop::collection::vec("[^\\s]{0,5}".prop_filter("it goes on", |text| !goes_on(text)), 1..60),
        ) {
            prop_assume!(texts.iter().any(|text| !text.is_empty()));
            let labelled: Vec<_> = texts.iter().enumerate()
                .map(|(place, text)| format!("{}. {text}", option_label(place))).collect();
            let labelled: Vec<_> = labelled.iter().map(String::as_str).collect();
            let expected: Vec<_> = texts.iter().enumerate()
                .map(|(place, text)| (option_label(place).into_owned(), text.clone())).collect();
            prop_assert_eq!(split(&labelled), Some(expected));
        }
    }
}
