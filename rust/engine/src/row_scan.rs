//! One row becomes traces: its images are read, its turns laid out, each trace rendered and encoded.

use std::sync::Arc;

use octomed_index::Verdict;
use octomed_text::{
    Message, Prompt, Supervise, Template, TextError, TwoReasonings, join_reasoning,
};
use octomed_trace::{Reason, Response, Row};

use crate::curation::{Curation, RowCuration};
use crate::curation_target::with_answer;
use crate::error::EngineError;
use crate::image_reading::{Images, SeenPaths};
use crate::laid_out::{LaidOut, LaidTurn, Layouter, refusal};
use crate::row_images::{Failure, RowFault, RowImages};
use crate::scratch::{ScanResult, Scratch};

/// What decides which traces a row gives.
pub struct RowScan {
    /// What writes the turns.
    pub template: Arc<Template>,
    /// How a question is asked.
    pub prompt: Arc<Prompt>,
    /// The system message of rows that have none.
    pub system: Option<String>,
    /// Which turns carry loss.
    pub supervise: Supervise,
    /// Where images are; nothing for a model that takes none.
    pub images: Option<Images>,
    /// What responses are measured and decided by, if they are.
    pub curation: Option<Curation>,
}

impl RowScan {
    /// The images that a row shows.
    ///
    /// # Errors
    /// When one of them cannot be used, or the model takes none.
    pub fn row_images(
        &self,
        row: &Row<'_>,
        seen: &mut SeenPaths,
        is_held: impl Fn(u64) -> bool,
    ) -> Result<RowImages, Failure> {
        if row.images.is_empty() {
            return Ok(RowImages::default());
        }
        match &self.images {
            Some(images) => images.of_row(row, seen, is_held),
            None => match row.refusal_of_images() {
                Some(refused) => Err(RowFault::new(Reason::HasImage, refused.detail).into()),
                None => Ok(RowImages::default()),
            },
        }
    }

    /// Gives a row as it is rendered, identifying data masked where the recipe asks for that, and what its responses are
    /// decided by, which are measured as they came.
    pub fn with_curation<T>(
        &self,
        row: &Row<'_>,
        then: impl FnOnce(&Row<'_>, Option<&RowCuration<'_>>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(curation) = &self.curation else {
            return then(row, None);
        };
        let mut curated = curation.of_row(row)?;
        let masked = curation.masked(row);
        let masked = masked.as_ref().map(|texts| texts.row(row));
        let shown = masked.as_ref().unwrap_or(row);
        match curation.target(shown) {
            Some(Ok(answer)) => then(&with_answer(shown, &answer), Some(&curated)),
            Some(Err(verdict)) => {
                curated.refuse(verdict);
                then(shown, Some(&curated))
            }
            None => then(shown, Some(&curated)),
        }
    }

    /// Lays out a row, whose last turn is made in `prompt`.
    pub fn lay_out<'r>(
        &'r self,
        row: &'r Row<'_>,
        images: &RowImages,
        prompt: &'r mut String,
    ) -> Result<LaidOut<'r>, Failure> {
        let layouter = Layouter {
            prompt: &self.prompt,
            template: &self.template,
            system: self.system.as_deref(),
        };
        layouter.lay_out(row, images, prompt)
    }

    /// Every trace of a row, left in `scratch` while `each` looks at it. What curation leaves out is not rendered, nor the
    /// responses that `filtered` names.
    pub fn traces(
        &self,
        laid: &LaidOut<'_>,
        curation: Option<&RowCuration<'_>>,
        filtered: &dyn Fn(u32) -> bool,
        scratch: &mut Scratch,
        before: &mut Before<'_>,
        mut each: impl FnMut(u32, ScanResult, &Scratch) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let Some(responses) = laid.responses else {
            before(laid.bytes)?;
            let result = match left_out(laid, curation, filtered, 0, scratch) {
                None => {
                    let messages: Vec<_> = laid.turns.iter().map(LaidTurn::message).collect();
                    self.render_and_encode(&messages, scratch)?
                }
                Some(verdict) => scratch.without_tokens(verdict),
            };
            self.make_bands(result.verdict, scratch);
            return each(0, result, scratch);
        };
        for (sample, response) in (0..).zip(responses) {
            before(laid.bytes + bytes_of_response(response))?;
            let result = match left_out(laid, curation, filtered, sample, scratch) {
                None => self.render_question(&laid.turns, response, scratch)?,
                Some(verdict) => scratch.without_tokens(verdict),
            };
            self.make_bands(result.verdict, scratch);
            each(sample, result, scratch)?;
        }
        Ok(())
    }

    /// Makes the band keys of a trace, if near duplicates are looked for.
    fn make_bands(&self, verdict: Verdict, scratch: &mut Scratch) {
        match self.curation.as_ref().and_then(Curation::near) {
            Some(near) => scratch.make_bands(near, verdict == Verdict::Kept),
            None => scratch.bands.clear(),
        }
    }

    fn render_question(
        &self,
        turns: &[LaidTurn<'_>],
        response: &Response<'_>,
        scratch: &mut Scratch,
    ) -> Result<ScanResult, EngineError> {
        if response.response.trim().is_empty() {
            return Ok(scratch.without_tokens(Verdict::EmptyResponse));
        }
        let mut joined = std::mem::take(&mut scratch.response);
        joined.clear();
        let text = match &response.reasoning {
            None => Ok(&*response.response), // what there is nothing to join with needs no copy
            Some(reasoning) => join_reasoning(Some(reasoning), &response.response, &mut joined)
                .map(|()| joined.as_str()),
        };
        let result = match text {
            Ok(content) => {
                let mut messages = Vec::with_capacity(turns.len() + 1);
                messages.extend(turns.iter().map(LaidTurn::message));
                messages.push(Message {
                    role: "assistant",
                    content,
                    images: &[],
                    learned: true,
                });
                self.render_and_encode(&messages, scratch)
            }
            Err(TwoReasonings) => Ok(scratch.without_tokens(Verdict::TwoReasonings)),
        };
        scratch.response = joined;
        result
    }

    fn render_and_encode(
        &self,
        messages: &[Message<'_>],
        scratch: &mut Scratch,
    ) -> Result<ScanResult, EngineError> {
        if self.has_blank_response(messages) {
            return Ok(scratch.without_tokens(Verdict::EmptyResponse));
        }
        scratch.rendered.clear();
        match self
            .template
            .render(messages, self.supervise, &mut scratch.rendered)
        {
            Ok(()) => {}
            Err(error) => return Ok(scratch.without_tokens(refusal(error)?)),
        }
        scratch.ids.clear();
        scratch.spans.clear();
        let encoded =
            scratch
                .encoder
                .encode(&scratch.rendered, &mut scratch.ids, &mut scratch.spans);
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(TextError::Limit(_)) => return Ok(scratch.without_tokens(Verdict::TokenizerLimit)),
            Err(TextError::Failed(_)) => {
                return Ok(scratch.without_tokens(Verdict::TokenizerFailed));
            }
            Err(error) => return Err(error.into()),
        };
        let verdict = if encoded.supervised == 0 {
            Verdict::NoSupervisedTokens
        } else {
            Verdict::Kept
        };
        if verdict != Verdict::Kept {
            scratch.ids.clear();
            scratch.spans.clear();
        }
        let hash = scratch.hash();
        Ok(ScanResult {
            verdict,
            supervised: encoded.supervised,
            straddling: encoded.straddling,
            hash,
        })
    }

    fn has_blank_response(&self, messages: &[Message<'_>]) -> bool {
        let mut answers = messages
            .iter()
            .rev()
            .filter(|message| message.role == "assistant");
        let blank = |message: &Message<'_>| message.learned && message.content.trim().is_empty();
        match self.supervise {
            Supervise::All => answers.any(blank),
            Supervise::Last => answers.next().is_none_or(blank),
        }
    }
}

/// Why a trace is left out before it is rendered.
fn left_out(
    laid: &LaidOut<'_>,
    curation: Option<&RowCuration<'_>>,
    filtered: &dyn Fn(u32) -> bool,
    sample: u32,
    scratch: &mut Scratch,
) -> Option<Verdict> {
    let decided = curation.and_then(|row| row.decide(sample as usize, &mut scratch.curation));
    let decided = decided.or_else(|| filtered(sample).then_some(Verdict::Filtered));
    decided.or(laid.refused)
}

/// Asked before each trace, with the most bytes of the row that go into it.
pub type Before<'b> = dyn FnMut(u64) -> Result<(), EngineError> + 'b;

fn bytes_of_response(response: &Response<'_>) -> u64 {
    let reasoning = response.reasoning.as_ref().map_or(0, |text| text.len());
    (response.response.len() + reasoning) as u64
}
