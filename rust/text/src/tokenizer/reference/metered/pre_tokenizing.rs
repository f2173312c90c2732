//! The pre-tokenizer of a file, step by step.

use serde::Deserialize;
use tokenizers::normalizer::SplitDelimiterBehavior;
use tokenizers::{PreTokenizedString, PreTokenizer as _, PreTokenizerWrapper};

use super::budget::Budget;
use super::pattern::{Search, Searched, Written};

/// Bytes of a text that one step passes for one unit of work.
const PASSED: usize = 2;

/// The steps of a pre-tokenizer.
#[derive(Debug, Default)]
pub(crate) struct PreTokenizing(Vec<Step>);

#[derive(Debug)]
enum Step {
    Split {
        pattern: Searched,
        behavior: SplitDelimiterBehavior,
        invert: bool,
    },
    Crate(Box<PreTokenizerWrapper>),
}

#[derive(Deserialize)]
struct Split {
    pattern: Written,
}

impl PreTokenizing {
    /// The steps of a pre-tokenizer, or why it has none that can be run.
    pub fn new(pre_tokenizer: Option<&PreTokenizerWrapper>) -> Result<Self, String> {
        let mut steps = Vec::new();
        if let Some(pre_tokenizer) = pre_tokenizer {
            collect(pre_tokenizer, &mut steps)?;
        }
        Ok(Self(steps))
    }

    /// Cuts a text of `bytes` bytes into words.
    pub fn cut(
        &self,
        pieces: &mut PreTokenizedString,
        bytes: usize,
        budget: &Budget,
    ) -> tokenizers::Result<()> {
        for step in &self.0 {
            budget.work((bytes / PASSED) as u64 + 1)?;
            match step {
                Step::Split {
                    pattern,
                    behavior,
                    invert,
                } => {
                    let search = Search {
                        searched: pattern,
                        budget,
                        becomes: None,
                        inverted: *invert,
                    };
                    pieces.split(|_, text| text.split(&search, *behavior))?;
                }
                Step::Crate(pre_tokenizer) => pre_tokenizer.pre_tokenize(pieces)?,
            }
        }
        Ok(())
    }
}

fn collect(pre_tokenizer: &PreTokenizerWrapper, steps: &mut Vec<Step>) -> Result<(), String> {
    match pre_tokenizer {
        PreTokenizerWrapper::Sequence(sequence) => sequence
            .as_ref()
            .iter()
            .try_for_each(|step| collect(step, steps)),
        PreTokenizerWrapper::Split(split) => {
            let written = serde_json::to_value(split).and_then(serde_json::from_value::<Split>);
            let written = written.map_err(|error| error.to_string())?;
            steps.push(Step::Split {
                pattern: Searched::new(&written.pattern)?,
                behavior: split.behavior,
                invert: split.invert,
            });
            Ok(())
        }
        other => {
            steps.push(Step::Crate(Box::new(other.clone())));
            Ok(())
        }
    }
}
