//! The gold answer as a mapping says that it is written: a label, a text, or an index.

use std::borrow::Cow;

use crate::label::option_label;
use crate::reason::Reason;
use crate::row::{AnswerForm, Choice};
use crate::value::Fault;

use super::{Field, Slots, optional_text};

/// The column of the right answer.
#[derive(Clone, Debug)]
pub(crate) struct AnswerMapping {
    pub(crate) field: Field,
    pub(crate) is: AnswerIs,
    /// What the answer ends before, where something else follows it.
    pub(crate) until: Option<String>,
    /// Whether a row is refused whose index is behind the last option: the column counts from elsewhere then, and all
    /// its other answers are wrong.
    pub(crate) refuses: bool,
}

/// What the values of the column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerIs {
    /// Whatever they turn out to be.
    #[default]
    Any,
    /// The label of an option.
    Label,
    /// A text.
    Text,
    /// The place of an option, the first being 0; a negative number is none.
    #[serde(rename = "index_from_0")]
    IndexFrom0,
    /// The place of an option, the first being 1.
    #[serde(rename = "index_from_1")]
    IndexFrom1,
}

impl AnswerIs {
    /// What the answer is once it has been read: an index has become a label.
    pub(crate) fn form(self) -> AnswerForm {
        match self {
            Self::Any => AnswerForm::Any,
            Self::Text => AnswerForm::Text,
            Self::Label | Self::IndexFrom0 | Self::IndexFrom1 => AnswerForm::Label,
        }
    }

    fn first(self) -> Option<i64> {
        match self {
            Self::IndexFrom0 => Some(0),
            Self::IndexFrom1 => Some(1),
            Self::Any | Self::Label | Self::Text => None,
        }
    }
}

impl AnswerMapping {
    /// The answer, if the row has one. An index of no option is written so that it is no option's label either.
    pub(crate) fn read<'r>(
        &self,
        slots: &'r Slots<'_>,
        options: &[Choice<'r>],
    ) -> Result<Option<Cow<'r, str>>, Fault> {
        let Some(answer) = optional_text(Some(&self.field), slots)? else {
            return Ok(None);
        };
        let answer = match &self.until {
            Some(marker) => before(answer, marker),
            None => answer,
        };
        let (Some(first), Ok(number)) = (self.is.first(), answer.trim().parse::<i64>()) else {
            return Ok(Some(answer).filter(|answer| !answer.is_empty()));
        };
        let Ok(place) = usize::try_from(number.saturating_sub(first)) else {
            return Ok(None);
        };
        if self.refuses && is_behind(place, options) {
            let detail = format!(
                "{} is the place of no option, counted from {first}",
                self.field.label
            );
            return Err(Fault::new(Reason::OptionLabels, detail));
        }
        let found = option_at(place, options);
        Ok(Some(found.map_or_else(
            || Cow::Owned(format!("index {number}")),
            |choice| choice.label.clone(),
        )))
    }
}

/// The text before `marker`, without white space around it; all of it where there is none.
fn before<'r>(text: Cow<'r, str>, marker: &str) -> Cow<'r, str> {
    let Some(end) = text.find(marker) else {
        return text;
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text[..end].trim()),
        Cow::Owned(text) => Cow::Owned(text[..end].trim().to_owned()),
    }
}

/// Whether a place is behind that of the last option.
fn is_behind(place: usize, options: &[Choice<'_>]) -> bool {
    if options.iter().all(is_number) {
        return !options.is_empty() && place >= options.len();
    }
    let letter = option_label(place);
    options
        .iter()
        .all(|choice| order_of(&choice.label) < order_of(&letter))
}

/// By which letters are in the order of the alphabet, `AA` after `Z`.
fn order_of(label: &str) -> (usize, String) {
    (label.len(), label.to_ascii_uppercase())
}

fn is_number(choice: &Choice<'_>) -> bool {
    choice.label.bytes().all(|byte| byte.is_ascii_digit())
}

/// The option at a place: by its letter, because a row without an option B still has C at place 2, and by the order
/// where options have numbers.
fn option_at<'o, 'r>(place: usize, options: &'o [Choice<'r>]) -> Option<&'o Choice<'r>> {
    if options.iter().all(is_number) {
        return options.get(place);
    }
    // Letters in an order of their own leave open whether an index means the order or the letter.
    let in_order = options
        .windows(2)
        .all(|pair| order_of(&pair[0].label) < order_of(&pair[1].label));
    let letter = option_label(place);
    let mut options = options.iter().filter(|_| in_order);
    options.find(|choice| choice.label.eq_ignore_ascii_case(&letter))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn options(labels: &[&'static str]) -> Vec<Choice<'static>> {
        let choice = |label: &&'static str| Choice {
            label: Cow::Borrowed(*label),
            text: "x",
            written: "x",
        };
        labels.iter().map(choice).collect()
    }

    #[test]
    fn an_index_is_that_of_a_letter_whichever_options_are_missing() {
        let at = |place, labels: &[&'static str]| {
            let options = options(labels);
            option_at(place, &options).map(|choice| choice.label.to_string())
        };
        assert_eq!(at(2, &["A", "B", "C"]).unwrap(), "C");
        assert_eq!(at(2, &["A", "C", "D"]).unwrap(), "C");
        assert_eq!(at(1, &["a", "b"]).unwrap(), "b");
        assert_eq!(at(1, &["1", "2", "3"]).unwrap(), "2");
        for (place, labels) in [(1, ["A", "C"]), (2, ["A", "B"]), (0, ["B", "A"])] {
            assert_eq!(at(place, &labels), None, "{place} {labels:?}");
        }
    }

    #[test]
    fn an_answer_ends_before_its_explanation() {
        assert_eq!(
            before("Iron . Explanation: it is".into(), ". Explanation:"),
            "Iron"
        );
        assert_eq!(
            before(String::from("Iron. Because").into(), ". Explanation:"),
            "Iron. Because"
        );
    }
}
