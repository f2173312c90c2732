//! SCAN: a block of source rows becomes a block of the working store.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use octomed_curate::Verdict;
use octomed_text::{
    Encoder, Message, Prompt, PromptOption, Rendered, Supervise, Template, TemplateError,
    TextError, Tokenizer, TwoReasonings, join_reasoning,
};
use octomed_trace::{
    Block, Body, Choice, Finding, IdentityHasher, Mapping, Response, Row, Turn, question_id,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::block::{BlockWriter, ScannedTrace};
use crate::error::EngineError;
use crate::ids::ID_LIMIT;
use crate::index::Header;

/// What turns rows into traces: one value serves all workers.
pub struct Scanner {
    mapping: Mapping,
    template: Arc<Template>,
    prompt: Arc<Prompt>,
    tokenizer: Arc<Tokenizer>,
    system: Option<String>,
    supervise: Supervise,
    /// Scratch of workers at rest: their word caches stay warm from block to block, their memory touched.
    idle: Mutex<Vec<Scratch>>,
}

/// Where a block comes from.
#[derive(Clone, Copy, Debug)]
pub struct BlockPlace<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Path of the file, relative to the source's root.
    pub file: &'a str,
    /// Number of the block in its task.
    pub number: u32,
}

struct Scratch {
    encoder: Encoder,
    rendered: Rendered,
    prompt: String,
    response: String,
    ids: Vec<u32>,
    spans: Vec<[u32; 2]>,
    edges: Vec<u8>,
    /// A hash of the pictures that the row is packed without.
    pictures: Option<u64>,
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
        let idle = Mutex::new(Vec::new());
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

    /// Which columns hold what.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Scans one block into `<directory>/<number>.ids` and `.index`.
    ///
    /// # Errors
    /// When files cannot be written, the template cannot be used at all, or `cancel` is set.
    pub fn scan(
        &self,
        block: &Block,
        place: BlockPlace<'_>,
        directory: &Path,
        cancel: &AtomicBool,
    ) -> Result<Header, EngineError> {
        let mut scratch = self.borrow_scratch();
        let writer = self.collect(block, place, &mut scratch, cancel)?;
        let (header, arena) = writer.finish(directory)?;
        scratch.arena = arena;
        self.give_back(scratch);
        Ok(header)
    }

    /// The header that a scan of the block would write, nothing written.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn measure(&self, block: &Block) -> Result<Header, EngineError> {
        let place = BlockPlace {
            source: "",
            file: "",
            number: 0,
        };
        let mut scratch = self.borrow_scratch();
        let never = AtomicBool::new(false);
        let writer = self.collect(block, place, &mut scratch, &never)?;
        let (header, arena) = writer.into_header();
        scratch.arena = arena;
        self.give_back(scratch);
        Ok(header)
    }

    fn collect<'a>(
        &self,
        block: &Block,
        place: BlockPlace<'a>,
        scratch: &mut Scratch,
        cancel: &AtomicBool,
    ) -> Result<BlockWriter<'a>, EngineError> {
        let arena = std::mem::take(&mut scratch.arena);
        let mut pass = Pass {
            scanner: self,
            hasher: IdentityHasher::new(place.source, place.file),
            scratch,
            writer: BlockWriter::new(block, place, arena),
        };
        block.for_each(&self.mapping, |finding| {
            if cancel.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            match finding {
                Finding::Row(row) => pass.row(&row),
                Finding::Refused(refusal) => {
                    pass.writer.refuse(
                        refusal.position,
                        refusal.ordinal,
                        refusal.reason,
                        &refusal.detail,
                    );
                    Ok(())
                }
            }
        })?;
        Ok(pass.writer)
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
        self.traces(row, &mut scratch, |sample, seen, scratch| {
            see(
                sample,
                seen.verdict,
                &scratch.rendered,
                &scratch.ids,
                &scratch.spans,
            );
            Ok(())
        })?;
        self.give_back(scratch);
        Ok(())
    }

    /// Drops the scratch of workers at rest, once nothing is left to scan.
    pub fn release_memory(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = Vec::new();
    }

    fn give_back(&self, scratch: Scratch) {
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
            pictures: None,
            arena: Vec::new(),
        })
    }

    /// Every trace of a row, left in `scratch` while `each` looks at it.
    fn traces(
        &self,
        row: &Row<'_>,
        scratch: &mut Scratch,
        mut each: impl FnMut(u32, Seen, &Scratch) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let system = row.system.as_deref().or(self.system.as_deref());
        scratch.pictures = row.pictures;
        match &row.body {
            Body::Conversation(turns) => {
                let seen = self.conversation(system, turns, scratch)?;
                each(0, seen, scratch)
            }
            Body::Question {
                question,
                options,
                history,
                responses,
                ..
            } => {
                let refused = self.lay_out(question, options, system, &mut scratch.prompt)?;
                for (sample, response) in (0..).zip(responses) {
                    let seen = match refused {
                        None => self.answered(system, history, response, scratch)?,
                        Some(verdict) => scratch.without_tokens(verdict),
                    };
                    each(sample, seen, scratch)?;
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
    ) -> Result<Seen, EngineError> {
        let spoken: Result<Vec<Cow<'_, str>>, _> = turns.iter().map(spoken).collect();
        let Ok(spoken) = spoken else {
            return Ok(scratch.without_tokens(Verdict::TwoReasonings));
        };
        let mut messages = Vec::with_capacity(turns.len() + 1);
        messages.extend(system.map(|content| message("system", content)));
        messages.extend(turns.iter().zip(&spoken).map(|(turn, content)| Message {
            role: &turn.role,
            content,
            learned: turn.learned,
        }));
        self.render_and_encode(&messages, scratch)
    }

    fn answered(
        &self,
        system: Option<&str>,
        history: &[[Cow<'_, str>; 2]],
        response: &Response<'_>,
        scratch: &mut Scratch,
    ) -> Result<Seen, EngineError> {
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
        let seen = match text {
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
        seen
    }

    fn render_and_encode(
        &self,
        messages: &[Message<'_>],
        scratch: &mut Scratch,
    ) -> Result<Seen, EngineError> {
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
        Ok(Seen {
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

/// A turn that may carry loss, if it is the assistant's.
fn message<'m>(role: &'m str, content: &'m str) -> Message<'m> {
    Message {
        role,
        content,
        learned: true,
    }
}

fn prompt_option<'o>(choice: &'o Choice<'_>) -> PromptOption<'o> {
    PromptOption {
        label: &choice.label,
        text: choice.text,
        written: choice.written,
    }
}

/// The text of a turn: its reasoning goes before it, where it says something.
fn spoken<'t>(turn: &'t Turn<'_>) -> Result<Cow<'t, str>, TwoReasonings> {
    match &turn.reasoning {
        Some(reasoning) if !turn.content.trim().is_empty() => {
            let mut text = String::new();
            join_reasoning(Some(reasoning), &turn.content, &mut text)?;
            Ok(Cow::Owned(text))
        }
        _ => Ok(Cow::Borrowed(&turn.content)),
    }
}

/// What came of one trace; its text and ids are in the scratch.
#[derive(Clone, Copy)]
struct Seen {
    verdict: Verdict,
    supervised: u32,
    straddling: u32,
    hash: u128,
}

impl Scratch {
    fn without_tokens(&mut self, verdict: Verdict) -> Seen {
        self.rendered.clear();
        self.ids.clear();
        self.spans.clear();
        Seen {
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
        if let Some(pictures) = self.pictures {
            self.edges.extend_from_slice(&pictures.to_le_bytes());
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

struct Pass<'a, 'place> {
    scanner: &'a Scanner,
    hasher: IdentityHasher,
    scratch: &'a mut Scratch,
    writer: BlockWriter<'place>,
}

impl Pass<'_, '_> {
    fn row(&mut self, row: &Row<'_>) -> Result<(), EngineError> {
        let question_id = match &row.body {
            Body::Question {
                question, options, ..
            } => {
                let options = options.iter().map(|option| option.text);
                question_id(question, options, row.pictures)
            }
            Body::Conversation(turns) => {
                let asked = turns.iter().find(|turn| turn.role == "user");
                let asked = asked.map_or("", |turn| &turn.content);
                question_id(asked, [], row.pictures)
            }
        };
        self.writer.count_pictures(row.pictures);
        let Self {
            scanner,
            hasher,
            scratch,
            writer,
        } = self;
        scanner.traces(row, scratch, |sample, seen, scratch| {
            let trace = ScannedTrace {
                trace_id: hasher.trace_id(row.position, sample),
                shuffle_key: hasher.shuffle_key(row.position, sample),
                hash: seen.hash,
                question_id,
                position: row.position,
                ordinal: row.ordinal,
                sample,
                verdict: seen.verdict,
                supervised: seen.supervised,
                straddling: seen.straddling,
                text_bytes: scratch.rendered.text.len(),
            };
            writer.trace(&trace, &scratch.ids, &scratch.spans)
        })
    }
}
