//! Extracts the final answer of a response and compares it with gold.

mod anchors;
mod choices;
mod clauses;
mod corrections;
mod cues;
mod cursor;
mod cut;
mod decide;
mod extracted;
mod fold;
mod free;
mod gold;
mod judge;
mod labels;
mod mentions;
mod number;
mod options;
mod outcome;
mod prose;
mod statement;
mod subject;
mod value;
mod verdicts;

use crate::parts::Parts;
use anchors::Anchors;
use choices::Choices;
pub use extracted::{AnswerState, Choice, Convention, Extracted, Found, Judged, Number};
pub use gold::{Gold, GoldFault, GoldRule};
pub use judge::{judge, present};
use outcome::{Outcome, outcome};

/// The final answer of a response to a question with options.
///
/// The last explicit marker behind the reasoning decides, and one in the reasoning only where nothing follows that.
/// Without a marker an answer is a line that is an option, or the one option that the text or its conclusion names.
/// Two options of which none is chosen are [`Extracted::Ambiguous`]: this function never guesses.
#[must_use]
pub fn extract(options: &[Choice<'_>], parts: &Parts<'_>) -> Extracted {
    find(options, parts, None).extracted
}

/// The same, with how the answer is marked and where; `finished` is what the API says of the response's end.
#[must_use]
pub fn find(options: &[Choice<'_>], parts: &Parts<'_>, finished: Option<bool>) -> Found {
    if options.is_empty() {
        return free_found(parts, finished);
    }
    let choices = Choices::new(options);
    let (outcome, is_in_reasoning) = outcome(&choices, parts, finished);
    let (extracted, convention) = match outcome {
        Outcome::Options(found, convention) => {
            (Extracted::Options(prose::places(found)), Some(convention))
        }
        Outcome::Ambiguous => (Extracted::Ambiguous, None),
        Outcome::Absent => (Extracted::Absent, None),
        Outcome::Cut => (Extracted::Cut, None),
    };
    Found {
        extracted,
        convention,
        is_in_reasoning,
    }
}

/// The final answer of a question without options: a number, or the text that a marker or a single line gives.
fn free_found(parts: &Parts<'_>, finished: Option<bool>) -> Found {
    let without = |extracted| Found {
        extracted,
        convention: None,
        is_in_reasoning: false,
    };
    let anchors = Anchors::of(parts.answer);
    if !parts.is_closed
        || finished == Some(false)
        || outcome::is_cut(parts.answer, &anchors, finished)
    {
        return without(Extracted::Cut);
    }
    let answer = free::answer(parts.answer, &anchors).map(|found| (found, false));
    let Some(((text, convention), is_in_reasoning)) = answer.or_else(|| free_in_reasoning(parts))
    else {
        return without(Extracted::Absent);
    };
    let extracted = match Number::whole(text) {
        Some(number) => Extracted::Number(number),
        None => Extracted::Text(text.to_owned()),
    };
    Found {
        extracted,
        convention: Some(convention),
        is_in_reasoning,
    }
}

fn free_in_reasoning<'a>(parts: &Parts<'a>) -> Option<((&'a str, Convention), bool)> {
    let end = outcome::reasoning_end(parts.reasoning.filter(|_| parts.answer.is_empty())?);
    free::marked(end, &Anchors::of(end)).map(|found| (found, true))
}
