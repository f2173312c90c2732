//! The scan of one block: rows become traces of its parts.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_index::{Header, TraceMeasures, Verdict};
use octomed_trace::{Body, Finding, IdentityHasher, Row, Turn, question_id};

use crate::block::{BlockOrigin, BlockWriter, CuratedTrace, ScannedTrace};
use crate::curation::RowCuration;
use crate::decoding_ahead::Help;
use crate::error::EngineError;
use crate::filtered::Filtered;
use crate::image_reading::SeenPaths;
use crate::laid_out::LaidOut;
use crate::row_images::{Failure, RowImages};
use crate::row_scan::RowScan;
use crate::scratch::{ScanResult, Scratch};

/// A block that is being scanned.
pub struct BlockScan<'a, 'origin> {
    scanner: &'a RowScan,
    hasher: IdentityHasher,
    scratch: &'a mut Scratch,
    /// There but while a part is written.
    writer: Option<BlockWriter<'origin>>,
    directory: Option<&'a Path>,
    /// Parts that are written.
    parts: Vec<Header>,
    cancel: &'a AtomicBool,
    seen: SeenPaths,
    /// Who helps with images, if anybody may.
    help: Option<Help<'a>>,
    has_help: bool,
    /// What filters of the user's own left out of the block.
    filtered: Option<&'a Filtered>,
}

impl<'a, 'origin> BlockScan<'a, 'origin> {
    /// A scan that has seen no row.
    pub fn new(
        scanner: &'a RowScan,
        origin: BlockOrigin<'origin>,
        writer: BlockWriter<'origin>,
        directory: Option<&'a Path>,
        scratch: &'a mut Scratch,
        cancel: &'a AtomicBool,
    ) -> Self {
        Self {
            scanner,
            hasher: IdentityHasher::new(origin.source, origin.file),
            scratch,
            writer: Some(writer),
            directory,
            parts: Vec::new(),
            cancel,
            seen: SeenPaths::default(),
            help: None,
            has_help: false,
            filtered: None,
        }
    }

    /// The scan with those who help, once there is an image.
    pub fn with_help(self, help: Option<Help<'a>>) -> Self {
        Self { help, ..self }
    }

    /// The scan without what filters left out.
    pub fn with_filtered(self, filtered: Option<&'a Filtered>) -> Self {
        Self { filtered, ..self }
    }

    /// The headers of the parts that are written, and the part that is open.
    ///
    /// # Errors
    /// When a part could not be written.
    pub fn finish(self) -> Result<(Vec<Header>, BlockWriter<'origin>), EngineError> {
        let writer = self.writer.ok_or(EngineError::Cancelled)?;
        Ok((self.parts, writer))
    }

    /// Takes what a row of the block is.
    ///
    /// # Errors
    /// When the scan ends.
    pub fn finding(&mut self, finding: Finding<'_>) -> Result<(), EngineError> {
        self.check()?;
        if let Some(help) = &self.help {
            help.rows.begin_row();
        }
        match finding {
            Finding::Row(row) => match self.row(&row) {
                Err(Failure::Row(fault)) => {
                    let (reason, detail) = (fault.reason, &fault.detail);
                    let writer = self.writer()?;
                    writer.count_refused_images(&row);
                    writer.reject(row.position, row.ordinal, reason, detail)
                }
                Err(Failure::Scan(error)) => Err(error),
                Ok(()) => Ok(()),
            },
            Finding::Refused(refusal) => self.writer()?.reject(
                refusal.position,
                refusal.ordinal,
                refusal.reason,
                &refusal.detail,
            ),
        }
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(EngineError::Cancelled);
        }
        Ok(())
    }

    /// Adds the traces of a row, or gives why it has none.
    fn row(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        let scanner = self.scanner;
        scanner.with_curation(row, |row, curated| self.add(row, curated))
    }

    /// Adds the traces of a row as it is rendered.
    fn add(&mut self, row: &Row<'_>, curated: Option<&RowCuration<'_>>) -> Result<(), Failure> {
        let images = self.images(row)?;
        let mut prompt = std::mem::take(&mut self.scratch.prompt);
        let scanner = self.scanner;
        let added = match scanner.lay_out(row, &images, &mut prompt) {
            Ok(laid) => self
                .traces(row, images, &laid, curated)
                .map_err(Failure::Scan),
            Err(failure) => Err(failure),
        };
        self.scratch.prompt = prompt;
        added
    }

    /// The images that a row shows; the part notes in which files they were looked for.
    fn images(&mut self, row: &Row<'_>) -> Result<RowImages, Failure> {
        if row.images.is_empty() {
            return Ok(RowImages::default());
        }
        if let Some(help) = self.help.filter(|_| !self.has_help) {
            self.has_help = true;
            (help.start)();
        }
        let writer = self.writer.as_mut();
        let writer = writer.ok_or(Failure::Scan(EngineError::Cancelled))?;
        let is_held = |hash| writer.holds_image(hash);
        let images = self.scanner.row_images(row, &mut self.seen, is_held);
        writer.note_files(&mut self.seen.files);
        images
    }

    fn traces(
        &mut self,
        row: &Row<'_>,
        mut images: RowImages,
        laid: &LaidOut<'_>,
        curated: Option<&RowCuration<'_>>,
    ) -> Result<(), EngineError> {
        // Of the row as it came: what is masked in two questions may be all that differs.
        let question_id = question_id_of(curated.map_or(row, RowCuration::row), images.hash(row));
        let stem = curated.map(|_| row.body.stem()).unwrap_or_default();
        // Pictures that are not read make no other question of its words: they are compared with nothing.
        let pictures = (!images.images.is_empty()).then(|| images.hash(row));
        let hashes = images.images.iter();
        let hashes = hashes.map(|image| [image.hash, image.facts.pixel_hash]);
        let question =
            curated.and_then(|one| one.question(&stem, question_id, pictures.flatten(), hashes));
        self.scratch.images = images.shown_hash(row, &laid.shown);
        let shown: Vec<u64> = laid
            .shown
            .iter()
            .map(|&place| images.images[place].hash)
            .collect();
        let first = images.images.first().map(|image| image.hash);
        self.writer()?.count_images(row, &images);
        let Self {
            scanner,
            hasher,
            scratch,
            writer,
            directory,
            parts,
            cancel,
            filtered,
            ..
        } = self;
        let left_out = |sample| filtered.and_then(|one| one.of(row.ordinal, sample));
        let writer = RefCell::new(writer);
        let mut make_room = |bytes: u64| {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            let mut slot = writer.borrow_mut();
            let mut open = slot.take().ok_or(EngineError::Cancelled)?;
            if open.is_full(bytes, &images) {
                let (header, next) = open.next_part(&mut images, *directory)?;
                parts.push(header);
                open = next;
            }
            open.announce(bytes, &mut images);
            **slot = Some(open);
            Ok(())
        };
        scanner.traces(
            laid,
            curated,
            &|sample| left_out(sample).is_some(),
            scratch,
            &mut make_room,
            |sample, result, scratch| {
                let ScanResult {
                    verdict,
                    supervised,
                    straddling,
                    hash,
                } = result;
                let own_key = hasher.shuffle_key(row.position, sample);
                let trace = ScannedTrace {
                    trace_id: hasher.trace_id(row.position, sample),
                    shuffle_key: first.map_or(own_key, |image| shuffle_key(image, own_key)),
                    hash,
                    question_id,
                    position: row.position,
                    ordinal: row.ordinal,
                    sample,
                    verdict,
                    supervised,
                    straddling,
                    text_bytes: scratch.rendered.text.len(),
                };
                let mut slot = writer.borrow_mut();
                let open = slot.as_mut().ok_or(EngineError::Cancelled)?;
                open.trace(&trace, &scratch.ids, &scratch.spans, &shown)?;
                if verdict == Verdict::Filtered
                    && let Some(left) = left_out(sample)
                {
                    open.filtered(&trace, left);
                }
                if curated.is_some() {
                    open.curated(&CuratedTrace {
                        measures: TraceMeasures {
                            text_bytes: trace.text_bytes as u32,
                            // A trace that a condition leaves out is not rendered, and says which condition instead.
                            straddling: match verdict {
                                Verdict::NotKept => scratch.curation.condition,
                                _ => straddling,
                            },
                            ..scratch.curation.measures
                        },
                        bands: &scratch.bands,
                        question: question.as_ref(),
                    });
                }
                Ok(())
            },
        )
    }

    /// The part that is open; a failure to write one ends the scan, so that nobody asks after it.
    fn writer(&mut self) -> Result<&mut BlockWriter<'origin>, EngineError> {
        self.writer.as_mut().ok_or(EngineError::Cancelled)
    }
}

/// The key of a trace with images: that of its first image, so that the traces of an image come together, then its
/// own.
fn shuffle_key(image: u64, own: u64) -> u64 {
    (image & 0xFFFF_FFFF_0000_0000) | (own >> 32)
}

/// The id of the question that a row asks about the images of this hash.
pub fn question_id_of(row: &Row<'_>, images: Option<u64>) -> u64 {
    match &row.body {
        Body::Question {
            question, options, ..
        } => {
            let options = options.iter().map(|option| option.text);
            question_id(question, options, images)
        }
        Body::Conversation(turns) => {
            let asked = turns.iter().find(|turn| turn.role == "user");
            let asked = asked.map_or_else(Cow::default, Turn::text);
            question_id(&asked, [], images)
        }
    }
}
