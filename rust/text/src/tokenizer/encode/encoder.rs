//! One worker's encoder: rendered traces in, ids and supervised token ranges out.

use std::ops::Range;
use std::sync::Arc;

use super::isa::Isa;
use super::segment::Segment;
use super::text::encode_segment;
use super::words::WordEncoder;
use crate::tokenizer::fast::Fast;
use crate::tokenizer::span_aligner::SpanAligner;
use crate::tokenizer::{Engine, Tokenizer};
use crate::{Rendered, TextError};

/// What became of one trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Tokens of the trace.
    pub tokens: u32,
    /// Tokens inside the supervised ranges.
    pub supervised: u32,
    /// Tokens that lie partly inside a supervised span, and are not supervised.
    pub straddling: u32,
}

/// Encodes traces for one worker; holds the caches and scratch memory, so each worker has its own.
#[derive(Debug)]
pub struct Encoder {
    tokenizer: Arc<Tokenizer>,
    /// None where the `tokenizers` crate does the work.
    words: Option<Box<WordEncoder>>,
    aligner: SpanAligner,
}

impl Encoder {
    /// An encoder with empty caches, for the best instruction set that the processor has.
    #[must_use]
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        let words = match tokenizer.engine {
            Engine::Fast(_) => WordEncoder::with_isa(Isa::best()).map(Box::new),
            Engine::Reference(_) => None,
        };
        Self {
            tokenizer,
            words,
            aligner: SpanAligner::default(),
        }
    }

    /// An encoder whose inner loop uses an instruction set, to compare and to measure it; none if the processor
    /// lacks it. All give the same ids.
    #[must_use]
    pub fn with_isa(tokenizer: Arc<Tokenizer>, isa: Isa) -> Option<Self> {
        let mut encoder = Self::new(tokenizer);
        let words = WordEncoder::with_isa(isa)?;
        if let Some(best) = &mut encoder.words {
            **best = words;
        }
        Some(encoder)
    }

    /// The tokenizer whose ids it returns.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Appends the ids of a rendered trace, and the token ranges of its supervised spans.
    ///
    /// Ranges are half-open and count from this trace's first token. A token is inside a span when its
    /// bytes lie wholly inside it; one that reaches into it from white space that no prompt writes, see
    /// [`Rendered::leads`], counts as well. Spans without a whole token are left out; adjacent spans stay apart.
    ///
    /// # Errors
    /// [`TextError::BadRange`] when controls or spans do not ascend or cut a character, [`TextError::TooLong`] beyond
    /// 256 MiB of text or as many tokens; after any error what was appended to `ids` is to be thrown away.
    pub fn encode(
        &mut self,
        rendered: &Rendered,
        ids: &mut Vec<u32>,
        spans: &mut Vec<[u32; 2]>,
    ) -> Result<Encoded, TextError> {
        let text = rendered.text.as_str();
        check_length(text)?;
        self.aligner
            .start(text, &rendered.supervised, &rendered.leads)?;
        let first = ids.len();
        self.check_controls(rendered)?;
        let tokenizer = Arc::clone(&self.tokenizer);
        match &tokenizer.engine {
            Engine::Fast(fast) => self.fast(fast, rendered, first, ids),
            Engine::Reference(reference) => reference.encode(rendered, ids, &mut self.aligner)?,
        }
        self.aligner.resolve_between(text.len(), ids.len() - first);
        let (supervised, straddling) = self.aligner.finish(spans);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a text of at most 256 MiB has fewer tokens than bytes and repeated controls, which were counted"
        )]
        let tokens = (ids.len() - first) as u32;
        Ok(Encoded {
            tokens,
            supervised,
            straddling,
        })
    }

    /// Checks that the controls ascend, cut no character, and stand for no more tokens than are counted.
    fn check_controls(&self, rendered: &Rendered) -> Result<(), TextError> {
        let mut at = 0;
        let mut most = rendered.text.len();
        for control in &rendered.controls {
            let Range { start, end } = control.bytes;
            if start < at || start == end || rendered.text.get(start..end).is_none() {
                return Err(TextError::BadRange { start, end });
            }
            at = end;
            most = most.saturating_add(control.repeat.saturating_sub(1) as usize);
        }
        if most > LONGEST_TEXT {
            return Err(TextError::TooLong(most));
        }
        Ok(())
    }

    /// Appends the ids of checked controls and of the segments between them.
    fn fast(&mut self, fast: &Fast, rendered: &Rendered, first: usize, ids: &mut Vec<u32>) {
        let text = rendered.text.as_str();
        let (mut at, mut before) = (0, None);
        for control in &rendered.controls {
            let range = control.bytes.clone();
            self.segment(
                fast,
                text,
                at..range.start,
                (before, Some(control.id)),
                first,
                ids,
            );
            let repeat = control.repeat as usize;
            let tokens = ids.len() - first;
            self.aligner.control(range.start, range.end, tokens, repeat);
            ids.extend(std::iter::repeat_n(control.id, repeat));
            (at, before) = (range.end, Some(control.id));
        }
        self.segment(fast, text, at..text.len(), (before, None), first, ids);
    }

    /// Appends the ids of a plain text.
    ///
    /// # Errors
    /// [`TextError::TooLong`] beyond 256 MiB, [`TextError::Encode`] when the fallback refuses the text.
    pub fn encode_text(&mut self, text: &str, ids: &mut Vec<u32>) -> Result<(), TextError> {
        check_length(text)?;
        self.aligner.start("", &[], &[])?;
        let first = ids.len();
        let tokenizer = Arc::clone(&self.tokenizer);
        match &tokenizer.engine {
            Engine::Fast(fast) => self.segment(fast, text, 0..text.len(), (None, None), first, ids),
            Engine::Reference(reference) => reference.encode_text(text, ids)?,
        }
        Ok(())
    }

    /// Appends the ids of a segment of ordinary text, but for white space that the controls next to it swallow.
    fn segment(
        &mut self,
        fast: &Fast,
        text: &str,
        mut segment: Range<usize>,
        (before, after): (Option<u32>, Option<u32>),
        first: usize,
        ids: &mut Vec<u32>,
    ) {
        if fast.strips {
            segment = fast.stripped(before, segment, text, after);
            self.aligner
                .resolve_between(segment.start, ids.len() - first);
        }
        let Some(words) = self.words.as_mut().filter(|_| !segment.is_empty()) else {
            return;
        };
        let base = segment.start;
        let part = Segment {
            text: &text[segment],
            base,
            first,
        };
        encode_segment(fast, words, part, ids, &mut self.aligner);
    }
}

/// Positions and counts of ids take 30 bits, also when normalising makes a text three times as long.
const LONGEST_TEXT: usize = 1 << 28;

fn check_length(text: &str) -> Result<(), TextError> {
    if text.len() > LONGEST_TEXT {
        return Err(TextError::TooLong(text.len()));
    }
    Ok(())
}
