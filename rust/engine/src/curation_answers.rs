//! What a response answers, compared with the right answer of its row, which is prepared once a row.

use octomed_index::{AnswerState, Verdict};
use octomed_responses::{Choice, Gold, GoldFault, GoldRule, Judged, Parts, judge, present};
use octomed_trace::{AnswerForm, Body, Row};

use crate::curation_settings::{Accept, AcceptedAnswer, MatchRule};

/// The answers of a row.
pub enum RowAnswers<'r> {
    /// Nobody asks.
    Unasked,
    /// They are compared with the right one.
    Compared(Result<Gold, GoldFault>, bool),
    /// There has to be one; where a rule asks, it is compared with the right one, and decides nothing by that.
    Present(Vec<Choice<'r>>, Option<Result<Gold, GoldFault>>),
}

/// What became of a response's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// How it compares with the right one.
    pub state: AnswerState,
    /// A hash of the option that it names; of a row whose right answer cannot be used, which fault that is.
    pub option: u64,
    /// Why the response is left out for it, if it is.
    pub verdict: Option<Verdict>,
}

impl<'r> RowAnswers<'r> {
    /// Prepares the right answer of a row.
    pub fn of(row: &'r Row<'_>, accept: Option<&Accept>) -> Self {
        let Some(accept) = accept else {
            return Self::Unasked;
        };
        let (options, answer) = match &row.body {
            Body::Question {
                options, answer, ..
            } => {
                let choices = options.iter().map(|option| Choice {
                    label: &option.label,
                    text: option.text,
                });
                (choices.collect(), answer.as_deref())
            }
            Body::Conversation(_) => (Vec::new(), None),
        };
        if accept.answer == AcceptedAnswer::Present && !accept.compare {
            return Self::Present(options, None);
        }
        let whole = answer.and_then(|answer| named(&options, answer, row.answer_form));
        let answer = whole.as_deref().or(answer);
        let gold = Gold::new(&options, answer, gold_rule(accept.rule));
        match accept.answer {
            AcceptedAnswer::Present => Self::Present(options, Some(gold)),
            AcceptedAnswer::Match => Self::Compared(gold, true),
            AcceptedAnswer::Off => Self::Compared(gold, false),
        }
    }

    /// The right option's text, normalised, or the right answer's where there are no options.
    pub fn gold(&self) -> Option<&str> {
        match self {
            Self::Compared(Ok(gold), _) | Self::Present(_, Some(Ok(gold))) => gold.text(),
            _ => None,
        }
    }

    /// What became of a response's answer.
    pub fn judge(&self, parts: &Parts<'_>, finished: Option<bool>) -> Answered {
        match self {
            Self::Unasked => Answered::default(),
            Self::Compared(gold, decides) => {
                let (state, option) = compared(gold, parts, finished);
                Answered {
                    state,
                    option,
                    verdict: decides.then(|| verdict(state)).flatten(),
                }
            }
            Self::Present(options, gold) => {
                let (accepted, option) = judged(present(options, parts, finished));
                let state = gold.as_ref().map(|gold| compared(gold, parts, finished).0);
                Answered {
                    state: state.unwrap_or(accepted),
                    option,
                    verdict: verdict(accepted),
                }
            }
        }
    }
}

/// How a response's answer compares with the right one, and a hash of the option that it names; of a right answer that
/// cannot be used, which fault that is.
fn compared(
    gold: &Result<Gold, GoldFault>,
    parts: &Parts<'_>,
    finished: Option<bool>,
) -> (AnswerState, u64) {
    match gold {
        Ok(gold) => judged(judge(gold, parts, finished)),
        Err(GoldFault::Missing) => (AnswerState::NoGold, 0),
        Err(fault) => (AnswerState::GoldFault, *fault as u64),
    }
}

/// Why a response whose answer decides is left out in this state, if it is.
fn verdict(state: AnswerState) -> Option<Verdict> {
    match state {
        AnswerState::Unasked | AnswerState::Right | AnswerState::Present => None,
        AnswerState::Wrong => Some(Verdict::WrongAnswer),
        AnswerState::Ambiguous => Some(Verdict::AmbiguousAnswer),
        AnswerState::Absent => Some(Verdict::NoAnswer),
        AnswerState::Cut => Some(Verdict::CutResponse),
        AnswerState::NoGold => Some(Verdict::NoGold),
        AnswerState::GoldFault => Some(Verdict::GoldFault),
    }
}

/// The right answer with label and text, where its row format says which of the two it is: one that is as short as a label
/// is taken for nothing else then.
pub fn named(options: &[Choice<'_>], answer: &str, form: AnswerForm) -> Option<String> {
    let is_right = |option: &&Choice<'_>| match form {
        AnswerForm::Any => false,
        AnswerForm::Label => option.label.eq_ignore_ascii_case(answer.trim()),
        AnswerForm::Text => option.text.trim() == answer.trim(),
    };
    let mut right = options.iter().filter(is_right);
    match (right.next(), right.next()) {
        (Some(Choice { label, text }), None) => Some(format!("{label}: {text}")),
        _ => None,
    }
}

/// What was judged, as the index has it.
fn judged(judged: Judged) -> (AnswerState, u64) {
    let Judged { state, option } = judged;
    (
        AnswerState::from_code(state as u8).unwrap_or_default(),
        option,
    )
}

/// The crate's word for a rule of the recipe.
pub fn gold_rule(rule: MatchRule) -> GoldRule {
    match rule {
        MatchRule::Options => GoldRule::Options,
        MatchRule::Exact => GoldRule::Exact,
        MatchRule::Contains => GoldRule::Contains,
        MatchRule::TokenF1 { token_f1 } => GoldRule::TokenF1(token_f1),
    }
}
