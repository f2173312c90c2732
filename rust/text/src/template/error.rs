//! What can be wrong with a chat template, a prompt, or the turns given to them.

/// Why a template or prompt was refused, or why it could not render a row.
///
/// No variant holds text of a row: only places, names and what the template itself says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No built-in template has this name.
    #[error("no built-in chat template is called `{name}`")]
    UnknownBuiltin {
        /// The name asked for.
        name: String,
    },
    /// The vocabulary lacks a control token that a built-in template writes.
    #[error("chat template `{template}` writes `{token}`, which the vocabulary does not have")]
    MissingControl {
        /// The built-in template.
        template: &'static str,
        /// The control token.
        token: &'static str,
    },
    /// The template writes no images, or not this one.
    #[error("{} writes no images", of_template(*template))]
    NoImages {
        /// The built-in template, if it is one.
        template: Option<&'static str>,
    },
    /// The template writes images, but not in a turn of this role.
    #[error("turn {turn} of the role `{role}` has an image, which the chat template leaves out")]
    ImageInRole {
        /// 0-based turn.
        turn: usize,
        /// Its role.
        role: String,
    },
    /// Images are said to stand where no character of the content begins, or to take no token.
    #[error("the images of turn {turn} are not placed in its text")]
    BadImageSlot {
        /// 0-based turn.
        turn: usize,
    },
    /// The source is not a Jinja template.
    #[error("line {line}: {detail}")]
    Syntax {
        /// 1-based line of the source.
        line: usize,
        /// What the parser says.
        detail: String,
    },
    /// A prompt names a variable that it is not given.
    #[error("`{name}` is not a variable of a prompt")]
    UnknownVariable {
        /// The variable.
        name: String,
    },
    /// The template asks for today's date, so that shards would depend on the day.
    #[error("the chat template asks for today's date")]
    DependsOnDate,
    /// The template called `raise_exception`.
    #[error("the chat template refuses these turns: {message}")]
    Refused {
        /// What the template says.
        message: String,
    },
    /// An expression of the template failed.
    #[error("line {line} of the template fails: {detail}")]
    Failed {
        /// 1-based line of the source.
        line: usize,
        /// What the engine says.
        detail: String,
    },
    /// The template needs more for this row than a row may take.
    #[error("the template exceeds the limits of one row")]
    Limit,
    /// The engine failed, which is its own fault and hangs on the row.
    #[error("the template engine failed: {detail}")]
    Engine {
        /// What it says.
        detail: String,
    },
    /// There is no assistant turn to learn from.
    #[error("there is no assistant turn")]
    NoAssistant,
    /// The template does not write turns of this role.
    #[error("turn {turn} has the role `{role}`, which the chat template does not write")]
    Role {
        /// 0-based turn.
        turn: usize,
        /// Its role.
        role: String,
    },
    /// The template leaves out or changes text of a supervised turn.
    #[error("the chat template drops or changes text of assistant turn {turn}")]
    DropsText {
        /// 0-based turn.
        turn: usize,
    },
    /// A supervised turn's text cannot be told from the text around it.
    #[error("the text of assistant turn {turn} cannot be located in what the chat template writes")]
    NotLocated {
        /// 0-based turn.
        turn: usize,
    },
    /// No control token ends a supervised turn.
    #[error("the chat template writes no end-of-turn token after assistant turn {turn}")]
    NoEndOfTurn {
        /// 0-based turn.
        turn: usize,
    },
    /// A supervised turn lies in no `{% generation %}` block of a template that has such blocks.
    #[error("assistant turn {turn} lies in no `{{% generation %}}` block of the chat template")]
    OutsideGeneration {
        /// 0-based turn.
        turn: usize,
    },
    /// A turn that is not to be learned lies in one `{% generation %}` block with one that is.
    #[error(
        "assistant turn {turn}, which is not to be learned, shares a `{{% generation %}}` block with one that is"
    )]
    SharedBlock {
        /// 0-based turn.
        turn: usize,
    },
    /// A turn that the template rewrites holds the text of a control token.
    #[error(
        "turn {turn} holds the text of a control token, and the chat template rewrites that turn"
    )]
    LookAlike {
        /// 0-based turn.
        turn: usize,
    },
    /// The turns use so many private-use characters that none are left to mark them with.
    #[error("the turns use up Unicode's supplementary private-use characters")]
    NoMarksLeft,
}

impl TemplateError {
    /// Whether this row is at fault, not the recipe: such a row is a reject, and the run continues.
    #[must_use]
    pub fn blames_row(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Limit
                | Self::Engine { .. }
                | Self::NoAssistant
                | Self::Role { .. }
                | Self::ImageInRole { .. }
                | Self::NotLocated { .. }
                | Self::SharedBlock { .. }
                | Self::LookAlike { .. }
                | Self::NoMarksLeft
        )
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownBuiltin { .. } => {
                "built-in templates are qwen2.5, qwen2.5-vl, qwen3-vl and llama-3"
            }
            Self::MissingControl { .. } => "choose the template that belongs to the tokenizer",
            Self::NoImages { .. } => {
                "name a model whose chat template writes `<|vision_start|><|image_pad|><|vision_end|>` for an \
                 image: Qwen2.5-VL or Qwen3-VL"
            }
            Self::UnknownVariable { .. } => {
                "a prompt has `question`, `options`, `labelled_options` and `system`"
            }
            Self::DependsOnDate => {
                "save the template to a file with the date written out, and name that file under `template:`"
            }
            Self::Limit => {
                "docs/recipe.md lists the limits; only a loop without an end, or a text that doubles, \
                 needs more"
            }
            Self::DropsText { .. } => {
                "templates made for chatting cut `<think>…</think>` out of earlier or all answers; \
                 name a template that keeps it under `template:`"
            }
            Self::NoEndOfTurn { .. } => {
                "a model trained without it never stops; name a template that ends each assistant turn \
                 with a special token of the tokenizer"
            }
            Self::OutsideGeneration { .. } => {
                "put `{% generation %}` around every assistant turn, or supervise the last turn only"
            }
            _ => return None,
        })
    }
}

fn of_template(name: Option<&'static str>) -> String {
    name.map_or_else(
        || "the model's chat template".to_owned(),
        |name| format!("chat template `{name}`"),
    )
}
