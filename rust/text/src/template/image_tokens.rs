//! The three tokens that Qwen's templates write for an image.

use std::ops::Range;

use super::controls::{ControlTable, Token};
use super::{Message, TemplateError};
use crate::Rendered;

/// Before an image.
pub(super) const START: &str = "<|vision_start|>";
/// The image itself: once in the text, as many tokens as the image has.
pub(super) const PAD: &str = "<|image_pad|>";
/// After an image.
pub(super) const END: &str = "<|vision_end|>";

/// The tokens of a built-in template, where the vocabulary has them: without, it still writes texts.
#[derive(Debug)]
pub(super) struct ImageTokens {
    template: &'static str,
    tokens: Result<[Token; 3], TemplateError>,
}

impl ImageTokens {
    pub(super) fn new(template: &'static str, table: &ControlTable) -> Self {
        let token = |text| Token::new(template, text, table);
        let tokens = || Ok([token(START)?, token(PAD)?, token(END)?]);
        Self {
            template,
            tokens: tokens(),
        }
    }

    /// Whether the vocabulary has the three tokens.
    pub(super) fn are_known(&self) -> bool {
        self.tokens.is_ok()
    }

    /// The error of a template that writes no images at all.
    pub(super) fn none(&self) -> TemplateError {
        TemplateError::NoImages {
            template: Some(self.template),
        }
    }

    /// Writes a content with its images, and tells of each where it stands as soon as it is written.
    pub(super) fn write_content(
        &self,
        message: &Message<'_>,
        out: &mut Rendered,
        mut written: impl FnMut(Range<usize>, &mut Rendered),
    ) -> Result<(), TemplateError> {
        let mut before = 0;
        for image in message.images {
            let [start, pad, end] = self.tokens.as_ref().map_err(Clone::clone)?;
            out.text.push_str(&message.content[before..image.at]);
            before = image.at;
            let from = out.text.len();
            start.write(out);
            pad.write_repeated(image.tokens, out);
            end.write(out);
            written(from..out.text.len(), out);
        }
        out.text.push_str(&message.content[before..]);
        Ok(())
    }
}
