//! The decoder of a file, step by step.

use tokenizers::pattern::Pattern as _;
use tokenizers::{Decoder as _, DecoderWrapper};

use super::budget::Budget;
use super::replacement::Replacement;

/// The steps of a decoder; without a decoder tokens are joined by spaces.
#[derive(Debug, Default)]
pub(crate) struct Decoding(Option<Vec<Step>>);

#[derive(Debug)]
enum Step {
    Replace(Replacement),
    Crate(Box<DecoderWrapper>),
}

impl Decoding {
    /// The steps of a decoder, or why it has none that can be run.
    pub fn new(decoder: Option<&DecoderWrapper>) -> Result<Self, String> {
        let Some(decoder) = decoder else {
            return Ok(Self(None));
        };
        let mut steps = Vec::new();
        collect(decoder, &mut steps)?;
        Ok(Self(Some(steps)))
    }

    /// The text of tokens.
    pub fn decode(&self, mut tokens: Vec<String>) -> tokenizers::Result<String> {
        let Some(steps) = &self.0 else {
            return Ok(tokens.join(" "));
        };
        let budget = Budget::of(size(&tokens));
        for step in steps {
            let before = size(&tokens);
            budget.work((before / 4 + tokens.len()) as u64 + 1)?;
            match step {
                Step::Replace(replace) => {
                    for token in &mut tokens {
                        *token = replaced(token, replace, &budget)?;
                    }
                }
                Step::Crate(decoder) => {
                    tokens = decoder.decode_chain(tokens)?;
                    budget.grown(before, size(&tokens))?;
                }
            }
        }
        Ok(tokens.concat())
    }
}

fn size(tokens: &[String]) -> usize {
    tokens.iter().map(String::len).sum()
}

/// As the crate's `Replace` decodes one token.
fn replaced(token: &str, replace: &Replacement, budget: &Budget) -> tokenizers::Result<String> {
    let search = replace.search(budget);
    let mut text = String::new();
    for ((start, end), is_match) in (&&search).find_matches(token)? {
        text.push_str(if is_match {
            &replace.content
        } else {
            &token[start..end]
        });
    }
    Ok(text)
}

fn collect(decoder: &DecoderWrapper, steps: &mut Vec<Step>) -> Result<(), String> {
    match decoder {
        DecoderWrapper::Sequence(sequence) => {
            let mut decoders = sequence.get_decoders().iter();
            decoders.try_for_each(|step| collect(step, steps))
        }
        DecoderWrapper::Replace(replace) => {
            steps.push(Step::Replace(Replacement::of_crate(replace)?));
            Ok(())
        }
        other => {
            steps.push(Step::Crate(Box::new(other.clone())));
            Ok(())
        }
    }
}
