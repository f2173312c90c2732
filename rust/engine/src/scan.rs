//! SCAN: a block of source rows becomes a block of the working store.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use octomed_files::Access;
use octomed_index::{Header, Verdict};
use octomed_text::{
    Encoder, Message, Prompt, PromptOption, Rendered, Supervise, Template, TemplateError,
    TextError, Tokenizer, TwoReasonings, join_reasoning,
};
use octomed_trace::{
    Block, Body, Choice, Finding, IdentityHasher, Mapping, Response, Row, Turn, question_id,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::block::{BlockOrigin, BlockWriter, ScannedTrace};
use crate::error::EngineError;
use crate::ids::ID_LIMIT;

/// What turns rows into traces: one value serves all workers.
pub struct Scanner {
    mapping: Mapping,
    template: Arc<Template>,
    prompt: Arc<Prompt>,
    tokenizer: Arc<Tokenizer>,
    system: Option<String>,
    supervise: Supervise,
    /// Scratch of workers at rest: their word caches stay warm from block to block, their memory touched.
    idle: Arc<Mutex<Vec<Scratch>>>,
}

struct Scratch {
    encoder: Encoder,
    rendered: Rendered,
    prompt: String,
    response: String,
    ids: Vec<u32>,
    spans: Vec<[u32; 2]>,
    edges: Vec<u8>,
    /// A hash of the images that the row is packed without.
    images: Option<u64>,
    /// Memory of the last block that was written.
    arena: Vec<u8>,
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
            idle,
        })
    }

    /// Shares the scratch of another source's workers: a word cache is as large as that of all sources
    /// together has to be, and takes longer to make than a small source takes to scan.
    #[must_use]
    pub fn beside(mut self, other: &Self) -> Self {
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
        let (header, arena) = match directory {
            Some(directory) => writer.finish(directory)?,
            None => writer.into_header(),
        };
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
        let mut scan = BlockScan {
            scanner: self,
            hasher: IdentityHasher::new(origin.source, origin.file),
            scratch,
            writer: Some(BlockWriter::new(block, origin, arena)),
            directory,
            parts: Vec::new(),
            cancel,
        };
        block.for_each(&self.mapping, |finding| {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            match without_images(finding) {
                Finding::Row(row) => scan.row(&row),
                Finding::Refused(refusal) => scan.writer()?.reject(
                    refusal.position,
                    refusal.ordinal,
                    refusal.reason,
                    &refusal.detail,
                ),
            }
        })?;
        let parts = std::mem::take(&mut scan.parts);
        let writer = scan.writer.ok_or(EngineError::Cancelled)?;
        Ok((parts, writer))
    }

    /// Renders and encodes one row's traces without storing them, for `inspect` and `plan`.
    ///
    /// # Errors
    /// When the template cannot be used.
    pub fn preview(
        &self,
        row: &Row<'_>,
        mut see: impl FnMut(u32, Verdict, &Rendered, &[u32], &[[u32; 2]]),
    ) -> Result<(), EngineError> {
        let mut scratch = self.borrow_scratch();
        self.traces(
            row,
            &mut scratch,
            &mut |_| Ok(()),
            |sample, result, scratch| {
                see(
                    sample,
                    result.verdict,
                    &scratch.rendered,
                    &scratch.ids,
                    &scratch.spans,
                );
                Ok(())
            },
        )?;
        self.give_back(scratch);
        Ok(())
    }

    /// Drops the scratch of workers at rest, once nothing is left to scan.
    pub fn release_memory(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = Vec::new();
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
        idle.unwrap_or_else(|| Scratch {
            encoder: Encoder::new(Arc::clone(&self.tokenizer)),
            rendered: Rendered::default(),
            prompt: String::new(),
            response: String::new(),
            ids: Vec::new(),
            spans: Vec::new(),
            edges: Vec::new(),
            images: None,
            arena: Vec::new(),
        })
    }

    /// Every trace of a row, left in `scratch` while `each` looks at it.
    fn traces(
        &self,
        row: &Row<'_>,
        scratch: &mut Scratch,
        before: &mut Before<'_>,
        mut each: impl FnMut(u32, ScanResult, &Scratch) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let system = row.system.as_deref().or(self.system.as_deref());
        scratch.images = row.image_hash();
        match &row.body {
            Body::Conversation(turns) => {
                before(bytes_of_turns(turns))?;
                let result = self.conversation(system, turns, scratch)?;
                each(0, result, scratch)
            }
            Body::Question {
                question,
                options,
                history,
                responses,
                ..
            } => {
                let refused = self.lay_out(question, options, system, &mut scratch.prompt)?;
                let asked = scratch.prompt.len() as u64 + bytes_of_history(history);
                for (sample, response) in (0..).zip(responses) {
                    before(asked + bytes_of_response(response))?;
                    let result = match refused {
                        None => self.render_question(system, history, response, scratch)?,
                        Some(verdict) => scratch.without_tokens(verdict),
                    };
                    each(sample, result, scratch)?;
                }
                Ok(())
            }
        }
    }

    /// Writes the user's turn into `prompt`; gives why the layout does not take the row.
    fn lay_out(
        &self,
        question: &str,
        options: &[Choice<'_>],
        system: Option<&str>,
        prompt: &mut String,
    ) -> Result<Option<Verdict>, EngineError> {
        let options: Vec<PromptOption<'_>> = options.iter().map(prompt_option).collect();
        prompt.clear();
        match self.prompt.render(question, &options, system, prompt) {
            Ok(()) => Ok(None),
            Err(error) => refusal(error).map(Some),
        }
    }

    fn conversation(
        &self,
        system: Option<&str>,
        turns: &[Turn<'_>],
        scratch: &mut Scratch,
    ) -> Result<ScanResult, EngineError> {
        let texts: Result<Vec<Cow<'_, str>>, _> = turns.iter().map(turn_text).collect();
        let Ok(texts) = texts else {
            return Ok(scratch.without_tokens(Verdict::TwoReasonings));
        };
        let mut messages = Vec::with_capacity(turns.len() + 1);
        messages.extend(system.map(|content| message("system", content)));
        messages.extend(turns.iter().zip(&texts).map(|(turn, content)| Message {
            role: &turn.role,
            content,
            images: &[],
            learned: turn.learned,
        }));
        self.render_and_encode(&messages, scratch)
    }

    fn render_question(
        &self,
        system: Option<&str>,
        history: &[[Cow<'_, str>; 2]],
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
        let prompt = std::mem::take(&mut scratch.prompt);
        let result = match text {
            Ok(text) => {
                let mut messages = Vec::with_capacity(3 + 2 * history.len());
                messages.extend(system.map(|content| message("system", content)));
                for [asked, answered] in history {
                    messages.extend([message("user", asked), message("assistant", answered)]);
                }
                messages.extend([message("user", &prompt), message("assistant", text)]);
                self.render_and_encode(&messages, scratch)
            }
            Err(TwoReasonings) => Ok(scratch.without_tokens(Verdict::TwoReasonings)),
        };
        (scratch.response, scratch.prompt) = (joined, prompt);
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

/// What becomes of a row at which a template fails; an error where the template is at fault.
fn refusal(error: TemplateError) -> Result<Verdict, EngineError> {
    match error {
        TemplateError::Limit => Ok(Verdict::TemplateLimit),
        error if error.blames_row() => Ok(Verdict::TemplateRefused),
        error => Err(error.into()),
    }
}

/// A row with images that would be shown is refused.
fn without_images(finding: Finding<'_>) -> Finding<'_> {
    match finding {
        Finding::Row(row) => match row.refusal_of_images() {
            Some(refusal) => Finding::Refused(refusal),
            None => Finding::Row(row),
        },
        refused @ Finding::Refused(_) => refused,
    }
}

/// A turn that may carry loss, if it is the assistant's.
fn message<'m>(role: &'m str, content: &'m str) -> Message<'m> {
    Message {
        role,
        content,
        images: &[],
        learned: true,
    }
}

/// Asked before each trace, with the most bytes of the row that go into it.
type Before<'b> = dyn FnMut(u64) -> Result<(), EngineError> + 'b;

fn bytes_of_turns(turns: &[Turn<'_>]) -> u64 {
    let bytes = |turn: &Turn<'_>| {
        let reasoning = turn.reasoning.as_ref().map_or(0, |text| text.len());
        (turn.text().len() + reasoning) as u64
    };
    turns.iter().map(bytes).sum()
}

fn bytes_of_history(history: &[[Cow<'_, str>; 2]]) -> u64 {
    let texts = history.iter().flatten();
    texts.map(|text| text.len() as u64).sum()
}

fn bytes_of_response(response: &Response<'_>) -> u64 {
    let reasoning = response.reasoning.as_ref().map_or(0, |text| text.len());
    (response.response.len() + reasoning) as u64
}

fn prompt_option<'o>(choice: &'o Choice<'_>) -> PromptOption<'o> {
    PromptOption {
        label: &choice.label,
        text: choice.text,
        written: choice.written,
    }
}

/// The text of a turn: its reasoning goes before it, where it says something.
fn turn_text<'t>(turn: &'t Turn<'_>) -> Result<Cow<'t, str>, TwoReasonings> {
    let content = turn.text();
    match &turn.reasoning {
        Some(reasoning) if !content.trim().is_empty() => {
            let mut text = String::new();
            join_reasoning(Some(reasoning), &content, &mut text)?;
            Ok(Cow::Owned(text))
        }
        _ => Ok(content),
    }
}

/// What came of one trace; its text and ids are in the scratch.
#[derive(Clone, Copy)]
struct ScanResult {
    verdict: Verdict,
    supervised: u32,
    straddling: u32,
    hash: u128,
}

/// Memory that a worker keeps of each kind from block to block: one huge row must not hold it for the whole run.
const KEPT_BYTES: usize = 8 << 20;

fn forget_if_large<T>(values: &mut Vec<T>, kept: usize) {
    if values.capacity() * size_of::<T>() > kept {
        *values = Vec::new();
    }
}

impl Scratch {
    fn forget_large(&mut self) {
        for text in [
            &mut self.prompt,
            &mut self.response,
            &mut self.rendered.text,
        ] {
            if text.capacity() > KEPT_BYTES {
                *text = String::new();
            }
        }
        forget_if_large(&mut self.ids, KEPT_BYTES);
        forget_if_large(&mut self.spans, KEPT_BYTES);
        forget_if_large(&mut self.edges, KEPT_BYTES);
        forget_if_large(&mut self.rendered.controls, KEPT_BYTES);
        forget_if_large(&mut self.rendered.supervised, KEPT_BYTES);
        forget_if_large(&mut self.arena, 8 * KEPT_BYTES);
    }

    fn without_tokens(&mut self, verdict: Verdict) -> ScanResult {
        self.rendered.clear();
        self.ids.clear();
        self.spans.clear();
        ScanResult {
            verdict,
            supervised: 0,
            straddling: 0,
            hash: 0,
        }
    }

    /// Hash of the whole trace: its text, which of it is control, which of it is supervised, and the pictures
    /// that it is packed without. A user who types a control token makes another trace than the template that
    /// writes one, and what is said of one picture is no duplicate of what is said of another.
    fn hash(&mut self) -> u128 {
        self.edges.clear();
        if let Some(images) = self.images {
            self.edges.extend_from_slice(&images.to_le_bytes());
        }
        for control in &self.rendered.controls {
            self.edges
                .extend_from_slice(&(control.bytes.start as u64).to_le_bytes());
        }
        for span in &self.rendered.supervised {
            self.edges
                .extend_from_slice(&(span.start as u64).to_le_bytes());
            self.edges
                .extend_from_slice(&(span.end as u64).to_le_bytes());
        }
        xxh3_128_with_seed(self.rendered.text.as_bytes(), xxh3_64(&self.edges))
    }
}

struct BlockScan<'a, 'origin> {
    scanner: &'a Scanner,
    hasher: IdentityHasher,
    scratch: &'a mut Scratch,
    /// There but while a part is written.
    writer: Option<BlockWriter<'origin>>,
    directory: Option<&'a Path>,
    /// Parts that are written.
    parts: Vec<Header>,
    cancel: &'a AtomicBool,
}

impl<'origin> BlockScan<'_, 'origin> {
    fn row(&mut self, row: &Row<'_>) -> Result<(), EngineError> {
        let images = row.image_hash();
        let question_id = match &row.body {
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
        };
        self.writer()?.count_pictures(images);
        let Self {
            scanner,
            hasher,
            scratch,
            writer,
            directory,
            parts,
            cancel,
        } = self;
        let writer = RefCell::new(writer);
        let mut make_room = |bytes: u64| {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            let mut slot = writer.borrow_mut();
            let mut open = slot.take().ok_or(EngineError::Cancelled)?;
            if open.is_full(bytes) {
                let (header, next) = open.next_part(*directory)?;
                parts.push(header);
                open = next;
            }
            open.announce(bytes);
            **slot = Some(open);
            Ok(())
        };
        scanner.traces(row, scratch, &mut make_room, |sample, result, scratch| {
            let trace = ScannedTrace {
                trace_id: hasher.trace_id(row.position, sample),
                shuffle_key: hasher.shuffle_key(row.position, sample),
                hash: result.hash,
                question_id,
                position: row.position,
                ordinal: row.ordinal,
                sample,
                verdict: result.verdict,
                supervised: result.supervised,
                straddling: result.straddling,
                text_bytes: scratch.rendered.text.len(),
            };
            let mut slot = writer.borrow_mut();
            let open = slot.as_mut().ok_or(EngineError::Cancelled)?;
            open.trace(&trace, &scratch.ids, &scratch.spans)
        })
    }

    /// The part that is open; a failure to write one ends the scan, so that nobody asks after it.
    fn writer(&mut self) -> Result<&mut BlockWriter<'origin>, EngineError> {
        self.writer.as_mut().ok_or(EngineError::Cancelled)
    }
}
