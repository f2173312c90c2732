//! SCAN: a block of source rows becomes a block of the working store.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use octomed_files::Access;
use octomed_index::{Header, Verdict};
use octomed_text::{
    Encoder, Message, Prompt, Rendered, Supervise, Template, TextError, Tokenizer, TwoReasonings,
    join_reasoning,
};
use octomed_trace::{Block, Mapping, Reason, Refusal, Response, Row};

use crate::block::{BlockOrigin, BlockWriter};
use crate::block_scan::BlockScan;
use crate::error::EngineError;
use crate::ids::ID_LIMIT;
use crate::image_reading::{Images, SeenPaths};
use crate::image_settings::ImageSettings;
use crate::laid_out::{LaidOut, LaidTurn, Layouter, refusal};
use crate::row_images::{Failure, RowFault, RowImages};
use crate::scratch::{ScanResult, Scratch};

/// What turns rows into traces: one value serves all workers.
pub struct Scanner {
    mapping: Mapping,
    template: Arc<Template>,
    prompt: Arc<Prompt>,
    tokenizer: Arc<Tokenizer>,
    system: Option<String>,
    supervise: Supervise,
    /// Where images are; nothing for a model that takes none.
    images: Option<Images>,
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
            template,
            prompt,
            tokenizer,
            system,
            supervise,
            images: None,
            idle,
        })
    }

    /// Takes images, by these settings.
    ///
    /// # Errors
    /// When the folder or archive of images cannot be opened.
    pub fn with_images(mut self, settings: ImageSettings) -> Result<Self, EngineError> {
        self.images = Some(Images::new(settings)?);
        Ok(self)
    }

    /// Shares the scratch of another source's workers, and what is known of images: a word cache is as large as that
    /// of all sources together has to be, and takes longer to make than a small source takes to scan.
    #[must_use]
    pub fn beside(mut self, other: &Self) -> Self {
        if let (Some(images), Some(other)) = (&mut self.images, &other.images) {
            images.share(other);
        }
        if Arc::ptr_eq(&self.tokenizer, &other.tokenizer) {
            self.idle = Arc::clone(&other.idle);
        }
        self
    }

    /// Which columns hold what.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Scans one block into `<directory>/<number>.ids` and `.index`, and into `<number>-1.ids` and so on where its
    /// rows are rendered to more text than a worker holds: a question with many responses is rendered with each.
    ///
    /// # Errors
    /// When files cannot be written, the template cannot be used at all, or `cancel` is set.
    pub fn scan(
        &self,
        block: &Block,
        origin: BlockOrigin<'_>,
        directory: &Path,
        cancel: &AtomicBool,
    ) -> Result<Vec<Header>, EngineError> {
        self.scan_parts(block, origin, Some(directory), cancel)
    }

    /// Scans a block, part by part; nothing is written without a directory.
    fn scan_parts(
        &self,
        block: &Block,
        origin: BlockOrigin<'_>,
        directory: Option<&Path>,
        cancel: &AtomicBool,
    ) -> Result<Vec<Header>, EngineError> {
        let mut scratch = self.borrow_scratch();
        let (mut headers, writer) = self.collect(block, origin, directory, &mut scratch, cancel)?;
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
        let headers = self.scan_parts(block, origin, None, &never)?;
        Ok(Header::sum(headers))
    }

    fn collect<'a>(
        &self,
        block: &Block,
        origin: BlockOrigin<'a>,
        directory: Option<&Path>,
        scratch: &mut Scratch,
        cancel: &AtomicBool,
    ) -> Result<(Vec<Header>, BlockWriter<'a>), EngineError> {
        let arena = std::mem::take(&mut scratch.arena);
        let writer = BlockWriter::new(block, origin, arena);
        let mut scan = BlockScan::new(self, origin, writer, directory, scratch, cancel);
        block.for_each(&self.mapping, |finding| scan.finding(finding))?;
        scan.finish()
    }

    /// Renders and encodes one row's traces without storing them, for `inspect` and `plan`. Gives its images, with
    /// what is stored of each, or why the row is refused.
    ///
    /// # Errors
    /// When the template cannot be used, or an image cannot be read.
    pub fn preview(
        &self,
        row: &Row<'_>,
        mut see: impl FnMut(u32, Verdict, &Rendered, &[u32], &[[u32; 2]]),
    ) -> Result<Result<RowImages, Refusal>, EngineError> {
        let mut scratch = self.borrow_scratch();
        let images = self.row_images(row, &mut SeenPaths::default(), |_| false);
        let shown = images.and_then(|images| {
            let mut prompt = std::mem::take(&mut scratch.prompt);
            let laid = self.lay_out(row, &images, &mut prompt)?;
            scratch.images = images.shown_hash(row, &laid.shown);
            let traces = self.traces(
                &laid,
                &mut scratch,
                &mut |_| Ok(()),
                |sample, result, scratch| {
                    let Scratch {
                        rendered,
                        ids,
                        spans,
                        ..
                    } = scratch;
                    see(sample, result.verdict, rendered, ids, spans);
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

    /// The images that a row shows.
    ///
    /// # Errors
    /// When one of them cannot be used, or the model takes none.
    pub(crate) fn row_images(
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

    /// Lays out a row, whose last turn is made in `prompt`.
    pub(crate) fn lay_out<'r>(
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

    /// Drops the scratch of workers at rest, once nothing is left to scan.
    pub fn release_memory(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = Vec::new();
        drop(idle);
        if let Some(images) = &self.images {
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

    /// Every trace of a row, left in `scratch` while `each` looks at it.
    pub(crate) fn traces(
        &self,
        laid: &LaidOut<'_>,
        scratch: &mut Scratch,
        before: &mut Before<'_>,
        mut each: impl FnMut(u32, ScanResult, &Scratch) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let Some(responses) = laid.responses else {
            before(laid.bytes)?;
            let result = match laid.refused {
                None => {
                    let messages: Vec<_> = laid.turns.iter().map(LaidTurn::message).collect();
                    self.render_and_encode(&messages, scratch)?
                }
                Some(verdict) => scratch.without_tokens(verdict),
            };
            return each(0, result, scratch);
        };
        for (sample, response) in (0..).zip(responses) {
            before(laid.bytes + bytes_of_response(response))?;
            let result = match laid.refused {
                None => self.render_question(&laid.turns, response, scratch)?,
                Some(verdict) => scratch.without_tokens(verdict),
            };
            each(sample, result, scratch)?;
        }
        Ok(())
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

/// Asked before each trace, with the most bytes of the row that go into it.
pub(crate) type Before<'b> = dyn FnMut(u64) -> Result<(), EngineError> + 'b;

fn bytes_of_response(response: &Response<'_>) -> u64 {
    let reasoning = response.reasoning.as_ref().map_or(0, |text| text.len());
    (response.response.len() + reasoning) as u64
}
