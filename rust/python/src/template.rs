//! Bindings of `octomed-text`: chat templates and prompts.

use std::collections::BTreeMap;
use std::sync::Arc;

use octomed_text::{
    Encoder, ImageSlot, Message, PromptOption, Rendered, Supervise, Template, TemplateError,
};
use octomed_trace::label_options;
use pyo3::prelude::*;

use crate::error::{Error, Kind, Result, raise, say};
use crate::leave::leave;
use crate::tokenizer::PyTokenizer;

/// A rendered conversation: text, controls as (start, end, id), supervised spans as (start, end).
type Parts = (String, Vec<(usize, usize, u32)>, Vec<(usize, usize)>);

/// The images of each message: the byte of its content before which one stands, and its tokens.
type Images = Vec<Vec<(usize, u32)>>;

/// The ids of a conversation, and the half-open ranges of those that carry loss.
type Learned = (Vec<u32>, Vec<(u32, u32)>);

/// A chat template, compiled once.
///
/// `template` is the name of a built-in (`builtin=True`) or a Jinja source; `controls` are the
/// tokenizer's special tokens with their ids; `variables` are what a source may name beside the
/// messages, such as `bos_token`.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct ChatTemplate(Arc<Template>);

impl ChatTemplate {
    /// The template itself, shared.
    pub fn inner(&self) -> Arc<Template> {
        Arc::clone(&self.0)
    }
}

impl ChatTemplate {
    fn rendered(
        &self,
        messages: &[(String, String)],
        images: Option<&Images>,
        supervise: Supervise,
    ) -> std::result::Result<Rendered, TemplateError> {
        let slots: Vec<Vec<ImageSlot>> =
            images.into_iter().flatten().map(|one| slots(one)).collect();
        let turns = messages
            .iter()
            .enumerate()
            .map(|(turn, (role, content))| Message {
                role,
                content,
                images: slots.get(turn).map_or(&[], Vec::as_slice),
                learned: true,
            });
        let mut rendered = Rendered::default();
        self.0
            .render(&turns.collect::<Vec<_>>(), supervise, &mut rendered)?;
        Ok(rendered)
    }
}

fn slots(images: &[(usize, u32)]) -> Vec<ImageSlot> {
    let images = images.iter().copied();
    images
        .map(|(at, tokens)| ImageSlot { at, tokens })
        .collect()
}

/// The turns that carry loss, by the name that a recipe has for them.
pub(crate) fn supervised(name: &str) -> PyResult<Supervise> {
    match name {
        "all" => Ok(Supervise::All),
        "last" => Ok(Supervise::Last),
        other => {
            let message = format!("`supervise` is `all` or `last`, not `{other}`");
            Err(say(Kind::Recipe, message, None))
        }
    }
}

#[pymethods]
impl ChatTemplate {
    #[new]
    #[pyo3(signature = (template, controls, variables=None, *, builtin=false))]
    fn new(
        py: Python<'_>,
        template: String,
        controls: Vec<(String, u32)>,
        variables: Option<BTreeMap<String, String>>,
        builtin: bool,
    ) -> PyResult<Self> {
        leave(py, move || {
            let compiled = if builtin {
                Template::builtin(&template, &controls)
            } else {
                Template::compile(&template, &variables.unwrap_or_default(), &controls)
            };
            compiled.map(|template| Self(Arc::new(template)))
        })
    }

    /// The whole string, its control tokens and its supervised spans; offsets count UTF-8 bytes.
    ///
    /// `messages` are pairs of role and content; `supervise` is `"all"` or `"last"`; `images` has for each message its
    /// images, as pairs of the byte of the content before which one stands and of its tokens.
    #[pyo3(signature = (messages, supervise="all", images=None))]
    fn render(
        &self,
        py: Python<'_>,
        messages: Vec<(String, String)>,
        supervise: &str,
        images: Option<Images>,
    ) -> PyResult<Parts> {
        let supervise = supervised(supervise)?;
        leave(py, || {
            let rendered = self.rendered(&messages, images.as_ref(), supervise)?;
            let controls = rendered
                .controls
                .iter()
                .map(|one| (one.bytes.start, one.bytes.end, one.id));
            let spans = rendered
                .supervised
                .iter()
                .map(|span| (span.start, span.end));
            let text = rendered.text.clone();
            Ok::<_, TemplateError>((text, controls.collect(), spans.collect()))
        })
    }

    /// The ids of a conversation under a tokenizer, and the half-open ranges of those that carry loss.
    #[pyo3(signature = (tokenizer, messages, supervise="all", images=None))]
    fn encode(
        &self,
        py: Python<'_>,
        tokenizer: &PyTokenizer,
        messages: Vec<(String, String)>,
        supervise: &str,
        images: Option<Images>,
    ) -> PyResult<Learned> {
        let supervise = supervised(supervise)?;
        let mut encoder = Encoder::new(tokenizer.inner());
        leave(py, || {
            let rendered = self.rendered(&messages, images.as_ref(), supervise)?;
            let (mut ids, mut spans) = (Vec::new(), Vec::new());
            encoder.encode(&rendered, &mut ids, &mut spans)?;
            let spans = spans.into_iter().map(|[start, end]| (start, end)).collect();
            Ok::<_, Error>((ids, spans))
        })
    }

    /// Whether images are written in turns of this role.
    #[pyo3(signature = (role))]
    fn takes_images(&self, py: Python<'_>, role: &str) -> PyResult<bool> {
        leave(py, || Ok::<_, Error>(self.0.takes_images(role)))
    }

    /// Raises `RecipeError` when the template can never work for training.
    #[pyo3(signature = ())]
    fn probe(&self, py: Python<'_>) -> PyResult<()> {
        leave(py, || {
            let wrong = |error: TemplateError| {
                raise(Kind::Recipe, &error, error.hint().map(ToOwned::to_owned))
            };
            self.0.probe().map_err(wrong)
        })
    }

    /// 128-bit hash of all that decides what the template writes, in hexadecimal.
    #[getter]
    fn content_hash(&self) -> String {
        format!("{:032x}", self.0.content_hash())
    }
}

/// The layout of the user's turn, compiled once.
///
/// `source` is Jinja over `question`, `options`, `labelled_options` and `system`; without one, the
/// question is followed by its lettered options.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Prompt(Arc<octomed_text::Prompt>);

impl Prompt {
    /// The layout itself, shared.
    pub fn inner(&self) -> Arc<octomed_text::Prompt> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Prompt {
    #[new]
    #[pyo3(signature = (source=None))]
    fn new(source: Option<&str>) -> Result<Self> {
        let prompt = source.map_or_else(
            || Ok(octomed_text::Prompt::default()),
            octomed_text::Prompt::compile,
        );
        Ok(Self(Arc::new(prompt?)))
    }

    /// The user's turn for one question.
    #[pyo3(signature = (question, options, system=None))]
    fn render(
        &self,
        py: Python<'_>,
        question: &str,
        options: Vec<String>,
        system: Option<&str>,
    ) -> PyResult<String> {
        leave(py, || {
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let doubt = "the options begin with letters that may be theirs or not";
            let choices = label_options(&options).ok_or_else(|| say(Kind::Data, doubt, None))?;
            let options: Vec<PromptOption<'_>> = choices
                .iter()
                .map(|choice| PromptOption {
                    label: &choice.label,
                    text: choice.text,
                    written: choice.written,
                })
                .collect();
            let mut turn = String::new();
            self.0.render(question, &options, system, &mut turn)?;
            Ok::<_, Error>(turn)
        })
    }

    /// 128-bit hash of all that decides what the layout writes, in hexadecimal.
    #[getter]
    fn content_hash(&self) -> String {
        format!("{:032x}", self.0.content_hash())
    }
}

/// A template's error is a `DataError` where the row is at fault, else a `RecipeError`.
impl From<TemplateError> for Error {
    fn from(error: TemplateError) -> Self {
        let kind = if error.blames_row() {
            Kind::Data
        } else {
            Kind::Recipe
        };
        raise(kind, &error, error.hint().map(ToOwned::to_owned)).into()
    }
}
