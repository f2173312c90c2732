//! The texts of responses, made of their supervised tokens: the working store has no other text.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_curate::{CurateError, Texts};
use octomed_index::{Index, TraceLocation};
use octomed_text::Tokenizer;

use crate::error::EngineError;
use crate::stored_traces::{Source, TraceCopy, bytes};

/// Reads them with the tokenizer that made the tokens.
pub struct ResponseTexts<'t> {
    tokenizer: &'t Tokenizer,
    /// Tokens of the template: no words of a response.
    special: HashSet<u32>,
    cancel: &'t AtomicBool,
}

/// Where more than one byte in so many of a block's part is read, the part is read ahead as a whole.
const READ_AHEAD_SHARE: u64 = 8;

impl<'t> ResponseTexts<'t> {
    /// Texts of a run's traces, until `cancel` is set.
    pub fn new(tokenizer: &'t Tokenizer, cancel: &'t AtomicBool) -> Self {
        let special = tokenizer.special_tokens().into_iter();
        Self {
            tokenizer,
            special: special.map(|(_, id)| id).collect(),
            cancel,
        }
    }

    /// The texts of traces of one block, in the order of its rows.
    fn read_block(
        &self,
        index: &Index,
        traces: &[TraceLocation],
        each: &mut dyn FnMut(TraceLocation, &str),
    ) -> Result<(), EngineError> {
        let block = index.block(traces[0]);
        let source = Source::open(block)?;
        let first = traces[0].row as usize;
        let (mut row, mut offset) = (first, bytes(&block.traces.stored[..first]));
        let last = traces[traces.len() - 1].row as usize;
        let wanted = traces
            .iter()
            .map(|trace| u64::from(block.traces.stored[trace.row as usize]));
        let part = bytes(&block.traces.stored[first..=last]);
        if wanted.sum::<u64>() > part / READ_AHEAD_SHARE {
            source.read_ahead(offset, part);
        }
        let (mut stored, mut made, mut text) = (Vec::new(), Vec::new(), Vec::new());
        for &trace in traces {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            let at = trace.row as usize;
            offset += bytes(&block.traces.stored[row..at]);
            row = at;
            source.read(at, offset, &mut stored)?;
            let ids = 4 * block.traces.tokens[at] as usize;
            made.clear();
            made.resize(ids + 8 * block.traces.spans[at] as usize, 0);
            let copy = TraceCopy {
                trace,
                ids: 0,
                spans: ids,
                offset: 0,
            };
            source.copy_into(at, &stored, &copy, &mut made)?;
            let (ids, spans) = made.split_at(ids);
            self.decode(ids, spans, &mut text)
                .map_err(|what| source.damaged(&what))?;
            each(trace, &String::from_utf8_lossy(&text));
        }
        Ok(())
    }

    /// Decodes the spans of a trace, each from a line of its own on.
    fn decode(&self, ids: &[u8], spans: &[u8], text: &mut Vec<u8>) -> Result<(), String> {
        text.clear();
        let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let ids: Vec<u32> = ids.as_chunks::<4>().0.iter().map(number).collect();
        let edges: Vec<u32> = spans.as_chunks::<4>().0.iter().map(number).collect();
        for [start, end] in edges.as_chunks::<2>().0 {
            let span = ids.get(*start as usize..*end as usize);
            let span = span.ok_or_else(|| "a trace's spans are not of its tokens".to_owned())?;
            let words = span.iter().copied().filter(|id| !self.special.contains(id));
            let words: Vec<u32> = words.collect();
            let decoded = self.tokenizer.decode_bytes(&words);
            text.extend(decoded.map_err(|error| error.to_string())?);
            text.push(b'\n');
        }
        Ok(())
    }
}

impl Texts for ResponseTexts<'_> {
    fn read(
        &self,
        index: &Index,
        traces: &[TraceLocation],
        each: &mut dyn FnMut(TraceLocation, &str),
    ) -> Result<(), CurateError> {
        // Forwards within a block, and a block's file is opened once for each such run.
        let forwards = |one: &TraceLocation, next: &TraceLocation| {
            one.block == next.block && one.row <= next.row
        };
        for traces in traces.chunk_by(forwards) {
            self.read_block(index, traces, each)
                .map_err(|error| match error {
                    EngineError::Index(error) => CurateError::Index(error),
                    EngineError::Cancelled => CurateError::Cancelled,
                    error => CurateError::Internal(error.to_string()),
                })?;
        }
        Ok(())
    }
}
