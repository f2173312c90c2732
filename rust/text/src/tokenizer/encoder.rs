//! One worker's encoder: rendered traces in, ids and supervised token ranges out.

use std::sync::Arc;

use super::edges::Edges;
use super::words::{Memory, Place};
use super::{Engine, Tokenizer, plain};
use crate::{Rendered, TextError};

/// What became of one trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Tokens of the trace.
    pub tokens: u32,
    /// Tokens inside the supervised ranges.
    pub supervised: u32,
    /// Tokens that lie partly inside a supervised span, and so are not supervised.
    pub straddling: u32,
}

/// Encodes traces for one worker; holds the caches and scratch memory, so each worker has its own.
#[derive(Debug)]
pub struct Encoder {
    tokenizer: Arc<Tokenizer>,
    memory: Option<Box<Memory>>,
    edges: Edges,
}

impl Encoder {
    /// An encoder with empty caches.
    #[must_use]
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        let memory = matches!(tokenizer.engine, Engine::Fast(_)).then(|| Box::new(Memory::new()));
        Self {
            tokenizer,
            memory,
            edges: Edges::default(),
        }
    }

    /// The tokenizer whose ids it gives.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Appends the ids of a rendered trace, and the token ranges of its supervised spans.
    ///
    /// Ranges are half-open and count from this trace's first token. A token is inside a span when its
    /// bytes lie wholly inside it. Spans without a whole token are left out; adjacent spans stay apart.
    ///
    /// # Errors
    /// [`TextError::BadRange`] when controls or spans do not ascend or cut a character; after any error
    /// what was appended to `ids` is to be thrown away.
    pub fn encode(
        &mut self,
        rendered: &Rendered,
        ids: &mut Vec<u32>,
        spans: &mut Vec<[u32; 2]>,
    ) -> Result<Encoded, TextError> {
        let text = rendered.text.as_str();
        refuse_longer(text)?;
        self.edges.start(text, &rendered.supervised)?;
        let first = ids.len();
        let mut at = 0;
        for control in &rendered.controls {
            let range = control.bytes.clone();
            let outside = || TextError::BadRange {
                start: range.start,
                end: range.end,
            };
            if range.is_empty() || text.get(range.clone()).is_none() {
                return Err(outside());
            }
            self.stretch(
                text.get(at..range.start).ok_or_else(outside)?,
                at,
                first,
                ids,
            )?;
            self.edges
                .control(range.start, range.end, ids.len() - first);
            ids.push(control.id);
            at = range.end;
        }
        self.stretch(&text[at..], at, first, ids)?;
        self.edges.resolve_between(text.len(), ids.len() - first);
        let (supervised, straddling) = self.edges.finish(spans);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a text of at most 256 MiB has fewer tokens than bytes"
        )]
        let tokens = (ids.len() - first) as u32;
        Ok(Encoded {
            tokens,
            supervised,
            straddling,
        })
    }

    /// Appends the ids of a plain text.
    ///
    /// # Errors
    /// [`TextError::TooLong`] beyond 256 MiB, [`TextError::Encode`] when the fallback refuses the text.
    pub fn encode_text(&mut self, text: &str, ids: &mut Vec<u32>) -> Result<(), TextError> {
        refuse_longer(text)?;
        self.edges.start("", &[])?;
        let first = ids.len();
        self.stretch(text, 0, first, ids)
    }

    /// Appends the ids of a stretch of ordinary text at byte `base`.
    fn stretch(
        &mut self,
        text: &str,
        base: usize,
        first: usize,
        ids: &mut Vec<u32>,
    ) -> Result<(), TextError> {
        if text.is_empty() {
            return Ok(());
        }
        let place = Place { text, base, first };
        match (&self.tokenizer.engine, &mut self.memory) {
            (Engine::Fast(fast), Some(memory)) => {
                plain::encode(fast, memory, place, ids, &mut self.edges)
            }
            (Engine::Reference(reference), _) => {
                reference.encode(text, base, first, ids, &mut self.edges)?
            }
            (Engine::Fast(_), None) => {}
        }
        Ok(())
    }
}

/// Positions and counts of ids take 30 bits, also when normalising makes a text three times as long.
const LONGEST_TEXT: usize = 1 << 28;

fn refuse_longer(text: &str) -> Result<(), TextError> {
    if text.len() > LONGEST_TEXT {
        return Err(TextError::TooLong(text.len()));
    }
    Ok(())
}
