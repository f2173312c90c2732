//! The options of a question, made ready to be found in texts.

use super::extracted::Choice;
use super::fold::{folded, prefix};

/// Options by their bit.
pub(super) type Set = u64;

/// More options than a set holds are not looked at.
pub(super) const MAX_CHOICES: usize = 64;

/// The options of one question.
#[derive(Clone, Debug)]
pub(super) struct Choices {
    labels: Vec<String>,
    texts: Vec<String>,
    /// Other ways to write the texts.
    variants: Vec<Vec<String>>,
    /// A word that any mention of the text in ASCII holds.
    keys: Vec<Option<Key>>,
    /// An option that names others: `Both A and B`.
    combined: Vec<(Set, usize)>,
    none: Option<usize>,
    all: Option<usize>,
    is_yes_no: bool,
    has_commas: bool,
}

const NONE: [&str; 6] = [
    "none",
    "none of above",
    "none of the above",
    "none of these",
    "none of the options",
    "none of the given options",
];
const ALL: [&str; 6] = [
    "all",
    "all of above",
    "all of the above",
    "all of these",
    "all the above",
    "all of the options",
];
const YES_NO: [&str; 5] = ["yes", "no", "maybe", "true", "false"];

impl Choices {
    pub(super) fn new(options: &[Choice<'_>]) -> Self {
        let options = &options[..options.len().min(MAX_CHOICES)];
        let labels: Vec<_> = options
            .iter()
            .map(|option| option.label.trim().to_owned())
            .collect();
        let texts: Vec<_> = options.iter().map(|option| folded(option.text)).collect();
        let place = |names: &[&str]| texts.iter().position(|text| names.contains(&text.as_str()));
        Self {
            variants: options
                .iter()
                .zip(&texts)
                .map(|(option, text)| variants(option.text, text))
                .collect(),
            keys: options.iter().map(|option| key(option.text)).collect(),
            combined: combined(&labels, &texts),
            none: place(&NONE),
            all: place(&ALL),
            is_yes_no: !texts.is_empty()
                && texts.iter().all(|text| YES_NO.contains(&text.as_str())),
            has_commas: options
                .iter()
                .any(|option| option.text.contains([',', ';', '—'])),
            labels,
            texts,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn text(&self, option: usize) -> &str {
        &self.texts[option]
    }

    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    pub(super) fn none(&self) -> Option<usize> {
        self.none
    }

    pub(super) fn all(&self) -> Option<usize> {
        self.all
    }

    /// Whether the options are words that prose uses all the time.
    pub(super) fn is_yes_no(&self) -> bool {
        self.is_yes_no
    }

    /// Whether an option's text holds what parts clauses.
    pub(super) fn has_commas(&self) -> bool {
        self.has_commas
    }

    pub(super) fn by_label(&self, word: &str) -> Option<usize> {
        self.labels
            .iter()
            .position(|label| !label.is_empty() && label.eq_ignore_ascii_case(word))
    }

    pub(super) fn longest_label(&self) -> usize {
        self.labels.iter().map(String::len).max().unwrap_or(0)
    }

    /// Every option whose folded text is `text`.
    pub(super) fn by_text(&self, text: &str) -> Set {
        let equal = |other: &str| !other.is_empty() && other == text;
        set(self
            .texts
            .iter()
            .enumerate()
            .filter(|(_, other)| equal(other))
            .map(|(place, _)| place))
    }

    /// The options that stand at `at` with the longest text, and where that ends.
    pub(super) fn text_at(&self, text: &str, at: usize) -> Option<(Set, usize)> {
        let mut best: Option<(Set, usize)> = None;
        for option in 0..self.len() {
            let Some(end) = self.own_text_at(text, at, option) else {
                continue;
            };
            match &mut best {
                Some((found, longest)) if *longest == end => *found |= 1 << option,
                Some((_, longest)) if *longest > end => {}
                _ => best = Some((1 << option, end)),
            }
        }
        best
    }

    /// Where the text of `option` ends when it begins at `at`.
    pub(super) fn own_text_at(&self, text: &str, at: usize, option: usize) -> Option<usize> {
        let variants = || {
            self.variants[option]
                .iter()
                .filter_map(|variant| prefix(text, at, variant))
                .max()
        };
        prefix(text, at, &self.texts[option]).or_else(variants)
    }

    /// A word without which no clause of ASCII holds this option's text.
    pub(super) fn key(&self, option: usize) -> Option<&Key> {
        self.keys[option].as_ref()
    }

    /// Whether a clause may hold this option's text: false only where it cannot.
    #[cfg(test)]
    pub(super) fn may_be_in(&self, option: usize, clause: &str) -> bool {
        let key = self.keys[option].as_ref().filter(|_| clause.is_ascii());
        let lower = clause.to_ascii_lowercase();
        key.is_none_or(|key| lower.contains(key.word()))
    }

    /// Whether the text ends with an option's text.
    pub(super) fn is_at_end_of(&self, text: &str) -> bool {
        let mut start = text.len().saturating_sub(MAX_END);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let end = folded(&text[start..]);
        self.texts
            .iter()
            .any(|option| !option.is_empty() && end.trim_end().ends_with(option.as_str()))
    }

    /// `{A, B}` is the option `Both A and B` where there is one.
    pub(super) fn combined(&self, found: Set) -> Set {
        let mut named = self
            .combined
            .iter()
            .filter(|(options, _)| *options == found);
        match (named.next(), named.next()) {
            (Some((_, option)), None) => 1 << option,
            _ => found,
        }
    }
}

/// Bytes of a text's end that may hold an option's text.
const MAX_END: usize = 600;

/// The set of some places.
pub(super) fn set(places: impl Iterator<Item = usize>) -> Set {
    places.fold(0, |found, place| found | 1 << place)
}

/// A word in lower case, and which of its letters texts have least often.
#[derive(Clone, Debug)]
pub(super) struct Key {
    word: String,
    rare: usize,
}

/// The letters of English, from the most frequent to the rarest.
const LETTERS: &[u8; 26] = b"etaoinshrdlcumwfgypbvkjxqz";

impl Key {
    fn of(word: &str) -> Self {
        let word = word.to_ascii_lowercase();
        let rarity = |letter: u8| LETTERS.iter().position(|one| *one == letter);
        let letters = word.bytes().enumerate();
        let rare =
            letters.max_by_key(|(place, letter)| (rarity(*letter), std::cmp::Reverse(*place)));
        Self {
            rare: rare.map_or(0, |(place, _)| place),
            word,
        }
    }

    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// Where in the word its rarest letter stands.
    pub(super) fn rare(&self) -> usize {
        self.rare
    }

    /// That letter, small and large.
    pub(super) fn letters(&self) -> (u8, u8) {
        let letter = self.word.as_bytes()[self.rare];
        (letter, letter.to_ascii_uppercase())
    }
}

/// The longest word of a text; `None` where that is none of letters of ASCII alone. Articles are folded away, so that a text
/// may be named without its own.
fn key(text: &str) -> Option<Key> {
    let words = text.split(|letter: char| !letter.is_ascii_alphabetic());
    let longest = words
        .filter(|word| !word.eq_ignore_ascii_case("the"))
        .max_by_key(|word| word.len())
        .filter(|word| word.len() >= 3)?;
    text.is_ascii().then(|| Key::of(longest))
}

/// `stem (M1)` is also `stem`, `95%` is also `95 percent`.
fn variants(text: &str, whole: &str) -> Vec<String> {
    let before = text
        .rsplit_once('(')
        .filter(|(_, rest)| rest.trim_end().ends_with(')'));
    let shorter = before
        .map(|(before, _)| folded(before))
        .filter(|short| short.len() >= 4 && short != whole);
    let spelled = whole.contains('%').then(|| whole.replace('%', " percent"));
    shorter.into_iter().chain(spelled).collect()
}

fn combined(labels: &[String], texts: &[String]) -> Vec<(Set, usize)> {
    let named = |text: &String| {
        let words = text
            .split(' ')
            .filter(|word| !matches!(*word, "both" | "and" | "only" | "options" | "all"));
        let mut found = 0;
        for word in words {
            found |= 1
                << labels
                    .iter()
                    .position(|label| label.eq_ignore_ascii_case(word))?;
        }
        (Set::count_ones(found) > 1).then_some(found)
    };
    let texts = texts.iter().enumerate();
    texts
        .filter_map(|(option, text)| Some((named(text)?, option)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The slow way is to fold the clause and look.
        #[test]
        fn a_clause_is_passed_over_only_where_it_names_no_option(
            text in "(Wilm's |tumor|Menière|β-|blocker|1,000|20%|the |CT|-|scan ){1,3}",
            clause in "(wilms |Wilm’s |Wilm's |TUMOR|tumor|meniere|Menière|beta |β-|blocker|1000|1,000|20 ?%|CT| |-|scan){0,8}",
        ) {
            let choices = Choices::new(&[Choice { label: "A", text: &text }]);
            let named = !choices.text(0).is_empty() && folded(&clause).contains(choices.text(0));
            prop_assert!(!named || choices.may_be_in(0, &clause), "{:?} in {:?}", choices.text(0), clause);
        }
    }
}
