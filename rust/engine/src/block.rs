//! One block of the working store while it is made: traces in reading order, sorted when written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{ErrorKind, IoSlice, Write};
use std::path::Path;

use octomed_curate::Verdict;
use octomed_files::{Sync, Temporary};
use octomed_trace::{Block, MAX_BLOCK_ROWS, MAX_RENDERED_BYTES, Reason};

use crate::error::EngineError;
use crate::ids::pack_ids;
use crate::index::{
    Header, RefusalColumns, SCAN_VERSION, TraceColumns, checksum, index_bytes, part_path,
};
use crate::scan::BlockPlace;

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
    place: BlockPlace<'a>,
    header: Header,
    traces: TraceColumns,
    refusals: RefusalColumns,
    /// Spans and packed ids, in reading order.
    arena: Vec<u8>,
    /// Where each trace begins in the arena.
    starts: Vec<usize>,
    /// The number of each detail of the refusals.
    details: HashMap<String, u32>,
    /// The most text that the traces so far may have been rendered to.
    rendered: u64,
}

/// The longest detail of a refusal; a name out of a file may be as long as its row.
const MAX_DETAIL_BYTES: usize = 500;

impl<'a> BlockWriter<'a> {
    /// An empty block for the rows of `block`, in the memory of one before.
    pub fn new(block: &Block, place: BlockPlace<'a>, mut arena: Vec<u8>) -> Self {
        let header = Header {
            version: SCAN_VERSION,
            source: place.source.to_owned(),
            file: place.file.to_owned(),
            number: place.number,
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
        Self::with_header(place, header, arena)
    }

    fn with_header(place: BlockPlace<'a>, header: Header, mut arena: Vec<u8>) -> Self {
        arena.clear();
        Self {
            place,
            header,
            arena,
            traces: TraceColumns::default(),
            refusals: RefusalColumns::default(),
            starts: Vec::new(),
            details: HashMap::new(),
            rendered: 0,
        }
    }

    /// Whether a trace that is rendered to `bytes` at most belongs to the next part: this one has as much text, or
    /// as many traces, as a worker shall hold. It is asked before the trace is rendered, and by lengths alone, so
    /// that parts depend on rows and on nothing else.
    pub fn is_full(&self, bytes: u64) -> bool {
        let traces = self.starts.len();
        traces >= MAX_BLOCK_ROWS
            || (traces > 0 && self.rendered.saturating_add(bytes) > MAX_RENDERED_BYTES)
    }

    /// Notes that the next trace is rendered to so many bytes at most.
    pub fn expect(&mut self, bytes: u64) {
        self.rendered = self.rendered.saturating_add(bytes);
    }

    /// Writes what is there as a part of the block, and begins the next. Rows so far are of the first part.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn next_part(self, directory: Option<&Path>) -> Result<(Header, Self), EngineError> {
        let place = self.place;
        let next = Header {
            version: SCAN_VERSION,
            source: place.source.to_owned(),
            file: place.file.to_owned(),
            number: place.number,
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
        Ok((header, Self::with_header(place, next, arena)))
    }

    /// Notes a source row that gave no trace.
    pub fn refuse(&mut self, position: u64, ordinal: u64, reason: Reason, detail: &str) {
        if reason.is_unreadable() {
            self.header.rows_unreadable += 1;
        } else {
            self.header.rows_without_trace += 1;
        }
        self.refusals.position.push(position);
        self.refusals
            .ordinal
            .push(u32::try_from(ordinal).unwrap_or(u32::MAX));
        self.refusals.reason.push(reason.code());
        let detail = shortened(detail);
        let number = match self.details.get(&*detail) {
            Some(number) => *number,
            None => self.add_detail(detail.into_owned()),
        };
        self.refusals.detail.push(number);
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
            u32::try_from(value)
                .map_err(|_| EngineError::Settings(format!("{what} of a trace pass 32 bits")))
        };
        let stored = narrow(self.arena.len() - start, "stored bytes")?;
        let ordinal = u32::try_from(trace.ordinal)
            .map_err(|_| EngineError::Settings("a task has more than 4,294,967,295 rows".into()))?;
        self.starts.push(start);
        let columns = &mut self.traces;
        columns.trace_id.push(trace.trace_id);
        columns.shuffle_key.push(trace.shuffle_key);
        columns.hash_high.push((trace.hash >> 64) as u64);
        columns.hash_low.push(trace.hash as u64);
        columns.question_id.push(trace.question_id);
        columns.position.push(trace.position);
        columns.ordinal.push(ordinal);
        columns.sample.push(trace.sample);
        columns.tokens.push(narrow(ids.len(), "tokens")?);
        columns.supervised.push(trace.supervised);
        columns.spans.push(narrow(spans.len(), "spans")?);
        columns.stored.push(stored);
        columns.checksum.push(checksum(&self.arena[start..]));
        columns.verdict.push(trace.verdict as u8);
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

    /// Sorts the block by shuffle key and writes it: the ids first, the index last. Gives its memory back for
    /// another block.
    ///
    /// The disk begins with its work and is not waited for: whoever calls the task finished syncs its files first.
    ///
    /// # Errors
    /// When a file cannot be written; no half file is left.
    pub fn finish(self, directory: &Path) -> Result<(Header, Vec<u8>), EngineError> {
        let order = self.order();
        let stem = directory.join(self.place.number.to_string());
        let stem = part_path(&stem, self.header.part);
        let ids_path = stem.with_extension("ids");
        let ids = self.write_ids(&ids_path, &order)?;
        let index_path = stem.with_extension("index");
        let access = self.place.access;
        let Self {
            header,
            traces,
            refusals,
            arena,
            ..
        } = self;
        let bytes = index_bytes(&index_path, &header, reorder(traces, &order), refusals)?;
        let write_index = || {
            let mut index = Temporary::beside(&index_path, access)?;
            index.file().write_all(&bytes)?;
            Ok(index)
        };
        let index = write_index().map_err(EngineError::file("write", &index_path))?;
        ids.rename(Sync::Later)
            .map_err(EngineError::file("write", &ids_path))?;
        index
            .rename(Sync::Later)
            .map_err(EngineError::file("write", &index_path))?;
        Ok((header, arena))
    }

    fn order(&self) -> Vec<u32> {
        let traces = &self.traces;
        let mut order: Vec<u32> = (0..).take(traces.shuffle_key.len()).collect();
        order.sort_unstable_by_key(|&row| {
            let row = row as usize;
            (
                traces.shuffle_key[row],
                traces.position[row],
                traces.sample[row],
            )
        });
        order
    }

    fn write_ids(&self, path: &Path, order: &[u32]) -> Result<Temporary, EngineError> {
        let write = || {
            let mut temporary = Temporary::beside(path, self.place.access)?;
            let stored = |&row: &u32| {
                let start = self.starts[row as usize];
                IoSlice::new(&self.arena[start..start + self.traces.stored[row as usize] as usize])
            };
            for rows in order.chunks(SLICES_A_WRITE) {
                let mut slices: Vec<IoSlice<'_>> = rows.iter().map(stored).collect();
                write_slices(temporary.file(), &mut slices)?;
            }
            Ok(temporary)
        };
        write().map_err(EngineError::file("write", path))
    }
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

/// As many as the system takes at once.
const SLICES_A_WRITE: usize = 1024;

/// Writes all of the slices, from where they lie.
fn write_slices(file: &mut impl Write, mut slices: &mut [IoSlice<'_>]) -> std::io::Result<()> {
    // Empty slices alone would look like a file that takes no more.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn reorder(columns: TraceColumns, order: &[u32]) -> TraceColumns {
    fn pick<T: Copy>(column: &[T], order: &[u32]) -> Vec<T> {
        order.iter().map(|&row| column[row as usize]).collect()
    }
    TraceColumns {
        trace_id: pick(&columns.trace_id, order),
        shuffle_key: pick(&columns.shuffle_key, order),
        hash_high: pick(&columns.hash_high, order),
        hash_low: pick(&columns.hash_low, order),
        question_id: pick(&columns.question_id, order),
        position: pick(&columns.position, order),
        ordinal: pick(&columns.ordinal, order),
        sample: pick(&columns.sample, order),
        tokens: pick(&columns.tokens, order),
        supervised: pick(&columns.supervised, order),
        spans: pick(&columns.spans, order),
        stored: pick(&columns.stored, order),
        checksum: pick(&columns.checksum, order),
        verdict: pick(&columns.verdict, order),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Takes a few bytes at a time, as a disk that fills up or a signal make a file do.
    struct Reluctant {
        taken: Vec<u8>,
        room: usize,
        interrupt: bool,
    }

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.interrupt = !self.interrupt;
            if self.interrupt {
                return Err(ErrorKind::Interrupted.into());
            }
            let taken = bytes.len().min(7).min(self.room - self.taken.len());
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(parts: &[&[u8]], room: usize) -> std::io::Result<Vec<u8>> {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let (taken, interrupt) = (Vec::new(), false);
        let mut file = Reluctant {
            taken,
            room,
            interrupt,
        };
        write_slices(&mut file, &mut slices)?;
        Ok(file.taken)
    }

    #[test]
    fn slices_are_written_whole_and_in_order() {
        let long = [b'x'; 100];
        let parts: [&[u8]; 6] = [b"", b"ab", b"", &long, b"c", b""];
        assert_eq!(written(&parts, 1000).unwrap(), parts.concat());
        assert_eq!(written(&[b"", b""], 0).unwrap(), b"");
        assert_eq!(written(&[], 0).unwrap(), b"");
    }

    #[test]
    fn a_file_that_takes_no_more_is_an_error() {
        let error = written(&[b"abc", b"def"], 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }
}
