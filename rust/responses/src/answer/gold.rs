//! The gold answer of a row, in every form that data sets write it.

use super::choices::{Choices, Set};
use super::cursor::{is_one, skip_closers, word};
use super::extracted::{Choice, Number};
use super::fold::folded;
use super::options::{Reading, read_list};

/// How a text without options is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GoldRule {
    /// Not at all: gold must be an option, yes or no, or a number.
    Options,
    /// The whole answer is gold's text, folded.
    Exact,
    /// The answer holds gold's text and does not deny it.
    Contains,
    /// Both share so many words: at least this harmonic mean of the two shares, from 0 to 1.
    TokenF1(f32),
}

/// Why a row's gold answer cannot be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum GoldFault {
    /// The row has none.
    #[error("the row has no gold answer")]
    Missing,
    /// It is no option's label and no option's text.
    #[error("the gold answer is not among the options")]
    NotAmongOptions,
    /// Another option has the same text as the right one.
    #[error("two options have the text of the gold answer")]
    EqualOptions,
    /// It names several options, and not as a list.
    #[error("the gold answer fits more than one option")]
    Ambiguous,
    /// A bare number that may count from 0 or from 1.
    #[error("the gold answer is a number that may count the options from 0 or from 1")]
    IndexBase,
    /// A text that no rule compares.
    #[error("the gold answer is a text without options, and no rule says how to compare it")]
    FreeText,
}

impl GoldFault {
    /// Every fault, by its code.
    pub const ALL: [Self; 6] = [
        Self::Missing,
        Self::NotAmongOptions,
        Self::EqualOptions,
        Self::Ambiguous,
        Self::IndexBase,
        Self::FreeText,
    ];

    /// The fault of a code, if it is one.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        let code = usize::try_from(code).ok()?;
        Self::ALL.get(code).copied()
    }
}

/// A gold answer, ready to be compared with any number of responses.
#[derive(Clone, Debug)]
pub struct Gold {
    pub(super) kind: GoldKind,
    text: String,
}

#[derive(Clone, Debug)]
pub(super) enum GoldKind {
    Options { choices: Choices, right: Set },
    Number(Number),
    Text { choices: Choices, rule: GoldRule },
}

impl Gold {
    /// The gold answer `answer` of a question with these options: a label, a text, `E: text`, several labels, an index,
    /// yes, no or maybe, a number with a unit, or a text that `rule` compares.
    ///
    /// # Errors
    ///
    /// The answer is missing, is no option, or is several; see [`GoldFault`].
    pub fn new(
        options: &[Choice<'_>],
        answer: Option<&str>,
        rule: GoldRule,
    ) -> Result<Self, GoldFault> {
        Self::with_base(options, answer, rule, None)
    }

    /// The same, where a bare number counts the options from `base`.
    ///
    /// # Errors
    ///
    /// As [`Gold::new`].
    pub fn with_base(
        options: &[Choice<'_>],
        answer: Option<&str>,
        rule: GoldRule,
        base: Option<usize>,
    ) -> Result<Self, GoldFault> {
        let answer = answer
            .map(without_explanation)
            .filter(|answer| !answer.is_empty())
            .ok_or(GoldFault::Missing)?;
        if options.is_empty() {
            return Self::without_options(answer, rule);
        }
        let choices = Choices::new(options);
        match right_options(&choices, answer, base) {
            Ok(right) => Self::of_options(choices, right),
            Err(GoldFault::NotAmongOptions) if rule != GoldRule::Options => {
                Ok(Self::of_text(answer, rule))
            }
            Err(fault) => Err(fault),
        }
    }

    /// The folded text of the right option, of several joined by ` | `, or of the free answer.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(&self.text)
    }

    /// Places of the right options; none of a free answer or a number.
    #[must_use]
    pub fn places(&self) -> Vec<usize> {
        match &self.kind {
            GoldKind::Options { choices, right } => (0..choices.len())
                .filter(|place| right >> place & 1 == 1)
                .collect(),
            GoldKind::Number(_) | GoldKind::Text { .. } => Vec::new(),
        }
    }

    fn of_options(choices: Choices, right: Set) -> Result<Self, GoldFault> {
        let places = (0..choices.len()).filter(|place| right >> place & 1 == 1);
        let texts: Vec<_> = places.map(|place| choices.text(place)).collect();
        let is_shared = |text: &&str| choices.by_text(text).count_ones() > 1;
        if texts.iter().any(is_shared) {
            return Err(GoldFault::EqualOptions);
        }
        let text = texts.join(" | ");
        Ok(Self {
            kind: GoldKind::Options { choices, right },
            text,
        })
    }

    fn without_options(answer: &str, rule: GoldRule) -> Result<Self, GoldFault> {
        let text = folded(answer);
        if let Some(place) = YES_NO.iter().position(|word| *word == text) {
            return Self::of_options(yes_no(place), 1 << place);
        }
        match (rule, Number::whole(answer)) {
            (GoldRule::Options | GoldRule::Exact, Some(number)) => Ok(Self {
                kind: GoldKind::Number(number),
                text,
            }),
            (GoldRule::Options, None) => Err(GoldFault::FreeText),
            _ => Ok(Self::of_text(answer, rule)),
        }
    }

    fn of_text(answer: &str, rule: GoldRule) -> Self {
        let choices = Choices::new(&[Choice {
            label: "",
            text: answer,
        }]);
        Self {
            text: choices.text(0).to_owned(),
            kind: GoldKind::Text { choices, rule },
        }
    }
}

const YES_NO: [&str; 3] = ["yes", "no", "maybe"];

/// Yes and no as options; maybe only where it is the gold answer, since no other question asks for it.
fn yes_no(gold: usize) -> Choices {
    let asked = if gold == 2 { 3 } else { 2 };
    let options: Vec<_> = YES_NO[..asked]
        .iter()
        .map(|text| Choice { label: "", text })
        .collect();
    Choices::new(&options)
}

fn without_explanation(answer: &str) -> &str {
    let end = answer
        .find("Explanation:")
        .filter(|at| *at > 0)
        .unwrap_or(answer.len());
    answer[..end].trim()
}

fn right_options(choices: &Choices, answer: &str, base: Option<usize>) -> Result<Set, GoldFault> {
    let by_text = choices.by_text(&folded(answer));
    let by_label =
        choices.by_label(answer.trim_matches(['(', ')', '.', '[', ']', ':', ' ', '"', '\'']));
    match (by_text, by_label) {
        (0, Some(option)) => Ok(1 << option),
        (0, None) => listed(choices, answer, base),
        (found, _) if found.count_ones() > 1 => Err(GoldFault::EqualOptions),
        (found, Some(option)) if found != 1 << option => Err(GoldFault::Ambiguous),
        (found, _) => Ok(found),
    }
}

/// `E: text`, `A, C`, `["A", "C"]`, `AC`, or an index.
fn listed(choices: &Choices, answer: &str, base: Option<usize>) -> Result<Set, GoldFault> {
    if let Ok(index) = answer.trim_end_matches(".0").parse::<usize>() {
        return indexed(choices.len(), index, base);
    }
    if let Some(found) = labelled(choices, answer) {
        return found;
    }
    let named = word(answer, 0);
    let is_named = is_one(named, &["option", "choice", "answer"]);
    let answer = if is_named {
        answer[named.len()..].trim_start_matches([':', ' '])
    } else {
        answer
    };
    let plain: String = answer
        .chars()
        .filter(|mark| !matches!(mark, '"' | '\'' | '[' | ']'))
        .collect();
    let plain = plain.replace([';', '|'], ",");
    let read = read_list(
        choices,
        &plain,
        plain.len() - plain.trim_start_matches(['(', ' ']).len(),
    );
    let is_whole = |end: usize| {
        plain[skip_closers(&plain, end)..]
            .chars()
            .all(|mark| !mark.is_alphanumeric())
    };
    match read
        .filter(|read| is_whole(read.end))
        .map(|read| read.reading)
    {
        Some(Reading::Options(found)) => Ok(found),
        Some(Reading::Ambiguous) => Err(GoldFault::Ambiguous),
        None => Err(GoldFault::NotAmongOptions),
    }
}

/// `E: text` whose text is an option's: the label's, or there are two answers.
fn labelled(choices: &Choices, answer: &str) -> Option<Result<Set, GoldFault>> {
    let start = answer.trim_start_matches(['(', '[', ' ']);
    let length = start.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let option = choices.by_label(&start[..length])?;
    let text = start[length..].trim_start_matches([')', ']', ' ']);
    let text = text
        .strip_prefix(['.', ':', '-', '–', '：'])
        .unwrap_or(text);
    let found = choices.by_text(&folded(text));
    if length == 0 || found == 0 {
        return None;
    }
    Some(if found >> option & 1 == 1 {
        Ok(1 << option)
    } else {
        Err(GoldFault::Ambiguous)
    })
}

fn indexed(count: usize, index: usize, base: Option<usize>) -> Result<Set, GoldFault> {
    let (from_zero, from_one) = (index < count, (1..=count).contains(&index));
    let place = match base {
        Some(base) => index
            .checked_sub(base)
            .filter(|place| *place < count)
            .ok_or(GoldFault::NotAmongOptions)?,
        None if from_zero && from_one => return Err(GoldFault::IndexBase),
        None if from_zero => index,
        None if from_one => index - 1,
        None => return Err(GoldFault::NotAmongOptions),
    };
    if place < super::choices::MAX_CHOICES {
        Ok(1 << place)
    } else {
        Err(GoldFault::NotAmongOptions)
    }
}
