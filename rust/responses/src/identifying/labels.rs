//! Labels before a number that say what it is: "Tel.", "MRN #", "geboren am".

/// Whether a sign stands between a label and its value.
fn is_sign(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t'
            | '\n'
            | ':'
            | '#'
            | '.'
            | '='
            | '('
            | '-'
            | '*'
            | '"'
            | '\''
            | '`'
            | '_'
            | '|'
            | '['
            | '<'
            | '+'
            | '\u{2013}'
            | '\u{2014}'
            | '\u{a0}'
            | '：'
            | '（'
            | '°'
            | '№'
    )
}

/// Words between a label and its value.
const WORDS: [&str; 34] = [
    "number",
    "numbers",
    "no",
    "nr",
    "num",
    "is",
    "was",
    "at",
    "me",
    "us",
    "on",
    "n",
    "nº",
    "numero",
    "número",
    "le",
    "am",
    "il",
    "el",
    "em",
    "es",
    "est",
    "ist",
    "the",
    "номер",
    "是",
    "n.º",
    "n.o",
    "de",
    "her",
    "him",
    "them",
    "you",
    "file",
];

/// The most that is looked at before a value, in bytes.
const NEAR: usize = 64;

/// Whether one of `labels` stands right before `start`.
///
/// Labels are in lower case; ASCII letters match in any case.
pub(super) fn stands_before(text: &str, start: usize, labels: &[&str]) -> bool {
    let mut before = near(text, start);
    for _ in 0..5 {
        before = before.trim_end_matches(is_sign);
        if labels.iter().any(|label| ends_with(before, label)) {
            return true;
        }
        let shorter = WORDS
            .iter()
            .find(|word| ends_with(before, word))
            .map(|word| before.len() - word.len());
        let shorter = shorter.or_else(|| bracket(before));
        let Some(length) = shorter else {
            return false;
        };
        before = &before[..length];
    }
    false
}

/// The text before `start`, not more than [`NEAR`].
fn near(text: &str, start: usize) -> &str {
    let mut from = start.saturating_sub(NEAR);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..start]
}

/// Where a short bracket begins that ends the text: "DOB (mm/dd/yyyy)".
fn bracket(before: &str) -> Option<usize> {
    let inside = before.strip_suffix([')', '）'])?;
    let start = inside.rfind(['(', '（'])?;
    (inside.len() - start <= 24).then_some(start)
}

/// "born in Manila on", and the like: a place between the label and its value.
pub(super) fn birth_place_stands_before(text: &str, start: usize) -> bool {
    let before = near(text, start);
    let clause = before
        .rsplit(['.', ';', ':', '\n', '!', '?'])
        .next()
        .unwrap_or_default();
    BIRTH_PLACES.iter().any(|(opening, last)| {
        let opens = |at: usize| ends_with(&clause[..at], opening);
        ends_with(clause.trim_end(), last) && clause.match_indices(' ').any(|(at, _)| opens(at))
    })
}

/// What stands before a place of birth, and between it and the date.
const BIRTH_PLACES: [(&str, &str); 10] = [
    ("born in", "on"),
    ("born at", "on"),
    ("nato a", "il"),
    ("nata a", "il"),
    ("né à", "le"),
    ("née à", "le"),
    ("nacido en", "el"),
    ("nacida en", "el"),
    ("nascido em", "em"),
    ("geboren in", "am"),
];

fn ends_with(before: &str, label: &str) -> bool {
    // Most labels are told apart by their last letter.
    let last = |text: &str| text.as_bytes().last().map(u8::to_ascii_lowercase);
    if last(before) != last(label) {
        return false;
    }
    let Some(start) = before.len().checked_sub(label.len()) else {
        return false;
    };
    before.as_bytes()[start..].eq_ignore_ascii_case(label.as_bytes())
        && before.is_char_boundary(start)
        && !before[..start].ends_with(is_letter_of_spaced_script)
}

/// In scripts without spaces a label needs no gap before it.
fn is_letter_of_spaced_script(character: char) -> bool {
    character.is_alphanumeric()
        && (character < '\u{e00}' || ('\u{ac00}'..='\u{d7af}').contains(&character))
}
