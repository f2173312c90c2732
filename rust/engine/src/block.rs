//! One block of the working store while it is made: traces in reading order, sorted when written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use octomed_files::Access;
use octomed_index::{
    Header, NewBlock, RefusalColumns, SCAN_VERSION, TraceColumns, TraceEntry, Verdict, checksum,
    part_path,
};
use octomed_trace::{Block, MAX_BLOCK_ROWS, MAX_RENDERED_BYTES, Reason};

use crate::error::EngineError;
use crate::ids::pack_ids;

/// Where a block comes from.
#[derive(Clone, Copy, Debug)]
pub struct BlockOrigin<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Path of the file, relative to the source's root.
    pub file: &'a str,
    /// Number of the block in its task.
    pub number: u32,
    /// Who may read its files.
    pub access: Access,
}

/// What the scan knows of a trace besides its ids.
#[derive(Clone, Copy, Debug)]
pub struct ScannedTrace {
    /// Hash of the identity.
    pub trace_id: u64,
    /// What the block is sorted by.
    pub shuffle_key: u64,
    /// Hash of the whole trace.
    pub hash: u128,
    /// Hash of the question.
    pub question_id: u64,
    /// Position in the file.
    pub position: u64,
    /// Row number in the task.
    pub ordinal: u64,
    /// Index of the response in its row.
    pub sample: u32,
    /// What the scan decided.
    pub verdict: Verdict,
    /// Tokens that carry loss.
    pub supervised: u32,
    /// Tokens across the edge of a supervised span.
    pub straddling: u32,
    /// Length of the rendered text.
    pub text_bytes: usize,
}

/// Collects a block and writes it.
pub struct BlockWriter<'a> {
    origin: BlockOrigin<'a>,
    header: Header,
    traces: TraceColumns,
    refusals: RefusalColumns,
    /// Spans and packed ids, in reading order.
    arena: Vec<u8>,
    /// The number of each detail of the refusals.
    details: HashMap<String, u32>,
    /// The most text that the traces so far may have been rendered to.
    rendered: u64,
}

/// The longest detail of a refusal; a name out of a file may be as long as its row.
const MAX_DETAIL_BYTES: usize = 500;

impl<'a> BlockWriter<'a> {
    /// An empty block for the rows of `block`, in the memory of one before.
    pub fn new(block: &Block, origin: BlockOrigin<'a>, mut arena: Vec<u8>) -> Self {
        let header = Header {
            version: SCAN_VERSION,
            source: origin.source.to_owned(),
            file: origin.file.to_owned(),
            number: origin.number,
            is_last: true,
            first_ordinal: block.first_ordinal(),
            rows: block.rows(),
            source_bytes: block.source_bytes(),
            ..Header::default()
        };
        // More than half the source's bytes: two for a token of about four, prompts again with each response.
        arena.clear();
        let expected = block.source_bytes().min(MAX_RENDERED_BYTES);
        octomed_memory::reserve(&mut arena, expected as usize / 8 * 5);
        Self::with_header(origin, header, arena)
    }

    fn with_header(origin: BlockOrigin<'a>, header: Header, mut arena: Vec<u8>) -> Self {
        arena.clear();
        Self {
            origin,
            header,
            arena,
            traces: TraceColumns::default(),
            refusals: RefusalColumns::default(),
            details: HashMap::new(),
            rendered: 0,
        }
    }

    /// Whether a trace that is rendered to `bytes` at most belongs to the next part: this one has as much text, or
    /// as many traces, as a worker shall hold. It is asked before the trace is rendered, and by lengths alone, so
    /// that parts depend on rows and on nothing else.
    pub fn is_full(&self, bytes: u64) -> bool {
        let traces = self.traces.len();
        traces >= MAX_BLOCK_ROWS
            || (traces > 0 && self.rendered.saturating_add(bytes) > MAX_RENDERED_BYTES)
    }

    /// Notes that the next trace is rendered to so many bytes at most.
    pub fn announce(&mut self, bytes: u64) {
        self.rendered = self.rendered.saturating_add(bytes);
    }

    /// Writes what is there as a part of the block, and begins the next. Rows so far are of the first part.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn next_part(self, directory: Option<&Path>) -> Result<(Header, Self), EngineError> {
        let origin = self.origin;
        let next = Header {
            version: SCAN_VERSION,
            source: origin.source.to_owned(),
            file: origin.file.to_owned(),
            number: origin.number,
            part: self.header.part + 1,
            is_last: true,
            first_ordinal: self.header.first_ordinal,
            ..Header::default()
        };
        let mut written = self;
        written.header.is_last = false;
        let (header, arena) = match directory {
            Some(directory) => written.finish(directory)?,
            None => written.into_header(),
        };
        Ok((header, Self::with_header(origin, next, arena)))
    }

    /// Notes a source row that gave no trace.
    ///
    /// # Errors
    /// When a task has more rows than 32 bits count.
    pub fn reject(
        &mut self,
        position: u64,
        ordinal: u64,
        reason: Reason,
        detail: &str,
    ) -> Result<(), EngineError> {
        let ordinal = row_number(ordinal)?;
        if reason.is_unreadable() {
            self.header.rows_unreadable += 1;
        } else {
            self.header.rows_without_trace += 1;
        }
        self.refusals.position.push(position);
        self.refusals.ordinal.push(ordinal);
        self.refusals.reason.push(reason.code());
        let detail = shortened(detail);
        let number = match self.details.get(&*detail) {
            Some(number) => *number,
            None => self.add_detail(detail.into_owned()),
        };
        self.refusals.detail.push(number);
        Ok(())
    }

    fn add_detail(&mut self, detail: String) -> u32 {
        let number = self.refusals.details.len() as u32;
        self.refusals.details.push(detail.clone());
        self.details.insert(detail, number);
        number
    }

    /// Counts a row that is packed without its pictures.
    pub fn count_pictures(&mut self, pictures: Option<u64>) {
        self.header.rows_without_pictures += u64::from(pictures.is_some());
    }

    /// Adds a trace; one without ids is a rejected one.
    ///
    /// # Errors
    /// When a trace's ids pass 4 GiB, or a task has more rows than 32 bits count.
    pub fn trace(
        &mut self,
        trace: &ScannedTrace,
        ids: &[u32],
        spans: &[[u32; 2]],
    ) -> Result<(), EngineError> {
        let start = self.arena.len();
        for edge in spans.iter().flatten() {
            self.arena.extend_from_slice(&edge.to_le_bytes());
        }
        pack_ids(ids, &mut self.arena);
        let narrow = |value: usize, what: &str| {
            let message = || format!("a trace has {value} {what}, more than 32 bits count");
            u32::try_from(value).map_err(|_| EngineError::TooLarge(message()))
        };
        let stored = narrow(self.arena.len() - start, "stored bytes")?;
        let ordinal = row_number(trace.ordinal)?;
        let entry = TraceEntry {
            trace_id: trace.trace_id,
            shuffle_key: trace.shuffle_key,
            hash_high: (trace.hash >> 64) as u64,
            hash_low: trace.hash as u64,
            question_id: trace.question_id,
            position: trace.position,
            ordinal,
            sample: trace.sample,
            tokens: narrow(ids.len(), "tokens")?,
            supervised: trace.supervised,
            spans: narrow(spans.len(), "spans")?,
            stored,
            checksum: checksum(&self.arena[start..]),
            images: 0,
            verdict: trace.verdict as u8,
        };
        self.traces.push(&entry);
        self.header.traces += 1;
        self.header.traces_rejected += u64::from(trace.verdict != Verdict::Kept);
        self.header.text_bytes += trace.text_bytes as u64;
        self.header.tokens += ids.len() as u64;
        self.header.stored_bytes += u64::from(stored);
        self.header.straddling += u64::from(trace.straddling);
        Ok(())
    }

    /// The header alone, and the memory for another block.
    pub fn into_header(self) -> (Header, Vec<u8>) {
        (self.header, self.arena)
    }

    /// Writes the block, sorted by shuffle key ([`NewBlock::write`]). Gives its memory back for another block.
    ///
    /// # Errors
    /// When a file cannot be written; no half file is left.
    pub fn finish(self, directory: &Path) -> Result<(Header, Vec<u8>), EngineError> {
        let stem = directory.join(self.origin.number.to_string());
        let stem = part_path(&stem, self.header.part);
        let block = NewBlock {
            traces: self.traces,
            refusals: self.refusals,
            stored: &self.arena,
            ..NewBlock::new(&self.header)
        };
        block.write(&stem, self.origin.access)?;
        Ok((self.header, self.arena))
    }
}

/// A row number as the index keeps it.
fn row_number(ordinal: u64) -> Result<u32, EngineError> {
    u32::try_from(ordinal).map_err(|_| {
        EngineError::TooLarge(format!(
            "row {ordinal} of a file: one task has at most 4,294,967,296 rows"
        ))
    })
}

/// A detail without what is too long of it.
fn shortened(detail: &str) -> Cow<'_, str> {
    if detail.len() <= MAX_DETAIL_BYTES {
        return Cow::Borrowed(detail);
    }
    let mut end = MAX_DETAIL_BYTES;
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &detail[..end]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_row_number_beyond_32_bits_is_an_error_and_no_other_row() {
        let origin = BlockOrigin {
            source: "a",
            file: "b",
            number: 0,
            access: Access::Owner,
        };
        let mut writer = BlockWriter::with_header(origin, Header::default(), Vec::new());
        let last = u64::from(u32::MAX);
        writer.reject(0, last, Reason::InvalidJson, "").unwrap();
        for ordinal in [last + 1, u64::MAX] {
            let error = writer
                .reject(0, ordinal, Reason::InvalidJson, "")
                .unwrap_err();
            assert!(matches!(error, EngineError::TooLarge(_)), "{error}");
        }
        let (header, _) = writer.into_header();
        assert_eq!(header.rows_unreadable, 1);
    }
}
