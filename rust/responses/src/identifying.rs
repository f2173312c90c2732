//! Data that identify a person in clinical text: where they are, and what stands in their place.
//!
//! Found are numbers in ASCII digits. What has neither a rare shape nor check digits counts only behind a label, so that
//! laboratory values, doses, years, and identifiers of papers and products stay what they are.

mod birth;
mod checks;
mod email;
mod found;
mod kinds;
mod label_words;
mod labels;
mod national;
mod number;
mod phone;
mod record;
mod search;
mod units;

use std::borrow::Cow;

pub use found::Identified;
pub use kinds::{Kind, Kinds};
use search::Search;

/// Calls `each` for the identifying data of `text` that are of one of `kinds`, in order, none overlapping another.
///
/// ```
/// use octomed_responses::{Kind, Kinds, identifying};
///
/// let mut found = Vec::new();
/// identifying("Call 212-555-0123. Na 140, K 4.1.", Kinds::all(), |one| found.push((one.kind, one.start)));
/// assert_eq!(found, [(Kind::Phone, 5)]);
/// ```
pub fn identifying(text: &str, kinds: Kinds, each: impl FnMut(Identified)) {
    Search::new(text, kinds).for_each(each);
}

/// The kinds of identifying data that a text has.
#[must_use]
pub fn kinds_in(text: &str, kinds: Kinds) -> Kinds {
    Search::new(text, kinds).map(|found| found.kind).collect()
}

/// The text with the name of a kind in the place of each datum; the text itself where it has none.
///
/// ```
/// use octomed_responses::{Kinds, mask};
///
/// assert_eq!(mask("MRN: 00123456, Na 140", Kinds::all()), "MRN: [RECORD_NUMBER], Na 140");
/// ```
#[must_use]
pub fn mask(text: &str, kinds: Kinds) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut copied = 0;
    for found in Search::new(text, kinds) {
        masked.push_str(&text[copied..found.start]);
        masked.push_str(found.kind.mask());
        copied = found.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests;
