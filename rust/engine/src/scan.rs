//! SCAN: a block of source rows becomes a block of the working store.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use octomed_files::Access;
use octomed_index::{Header, TraceMeasures, Verdict};
use octomed_text::{Encoder, Prompt, Rendered, Supervise, Template, Tokenizer};
use octomed_trace::{Block, Finding, Mapping, Refusal, Row};

use crate::block::{BlockOrigin, BlockWriter};
use crate::block_scan::BlockScan;
use crate::conversations::Conversations;
use crate::curation::{Curation, Extras};
use crate::curation_settings::CurationSettings;
use crate::decoding_ahead::{Help, RowsAhead};
use crate::error::EngineError;
use crate::filtered::{FilterBatch, FilterOrigin, Filtered, LeftOut, filtered};
use crate::ids::ID_LIMIT;
use crate::image_choices::StoreChoices;
use crate::image_reading::{Images, SeenPaths};
use crate::image_settings::ImageSettings;
use crate::pass_rates::{Answered, pass_rates};
use crate::row_images::{Failure, RowImages};
use crate::row_scan::RowScan;
use crate::scratch::Scratch;

/// A trace that is looked at and not stored.
#[derive(Clone, Copy, Debug)]
pub struct Previewed<'t> {
    /// Index of the response in its row.
    pub sample: u32,
    /// What the scan decides.
    pub verdict: Verdict,
    /// The trace as its template writes it.
    pub rendered: &'t Rendered,
    /// Its ids.
    pub ids: &'t [u32],
    /// Its supervised spans.
    pub spans: &'t [[u32; 2]],
    /// What was measured of it, if anything is.
    pub measures: Option<TraceMeasures>,
}

/// What turns rows into traces: one value serves all workers.
pub struct Scanner {
    mapping: Mapping,
    tokenizer: Arc<Tokenizer>,
    rows: RowScan,
    /// Scratch of workers at rest: their word caches stay warm from block to block, their memory touched.
    idle: Arc<Mutex<Vec<Scratch>>>,
}

impl Scanner {
    /// A scanner for one source.
    ///
    /// # Errors
    /// When the vocabulary has ids too large for the working store.
    pub fn new(
        mapping: Mapping,
        template: Arc<Template>,
        prompt: Arc<Prompt>,
        tokenizer: Arc<Tokenizer>,
        system: Option<String>,
        supervise: Supervise,
    ) -> Result<Self, EngineError> {
        if tokenizer.vocabulary_size() as u64 > u64::from(ID_LIMIT) {
            return Err(EngineError::Settings(format!(
                "a vocabulary has at most {ID_LIMIT} ids"
            )));
        }
        let idle = Arc::default();
        Ok(Self {
            mapping,
            tokenizer,
            rows: RowScan {
                template,
                prompt,
                system,
                supervise,
                images: None,
                curation: None,
            },
            idle,
        })
    }

    /// Takes images, by these settings.
    ///
    /// # Errors
    /// When the folder or archive of images cannot be opened.
    pub fn with_images(mut self, settings: ImageSettings) -> Result<Self, EngineError> {
        self.rows.images = Some(Images::new(settings)?);
        Ok(self)
    }

    /// Measures responses and leaves some out, by these settings.
    ///
    /// # Errors
    /// When they contradict themselves.
    pub fn with_curation(mut self, settings: CurationSettings) -> Result<Self, EngineError> {
        self.rows.curation = Some(Curation::new(settings)?);
        Ok(self)
    }

    /// Shares the scratch of another source's workers, and what is known of images: a word cache is as large as that
    /// of all sources together has to be, and takes longer to make than a small source takes to scan.
    #[must_use]
    pub fn beside(mut self, other: &Self) -> Self {
        if let (Some(images), Some(other)) = (&mut self.rows.images, &other.rows.images) {
            images.share(other);
        }
        if Arc::ptr_eq(&self.tokenizer, &other.tokenizer) {
            self.idle = Arc::clone(&other.idle);
        }
        self
    }

    /// What makes ids of its texts, and texts of ids.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Which columns hold what.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// What decides which traces a row gives.
    pub(crate) fn rows(&self) -> &RowScan {
        &self.rows
    }

    /// Scans one block into `<directory>/<number>.ids` and `.index`, and into `<number>-1.ids` and so on where its
    /// rows are rendered to more text than a worker holds: a question with many responses is rendered with each.
    /// Of `workers` in this process, those that scan no block help with its images.
    ///
    /// # Errors
    /// When files cannot be written, the template cannot be used at all, or `cancel` is set.
    pub fn scan(
        &self,
        block: &Block,
        origin: BlockOrigin<'_>,
        directory: &Path,
        cancel: &AtomicBool,
        workers: usize,
    ) -> Result<Vec<Header>, EngineError> {
        self.scan_filtered(block, origin, directory, cancel, workers, None)
    }

    /// The same without the traces that filters of the user's own left out.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_filtered(
        &self,
        block: &Block,
        origin: BlockOrigin<'_>,
        directory: &Path,
        cancel: &AtomicBool,
        workers: usize,
        filtered: Option<&Filtered>,
    ) -> Result<Vec<Header>, EngineError> {
        let place = Some(directory);
        let Some(images) = &self.rows.images else {
            return self.scan_parts(block, origin, place, cancel, None, filtered);
        };
        let _scanning = images.workers().scanning();
        if workers <= 1 || !images.decodes() {
            return self.scan_parts(block, origin, place, cancel, None, filtered);
        }
        let rows = &RowsAhead::new(block, &self.mapping, images, cancel, workers);
        thread::scope(|scope| {
            let _ending = rows.ending();
            let start = || rows.start(scope);
            let help = Help {
                rows,
                start: &start,
            };
            self.scan_parts(block, origin, place, cancel, Some(help), filtered)
        })
    }

    /// Scans a block, part by part; nothing is written without a directory.
    fn scan_parts(
        &self,
        block: &Block,
        origin: BlockOrigin<'_>,
        directory: Option<&Path>,
        cancel: &AtomicBool,
        help: Option<Help<'_>>,
        filtered: Option<&Filtered>,
    ) -> Result<Vec<Header>, EngineError> {
        let mut scratch = self.borrow_scratch();
        let arena = std::mem::take(&mut scratch.arena);
        let extras = self.rows.curation.as_ref();
        let extras = extras.map_or_else(Extras::default, Curation::extras);
        let writer = BlockWriter::new(block, origin, extras, arena);
        let scan = BlockScan::new(&self.rows, origin, writer, directory, &mut scratch, cancel);
        let mut scan = scan.with_help(help).with_filtered(filtered);
        block.for_each(&self.mapping, |finding| scan.finding(finding))?;
        let (mut headers, writer) = scan.finish()?;
        let (header, arena) = writer.close(directory)?;
        headers.push(header);
        scratch.arena = arena;
        self.give_back(scratch);
        Ok(headers)
    }

    /// The header that a scan of the block would write, nothing written.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn measure(&self, block: &Block) -> Result<Header, EngineError> {
        let origin = BlockOrigin {
            source: "",
            file: "",
            number: 0,
            access: Access::Owner,
        };
        let never = AtomicBool::new(false);
        let headers = self.scan_parts(block, origin, None, &never, None, None)?;
        Ok(Header::sum(headers))
    }

    /// Renders and encodes one row's traces without storing them, for `inspect` and `plan`. Gives its images, with
    /// what is stored of each, or why the row is refused.
    ///
    /// # Errors
    /// When the template cannot be used, or an image cannot be read.
    pub fn preview(
        &self,
        row: &Row<'_>,
        mut see: impl FnMut(&Previewed<'_>),
    ) -> Result<Result<RowImages, Refusal>, EngineError> {
        let mut scratch = self.borrow_scratch();
        let measured = self.rows.curation.as_ref();
        let measured = measured.is_some_and(Curation::is_measured);
        let shown = self.rows.with_curation(row, |row, curated| {
            let images = self
                .rows
                .row_images(row, &mut SeenPaths::default(), |_| false)?;
            let mut prompt = std::mem::take(&mut scratch.prompt);
            let laid = self.rows.lay_out(row, &images, &mut prompt)?;
            scratch.images = images.shown_hash(row, &laid.shown);
            let traces = self.rows.traces(
                &laid,
                curated,
                &|_| false,
                &mut scratch,
                &mut |_| Ok(()),
                |sample, result, scratch| {
                    see(&Previewed {
                        sample,
                        verdict: result.verdict,
                        rendered: &scratch.rendered,
                        ids: &scratch.ids,
                        spans: &scratch.spans,
                        measures: measured.then_some(scratch.curation.measures),
                    });
                    Ok(())
                },
            );
            traces.map_err(Failure::Scan)?;
            Ok(images)
        });
        self.give_back(scratch);
        match shown {
            Ok(images) => Ok(Ok(images)),
            Err(Failure::Row(fault)) => Ok(Err(fault.of(row))),
            Err(Failure::Scan(error)) => Err(error),
        }
    }

    /// What filters of the user's own leave out of a block: `decide` gets the traces that curation lets pass, as
    /// columns, batch by batch.
    ///
    /// # Errors
    /// When a row cannot be read, `cancel` is set, or `decide` fails.
    pub fn filtered<E: From<EngineError>>(
        &self,
        block: &Block,
        origin: FilterOrigin<'_>,
        cancel: &AtomicBool,
        decide: impl FnMut(FilterBatch) -> Result<Vec<LeftOut>, E>,
    ) -> Result<Filtered, E> {
        filtered(&self.rows, &self.mapping, block, origin, cancel, decide)
    }

    /// The traces of a row as turns, as the template gets them; nothing is rendered or encoded.
    ///
    /// # Errors
    /// When a file of images or the prompt cannot be used at all.
    pub fn conversations(
        &self,
        row: &Row<'_>,
    ) -> Result<Result<Conversations, Refusal>, EngineError> {
        self.rows.conversations(row)
    }

    /// Right and all responses of each question of a block, whose answers the scanner compares.
    ///
    /// # Errors
    /// When a row or a file cannot be read.
    pub fn pass_rates(&self, block: &Block) -> Result<BTreeMap<u64, Answered>, EngineError> {
        pass_rates(&self.rows, &self.mapping, block)
    }

    /// What the first distinct images of a block, `most` of them or few more, take for each choice of how they are
    /// stored; nothing of a scanner that takes no images.
    ///
    /// # Errors
    /// When a row or a file cannot be read.
    pub fn store_choices(&self, block: &Block, most: u64) -> Result<StoreChoices, EngineError> {
        let (mut held, mut choices) = (HashSet::new(), StoreChoices::default());
        let Some(images) = &self.rows.images else {
            return Ok(choices);
        };
        block.for_each(&self.mapping, |finding| match finding {
            Finding::Row(row) if choices.images < most => {
                images.choices_of_row(&row, &mut held, &mut choices)
            }
            _ => Ok(()),
        })?;
        Ok(choices)
    }

    /// The addresses of images that are fetched before a block is scanned, each with the path, without ending, under
    /// which what comes of it is kept; none unless the recipe asks for it.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn image_addresses(&self, block: &Block) -> Result<BTreeMap<String, PathBuf>, EngineError> {
        let mut addresses = BTreeMap::new();
        let Some(images) = self.rows.images.as_ref().filter(|images| images.fetches()) else {
            return Ok(addresses);
        };
        block.for_each(&self.mapping, |finding| {
            if let Finding::Row(row) = finding {
                images.addresses_of_row(&row, &mut addresses);
            }
            Ok::<(), EngineError>(())
        })?;
        Ok(addresses)
    }

    /// Drops the scratch of workers at rest, once nothing is left to scan.
    pub fn release_memory(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = Vec::new();
        drop(idle);
        if let Some(images) = &self.rows.images {
            images.forget();
        }
    }

    fn give_back(&self, mut scratch: Scratch) {
        scratch.forget_large();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
    }

    fn borrow_scratch(&self) -> Scratch {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.unwrap_or_else(|| Scratch::new(Encoder::new(Arc::clone(&self.tokenizer))))
    }
}
