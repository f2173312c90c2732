//! The normaliser of a file, step by step.

use tokenizers::{NormalizedString, Normalizer as _, NormalizerWrapper};

use super::budget::Budget;
use super::replacement::Replacement;

/// Bytes of a text that one step passes for one unit of work.
const PASSED: usize = 2;

/// The steps of a normaliser.
#[derive(Debug, Default)]
pub(crate) struct Normalising(Vec<Step>);

#[derive(Debug)]
enum Step {
    Replace(Replacement),
    Crate(Box<NormalizerWrapper>),
}

impl Normalising {
    /// The steps of a normaliser, or why it has none that can be run.
    pub fn new(normalizer: Option<&NormalizerWrapper>) -> Result<Self, String> {
        let mut steps = Vec::new();
        if let Some(normalizer) = normalizer {
            collect(normalizer, &mut steps)?;
        }
        Ok(Self(steps))
    }

    /// Normalises `text`.
    pub fn normalise(
        &self,
        text: &mut NormalizedString,
        budget: &Budget,
    ) -> tokenizers::Result<()> {
        for step in &self.0 {
            let before = text.get().len();
            budget.work((before / PASSED) as u64 + 1)?;
            match step {
                Step::Replace(replace) => {
                    text.replace(&replace.search(budget), &replace.content)?
                }
                Step::Crate(normalizer) => {
                    if let NormalizerWrapper::Prepend(prepend) = normalizer.as_ref() {
                        budget.room(prepend.prepend.len())?; // before the text is made
                    }
                    normalizer.normalize(text)?;
                    budget.grown(before, text.get().len())?;
                }
            }
        }
        Ok(())
    }
}

fn collect(normalizer: &NormalizerWrapper, steps: &mut Vec<Step>) -> Result<(), String> {
    match normalizer {
        NormalizerWrapper::Sequence(sequence) => sequence
            .as_ref()
            .iter()
            .try_for_each(|step| collect(step, steps)),
        NormalizerWrapper::Replace(replace) => {
            steps.push(Step::Replace(Replacement::of_crate(replace)?));
            Ok(())
        }
        other => {
            steps.push(Step::Crate(Box::new(other.clone())));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use tokenizers::normalizers::Prepend;

    use super::*;

    #[test]
    fn what_is_prepended_counts_before_it_is() {
        let prepend = Prepend::new("x".repeat(2 << 20));
        let steps = Normalising::new(Some(&NormalizerWrapper::Prepend(prepend))).unwrap();
        let mut text = NormalizedString::from("a");
        let met = steps.normalise(&mut text, &Budget::of(1)).unwrap_err();
        assert!(met.to_string().contains("makes a longer text"), "{met}");
        assert_eq!(text.get(), "a");
    }
}
