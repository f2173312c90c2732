//! A `Replace` of a file's normaliser or decoder, run with limits.

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::pattern::{Search, Searched, Written};

/// A pattern, and what its matches become.
#[derive(Debug)]
pub(super) struct Replacement {
    pattern: Searched,
    pub content: String,
}

/// A `Replace` as a file writes it.
#[derive(Deserialize)]
struct WrittenReplace {
    pattern: Written,
    content: String,
}

impl Replacement {
    /// What a `Replace` of the crate says, which cannot be asked for its pattern but can be written.
    pub fn of_crate(replace: &impl Serialize) -> Result<Self, String> {
        let written = serde_json::to_value(replace).and_then(WrittenReplace::deserialize);
        let written = written.map_err(|error| error.to_string())?;
        Ok(Self {
            pattern: Searched::new(&written.pattern)?,
            content: written.content,
        })
    }

    /// The search for its matches, which counts against the budget.
    pub fn search<'a>(&'a self, budget: &'a Budget) -> Search<'a> {
        Search {
            searched: &self.pattern,
            budget,
            becomes: Some(self.content.len()),
            inverted: false,
        }
    }
}
