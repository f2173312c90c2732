//! What became of a class of questions.

use serde::Serialize;

/// A class of questions, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The text of the right option, or the column's value.
    pub name: String,
    /// Questions read.
    pub read: u64,
    /// Questions with an accepted trace.
    pub accepted: u64,
    /// Of these, the questions that stay.
    pub drawn: u64,
}
