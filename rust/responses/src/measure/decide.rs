//! Which filter a response fails first.

use std::fmt;

use super::measures::{Measures, flags};
use super::settings::{Action, Filter, Limits, ten_thousandths};
use crate::identifying::Kinds;

/// Why a response is no trace. The numbers are those of the index's verdicts, in the order in which they are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum FaultKind {
    /// It was cut: its reasoning never ends, or the row says that it ran into a limit.
    CutResponse = 11,
    /// It lacks a format that is asked for.
    AnswerFormat = 15,
    /// It has too few or too many words.
    ReasoningLength = 16,
    /// It says too much again.
    Repetition = 17,
    /// It is a refusal.
    Refusal = 18,
    /// It is written in another script.
    Language = 19,
    /// Its reasoning says nothing.
    EmptyReasoning = 20,
    /// Its markup is damaged.
    DamagedMarkup = 21,
    /// It holds data that identify a person.
    Identifying = 22,
}

/// The filter that a response fails, and the figure. Its `Display` is the detail of a reject: "reasoning_words 5 < 16".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which filter.
    pub kind: FaultKind,
    /// What was measured.
    pub figure: Figure,
}

/// What was measured, and the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Nothing but that it is so.
    Flag,
    /// A count by its name, and the limit that it is below or above.
    Count(&'static str, u32, u32),
    /// A share in ten-thousandths by its name, and the limit that it is below or above.
    Share(&'static str, u16, u16),
    /// Kinds of identifying data.
    Kinds(Kinds),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.figure {
            Figure::Flag => Ok(()),
            Figure::Count(name, found, limit) => {
                write!(formatter, "{name} {found} {} {limit}", sign(found > limit))
            }
            Figure::Share(name, found, limit) => {
                let [share, bound] = [found, limit].map(|share| f64::from(share) / 10_000.0);
                write!(formatter, "{name} {share} {} {bound}", sign(found > limit))
            }
            Figure::Kinds(kinds) => {
                formatter.write_str("identifying")?;
                kinds
                    .iter()
                    .try_for_each(|kind| write!(formatter, " {}", kind.as_str()))
            }
        }
    }
}

fn sign(is_above: bool) -> char {
    if is_above { '>' } else { '<' }
}

/// The first filter that a response fails, in the order of the verdicts. Scan and select decide by this alone.
///
/// ```
/// use octomed_responses::{FaultKind, Limits, Measures, decide};
///
/// let limits: Limits = serde_json::from_str(r#"{"length": {"reasoning_words": [16, 8192]}}"#)?;
/// let short = Measures { reasoning_words: 5, ..Measures::default() };
/// let fault = decide(&short, &limits).ok_or("none")?;
/// assert_eq!((fault.kind, fault.to_string()), (FaultKind::ReasoningLength, "reasoning_words 5 < 16".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn decide(measures: &Measures, limits: &Limits) -> Option<Fault> {
    let lacks = |flag: u8| measures.flags & flag == 0;
    let has = |flag: u8| measures.flags & flag != 0;
    let flag = |filter: Option<Filter>, is_so: bool, kind: FaultKind| {
        (filter == Some(Filter::Reject) && is_so).then_some(Fault {
            kind,
            figure: Figure::Flag,
        })
    };
    let format = (!limits.format.is_empty()).then_some(Filter::Reject);
    flag(
        limits.unfinished,
        lacks(flags::FINISHED),
        FaultKind::CutResponse,
    )
    .or_else(|| {
        flag(
            format,
            lacks(flags::ACCEPTED_FORMAT),
            FaultKind::AnswerFormat,
        )
    })
    .or_else(|| fault(FaultKind::ReasoningLength, length(measures, limits)))
    .or_else(|| fault(FaultKind::Repetition, repetition(measures, limits)))
    .or_else(|| flag(limits.refusals, has(flags::REFUSAL), FaultKind::Refusal))
    .or_else(|| fault(FaultKind::Language, language(measures, limits)))
    .or_else(|| {
        flag(
            limits.empty_reasoning,
            has(flags::EMPTY_REASONING),
            FaultKind::EmptyReasoning,
        )
    })
    .or_else(|| {
        flag(
            limits.markup,
            has(flags::DAMAGED_MARKUP),
            FaultKind::DamagedMarkup,
        )
    })
    .or_else(|| fault(FaultKind::Identifying, identifying(measures, limits)))
}

fn fault(kind: FaultKind, figure: Option<Figure>) -> Option<Fault> {
    figure.map(|figure| Fault { kind, figure })
}

fn length(measures: &Measures, limits: &Limits) -> Option<Figure> {
    let length = limits.length?;
    let outside = |name, found, range: Option<(u32, u32)>| {
        let (least, most) = range?;
        let limit = if found < least { least } else { most };
        (found < least || found > most).then_some(Figure::Count(name, found, limit))
    };
    outside(
        "reasoning_words",
        measures.reasoning_words,
        length.reasoning_words,
    )
    .or_else(|| {
        outside(
            "response_words",
            measures.response_words,
            length.response_words,
        )
    })
}

fn repetition(measures: &Measures, limits: &Limits) -> Option<Figure> {
    let most = limits.repetition?;
    let above = |name, found, limit: Option<f64>| {
        let limit = ten_thousandths(limit?);
        (found > limit).then_some(Figure::Share(name, found, limit))
    };
    above("ngram_share", measures.ngram_share, most.max_ngram_share)
        .or_else(|| above("line_share", measures.line_share, most.max_line_share))
        .or_else(|| {
            let (found, limit) = (measures.loop_words, most.max_loop_words?);
            (found > limit).then_some(Figure::Count("loop_words", found, limit))
        })
}

fn language(measures: &Measures, limits: &Limits) -> Option<Figure> {
    let least = ten_thousandths(limits.language?.min_share);
    (measures.script_share < least).then_some(Figure::Share(
        "script_share",
        measures.script_share,
        least,
    ))
}

fn identifying(measures: &Measures, limits: &Limits) -> Option<Figure> {
    let settings = limits
        .identifying
        .filter(|settings| settings.action == Action::Reject)?;
    let found = Kinds::from_bits(measures.identifying).and(settings.kinds);
    (!found.is_empty()).then_some(Figure::Kinds(found))
}
