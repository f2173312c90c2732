//! Chat templates: turns in, the whole string with its control tokens and supervised bytes out.

mod builtin;
mod compiled;
mod content;
mod controls;
mod dialect;
mod error;
mod error_of_engine;
mod generation;
mod image_tokens;
mod images;
mod json;
mod lead;
mod locate;
mod marks;
mod message;
mod methods;
mod renderer;
mod spans;

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128;

use crate::Rendered;
use builtin::Builtin;
use compiled::Compiled;
pub use error::TemplateError;
pub use message::{ImageSlot, Message, Supervise};

pub(crate) use dialect::environment;
pub(crate) use error_of_engine::{compiling, rendering};

/// Raised when the same turns render to another text, other controls or other spans than before.
const VERSION: u32 = 1;

/// A chat template, compiled once and shared by all workers.
#[derive(Debug)]
pub struct Template {
    form: Form,
    hash: u128,
}

#[derive(Debug)]
enum Form {
    Builtin(Builtin),
    Compiled(Box<Compiled>),
}

impl Template {
    /// A template written in Rust: `qwen2.5`, `qwen2.5-vl`, `qwen3-vl` or `llama-3`.
    ///
    /// `controls` are the tokenizer's special tokens with their ids.
    ///
    /// # Errors
    /// An unknown name, or a vocabulary without the template's control tokens.
    pub fn builtin(name: &str, controls: &[(String, u32)]) -> Result<Self, TemplateError> {
        let builtin = Builtin::new(name, controls)?;
        let hash = content_hash(&["builtin", name], &BTreeMap::new(), controls);
        Ok(Self {
            form: Form::Builtin(builtin),
            hash,
        })
    }

    /// Any other chat template, in the Jinja dialect of `transformers`.
    ///
    /// `variables` are what `apply_chat_template` passes besides the messages: `bos_token`,
    /// `eos_token` and their like. `controls` are the tokenizer's special tokens with their ids.
    ///
    /// # Errors
    /// A source that is no Jinja template.
    pub fn compile(
        source: &str,
        variables: &BTreeMap<String, String>,
        controls: &[(String, u32)],
    ) -> Result<Self, TemplateError> {
        let compiled = Compiled::new(source, variables, controls)?;
        let hash = content_hash(&["source", source], variables, controls);
        Ok(Self {
            form: Form::Compiled(Box::new(compiled)),
            hash,
        })
    }

    /// Writes `messages` to `out`, whose former content is lost.
    ///
    /// `out.text` equals `apply_chat_template(messages, tokenize=False)`, where a turn with images has typed parts as
    /// its content: each placeholder stands once, and its control says how many tokens it is. Only tokens that the
    /// template writes are controls; their look-alikes inside a content are text. Each supervised
    /// turn reaches from the first byte of its content (or of its `{% generation %}` block) to the
    /// end of its end-of-turn token. Turns that are not learned are written all the same; where none is
    /// left to learn there is no span, which is no error.
    ///
    /// # Errors
    /// Turns that the template refuses or rewrites, so that what is learnt would not be what the
    /// source says; see [`TemplateError::blames_row`].
    pub fn render(
        &self,
        messages: &[Message<'_>],
        supervise: Supervise,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        out.clear();
        if let Some(turn) = messages
            .iter()
            .position(|message| !message.has_sound_images())
        {
            return Err(TemplateError::BadImageSlot { turn });
        }
        match &self.form {
            Form::Builtin(builtin) => builtin.render(messages, supervise, out),
            Form::Compiled(compiled) => compiled.render(messages, supervise, out),
        }
    }

    /// Whether images are written in turns of this role.
    #[must_use]
    pub fn takes_images(&self, role: &str) -> bool {
        match &self.form {
            Form::Builtin(builtin) => builtin.takes_images(role),
            Form::Compiled(compiled) => compiled.takes_images(role),
        }
    }

    /// Renders a question and an answer of our own, so that a template which can never work is
    /// refused before the first row is read.
    ///
    /// # Errors
    /// Whatever [`Template::render`] says of the two turns, but for a template's own refusal.
    pub fn probe(&self) -> Result<(), TemplateError> {
        let turns = [("user", "question"), ("assistant", "answer")];
        let messages = turns.map(|(role, content)| Message {
            role,
            content,
            images: &[],
            learned: true,
        });
        match self.render(&messages, Supervise::All, &mut Rendered::default()) {
            Err(TemplateError::Refused { .. }) => Ok(()),
            other => other,
        }
    }

    /// Whether the template is one of those written in Rust.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        matches!(self.form, Form::Builtin(_))
    }

    /// A hash of all that decides what this template writes, for content keys.
    #[must_use]
    pub fn content_hash(&self) -> u128 {
        self.hash
    }
}

fn content_hash(
    form: &[&str],
    variables: &BTreeMap<String, String>,
    controls: &[(String, u32)],
) -> u128 {
    let mut key = VERSION.to_le_bytes().to_vec();
    let mut part = |text: &str| {
        key.extend((text.len() as u64).to_le_bytes());
        key.extend(text.as_bytes());
    };
    form.iter().for_each(|text| part(text));
    for (name, value) in variables {
        part(name);
        part(value);
    }
    let mut controls: Vec<_> = controls.iter().collect();
    controls.sort();
    part("controls");
    for (token, id) in controls {
        part(token);
        part(&id.to_string());
    }
    xxh3_128(&key)
}
