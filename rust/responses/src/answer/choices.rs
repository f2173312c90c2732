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
    /// The text before the parenthesis that ends it: `stem (M1)` is also `stem`.
    shorter: Vec<Option<String>>,
    /// An option that names others: `Both A and B`.
    combined: Vec<(Set, usize)>,
    none: Option<usize>,
    all: Option<usize>,
    is_yes_no: bool,
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
            shorter: options
                .iter()
                .zip(&texts)
                .map(|(option, text)| shorter(option.text, text))
                .collect(),
            combined: combined(&labels, &texts),
            none: place(&NONE),
            all: place(&ALL),
            is_yes_no: !texts.is_empty()
                && texts.iter().all(|text| YES_NO.contains(&text.as_str())),
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
        let whole = prefix(text, at, &self.texts[option]);
        whole.or_else(|| prefix(text, at, self.shorter[option].as_ref()?))
    }

    /// `{A, B}` is the option `Both A and B` where there is one.
    pub(super) fn combined(&self, found: Set) -> Set {
        let named = self.combined.iter().find(|(options, _)| *options == found);
        named.map_or(found, |(_, option)| 1 << option)
    }
}

/// The set of some places.
pub(super) fn set(places: impl Iterator<Item = usize>) -> Set {
    places.fold(0, |found, place| found | 1 << place)
}

fn shorter(text: &str, whole: &str) -> Option<String> {
    let (before, rest) = text.rsplit_once('(')?;
    let short = folded(before);
    (rest.trim_end().ends_with(')') && short.len() >= 4 && short != whole).then_some(short)
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
