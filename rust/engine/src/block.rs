//! One block of the working store while it is made: traces in reading order, sorted when written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use octomed_files::Access;
use octomed_index::{
    AnswerState, FilteredColumns, Header, ImageFiles, MEASURES, NewBlock, NewImages, Question,
    QuestionTable, RefusalColumns, SCAN_VERSION, SideColumn, TraceColumns, TraceEntry,
    TraceMeasures, Verdict, bands, checksum, part_path,
};
use octomed_trace::{Block, MAX_BLOCK_ROWS, MAX_RENDERED_BYTES, Reason, Row};

use crate::curation::Extras;
use crate::error::EngineError;
use crate::ids::pack_ids;
use crate::row_images::RowImages;

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
    /// The images of the rows so far.
    images: NewImages,
    /// The files in which images were looked for.
    files: ImageFiles,
    /// What there is besides traces.
    extras: Extras,
    /// The records of what was measured, in reading order.
    measures: Vec<u8>,
    /// Band keys, in reading order.
    bands: Vec<u8>,
    questions: QuestionTable,
    /// What filters left out, in reading order.
    filtered: FilteredColumns,
}

/// What curation knows of a trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct CuratedTrace<'t> {
    /// What was measured.
    pub measures: TraceMeasures,
    /// Its band keys.
    pub bands: &'t [u64],
    /// The question of its row, if a rule reads it.
    pub question: Option<&'t Question<'t>>,
}

/// Bytes of images at which a part is closed.
pub const MAX_IMAGE_BYTES: u64 = 64 << 20;

/// The longest detail of a refusal; a name out of a file may be as long as its row.
const MAX_DETAIL_BYTES: usize = 500;

impl<'a> BlockWriter<'a> {
    /// An empty block for the rows of `block`, in the memory of one before.
    pub fn new(block: &Block, origin: BlockOrigin<'a>, extras: Extras, mut arena: Vec<u8>) -> Self {
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
        Self::with_header(origin, header, extras, arena)
    }

    fn with_header(
        origin: BlockOrigin<'a>,
        header: Header,
        extras: Extras,
        mut arena: Vec<u8>,
    ) -> Self {
        arena.clear();
        Self {
            origin,
            header,
            arena,
            traces: TraceColumns::default(),
            refusals: RefusalColumns::default(),
            details: HashMap::new(),
            rendered: 0,
            images: NewImages::default(),
            files: ImageFiles::new(),
            extras,
            measures: Vec::new(),
            bands: Vec::new(),
            questions: QuestionTable::default(),
            filtered: FilteredColumns::default(),
        }
    }

    /// Whether a trace that is rendered to `bytes` at most, of a row with these images, belongs to the next part:
    /// this one has as much text, as many bytes of images, or as many traces, as a worker shall hold. It is asked
    /// before the trace is rendered, and by lengths alone, so that parts depend on rows and on nothing else.
    pub fn is_full(&self, bytes: u64, images: &RowImages) -> bool {
        let traces = self.traces.len();
        let new = images.new.iter().map(|image| image.stored.len() as u64);
        traces >= MAX_BLOCK_ROWS
            || (traces > 0
                && (self.rendered.saturating_add(bytes) > MAX_RENDERED_BYTES
                    || self.images.bytes() + new.sum::<u64>() > MAX_IMAGE_BYTES))
    }

    /// Notes that the next trace is rendered to so many bytes at most, and takes what is new of its row's images.
    pub fn announce(&mut self, bytes: u64, images: &mut RowImages) {
        self.rendered = self.rendered.saturating_add(bytes);
        for image in images.new.drain(..) {
            self.images.add(image);
        }
    }

    /// Whether what is stored of the image with this hash is held.
    pub fn holds_image(&self, hash: u64) -> bool {
        self.images.number(hash).is_some()
    }

    /// Notes, and takes out of `files`, in which files images were looked for.
    pub fn note_files(&mut self, files: &mut ImageFiles) {
        self.files.append(files);
    }

    /// Writes what is there as a part of the block, and begins the next. Rows so far are of the first part. What is
    /// held of a row's images is new in the next part.
    ///
    /// # Errors
    /// As [`Self::close`].
    pub fn next_part(
        self,
        images: &mut RowImages,
        directory: Option<&Path>,
    ) -> Result<(Header, Self), EngineError> {
        images.renew(|hash| self.images.get(hash).cloned());
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
        let extras = self.extras.clone();
        let mut written = self;
        written.header.is_last = false;
        let (header, arena) = written.close(directory)?;
        Ok((header, Self::with_header(origin, next, extras, arena)))
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

    /// Counts a row that shows images, or is packed without them.
    pub fn count_images(&mut self, row: &Row<'_>, images: &RowImages) {
        if !images.images.is_empty() {
            self.header.rows_with_images += 1;
        } else if !row.images.is_empty() {
            self.header.rows_without_pictures += 1;
        }
    }

    /// Counts a refused row that shows images: with other settings of images it may give traces.
    pub fn count_refused_images(&mut self, row: &Row<'_>) {
        if row.images.iter().any(|image| !image.is_left_out()) {
            self.header.rows_images_refused += 1;
        }
    }

    /// Adds a trace, whose placeholders stand for the images of these hashes; one without ids is a rejected one.
    ///
    /// # Errors
    /// When a trace's ids pass 4 GiB, or a task has more rows than 32 bits count.
    pub fn trace(
        &mut self,
        trace: &ScannedTrace,
        ids: &[u32],
        spans: &[[u32; 2]],
        images: &[u64],
    ) -> Result<(), EngineError> {
        let images = if ids.is_empty() { &[] } else { images };
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
            images: placeholders(images.len())?,
            verdict: trace.verdict as u8,
        };
        for &hash in images {
            let number = self.images.number(hash);
            let lost = || EngineError::Internal("an image of a trace is not held".to_owned());
            self.images.show(number.ok_or_else(lost)?);
        }
        self.traces.push(&entry);
        self.header.traces += 1;
        self.header.traces_rejected += u64::from(trace.verdict != Verdict::Kept);
        self.header.text_bytes += trace.text_bytes as u64;
        self.header.tokens += ids.len() as u64;
        self.header.stored_bytes += u64::from(stored);
        self.header.straddling += u64::from(trace.straddling);
        Ok(())
    }

    /// Notes which filter left out the trace that was added last, and what it says of it.
    pub fn filtered(&mut self, trace: &ScannedTrace, (filter, detail): (&str, &str)) {
        let ordinal = trace.ordinal as u32; // the trace would have been refused were it larger
        let detail = shortened(detail);
        self.filtered.push(ordinal, trace.sample, filter, &detail);
        *self.header.filtered.entry(filter.to_owned()).or_default() += 1;
    }

    /// Adds what curation knows of the trace that was added last.
    pub fn curated(&mut self, trace: &CuratedTrace<'_>) {
        if self.extras.measures {
            self.measures.extend_from_slice(&trace.measures.encode());
            let state = trace.measures.state();
            if state != AnswerState::Unasked {
                let count = self.header.answers.get_mut(state.as_str());
                match count {
                    Some(count) => *count += 1,
                    None => drop(self.header.answers.insert(state.as_str().to_owned(), 1)),
                }
            }
        }
        let keys = trace.bands.iter().take(self.extras.bands as usize);
        self.bands.extend(keys.flat_map(|key| key.to_le_bytes()));
        if let Some(question) = trace.question
            && self.questions.last() != Some(question.ordinal)
        {
            self.questions.push(question);
        }
    }

    /// Writes the block into a directory, sorted by shuffle key ([`NewBlock::write`]), or nothing without one. Gives
    /// its memory back for another block.
    ///
    /// # Errors
    /// When a file cannot be written; no half file is left.
    pub fn close(mut self, directory: Option<&Path>) -> Result<(Header, Vec<u8>), EngineError> {
        let images = self.images.settled();
        let header = &mut self.header;
        header.images = images.images().len() as u64;
        header.image_bytes = images.bytes();
        header.image_placeholders = images.placeholders();
        let identifying = images.images().iter().filter(|image| image.has_metadata);
        header.images_with_metadata = identifying.count() as u64;
        header.image_files = self.files.len() as u64;
        let mut hashed = images.images().iter().map(|image| image.dhash.is_some());
        header.dhashes = header.images > 0 && hashed.all(|is_hashed| is_hashed);
        header.measures = self.extras.measures;
        header.bands = self.extras.bands;
        header.questions = (self.extras.questions).then(|| self.questions.len() as u64);
        header.limits = self.extras.limits;
        let Some(directory) = directory else {
            return Ok((self.header, self.arena));
        };
        let stem = directory.join(self.origin.number.to_string());
        let stem = part_path(&stem, self.header.part);
        let mut side: Vec<(SideColumn, Vec<u8>)> = Vec::new();
        if self.header.measures {
            side.push((MEASURES, self.measures));
        }
        if self.header.bands > 0 {
            side.push((bands(self.header.bands), self.bands));
        }
        let block = NewBlock {
            traces: self.traces,
            refusals: self.refusals,
            stored: &self.arena,
            images: &images,
            files: &self.files,
            side: &side,
            questions: self.header.questions.map(|_| &self.questions),
            filtered: self.filtered,
            ..NewBlock::new(&self.header)
        };
        block.write(&stem, self.origin.access)?;
        Ok((self.header, self.arena))
    }
}

/// A number of placeholders as the index keeps it.
fn placeholders(count: usize) -> Result<u16, EngineError> {
    u16::try_from(count)
        .map_err(|_| EngineError::TooLarge(format!("a trace has {count} placeholders of images")))
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
        let mut writer =
            BlockWriter::with_header(origin, Header::default(), Extras::default(), Vec::new());
        let last = u64::from(u32::MAX);
        writer.reject(0, last, Reason::InvalidJson, "").unwrap();
        for ordinal in [last + 1, u64::MAX] {
            let error = writer
                .reject(0, ordinal, Reason::InvalidJson, "")
                .unwrap_err();
            assert!(matches!(error, EngineError::TooLarge(_)), "{error}");
        }
        let (header, _) = writer.close(None).unwrap();
        assert_eq!(header.rows_unreadable, 1);
    }
}
