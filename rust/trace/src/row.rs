//! What a row gives: the parts of its traces, or the reason why it gives none.

use std::borrow::Cow;
use std::sync::Arc;

/// An image that a row holds or names. Its pixels stay where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// Where the row has it.
    pub place: ImagePlace,
    /// A hash of all that the row says of it.
    pub hash: u64,
}

/// Where a row has an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImagePlace {
    /// Columns that the mapping does not name; this is the first of them, and the hash is of all.
    Unmapped(Arc<str>),
    /// A column that the mapping names.
    Column(Arc<str>),
    /// What stands for an image in the text of a question.
    Placeholder(String),
    /// A part of a turn, or what stands for one in its text.
    Turn(String),
}

/// A piece of a turn's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// All texts up to the next image, joined.
    Text(Cow<'a, str>),
    /// An image.
    Image(ImageRef),
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: Cow<'a, str>,
    /// Texts and images in their order; one part where there is no image.
    pub content: Vec<Part<'a>>,
    /// The assistant's chain of thought, when it has a key of its own.
    pub reasoning: Option<Cow<'a, str>>,
    /// Whether the row lets the turn carry loss, if it is the assistant's.
    pub learned: bool,
}

/// Puts `text` after `joined`, without a copy where that is empty.
pub(crate) fn append<'a>(joined: &mut Cow<'a, str>, text: Cow<'a, str>) {
    if joined.is_empty() {
        *joined = text;
    } else {
        joined.to_mut().push_str(&text);
    }
}

impl<'a> Turn<'a> {
    /// The texts of the turn, which follow one another directly.
    pub fn text(&self) -> Cow<'_, str> {
        let texts = self.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Image(_) => None,
        });
        texts.fold(Cow::Borrowed(""), |joined, text| joined + text)
    }

    /// Its texts, and its images apart from them.
    pub(crate) fn into_text(self) -> (Cow<'a, str>, Vec<ImageRef>) {
        let mut joined = Cow::Borrowed("");
        let mut images = Vec::new();
        for part in self.content {
            match part {
                Part::Text(text) => append(&mut joined, text),
                Part::Image(image) => images.push(image),
            }
        }
        (joined, images)
    }

    fn images(&self) -> impl Iterator<Item = &ImageRef> {
        self.content.iter().filter_map(|part| match part {
            Part::Image(image) => Some(image),
            Part::Text(_) => None,
        })
    }
}

/// One answer option of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The letter or number that names it: the row's own where it has one, else `A`, `B`, … in order.
    pub label: Cow<'a, str>,
    /// Its text, without the label.
    pub text: &'a str,
    /// Its text as the row writes it, with the label where that stands before the text.
    pub written: &'a str,
}

/// One response to a question; a row with `n` of them gives `n` traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The chain of thought, when it has a column of its own.
    pub reasoning: Option<Cow<'a, str>>,
    /// The response; empty when the row's is empty or null inside a list.
    pub response: Cow<'a, str>,
}

/// The two shapes of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A question with responses, rendered by the recipe's prompt.
    Question {
        /// The question; several columns are joined by a line break, empty ones left out.
        question: Cow<'a, str>,
        /// Answer options in the row's order.
        options: Vec<Choice<'a>>,
        /// The gold answer; an empty one counts as none.
        answer: Option<Cow<'a, str>>,
        /// Earlier turns of the same conversation: what was asked, and what was answered.
        history: Vec<[Cow<'a, str>; 2]>,
        /// At least one response.
        responses: Vec<Response<'a>>,
    },
    /// Turns as they stand, at least one of them the assistant's. Turns after the last assistant
    /// turn are kept: they are rendered, but nothing in them is supervised.
    Conversation(Vec<Turn<'a>>),
}

/// The parts of a row's traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Identity position: byte offset in plain JSON Lines, else 0-based row number in the file.
    pub position: u64,
    /// 0-based row number from the start of the task; blank JSON lines count.
    pub ordinal: u64,
    /// The mapped `id`, shown to people only: identity is the position.
    pub id: Option<Cow<'a, str>>,
    /// The row's system message: a conversation's first turn, else the `system` column if not empty.
    pub system: Option<Cow<'a, str>>,
    /// Images that stand in no turn of [`Self::body`]. There are none unless the mapping asks to leave them out.
    pub images: Vec<ImageRef>,
    /// Question or conversation.
    pub body: Body<'a>,
}

impl Body<'_> {
    /// The images that its turns show.
    pub fn images(&self) -> impl Iterator<Item = &ImageRef> {
        let turns = match self {
            Self::Conversation(turns) => &turns[..],
            Self::Question { .. } => &[],
        };
        turns.iter().flat_map(Turn::images)
    }
}

/// A row that gives no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As in [`Row::position`].
    pub position: u64,
    /// As in [`Row::ordinal`].
    pub ordinal: u64,
    /// Why.
    pub reason: Reason,
    /// Kind and place of the fault, never a value of the row.
    pub detail: String,
}

/// Why a row gives no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Not JSON, or JSON that is no Unicode text (a lone surrogate), or nested too deep.
    InvalidJson,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// JSON, but no object.
    NotAnObject,
    /// A mapped key occurs twice in one object, so its value is ambiguous.
    DuplicateKey,
    /// A mapped key is absent.
    MissingField,
    /// A value that a trace needs is null.
    NullField,
    /// A value is not of the kind that the mapping asks for.
    WrongType,
    /// The row is longer than the largest row allowed.
    RowTooLarge,
    /// A CSV line on which no row begins that could be read.
    InvalidCsv,
    /// A CSV row with more or fewer fields than the header.
    WrongColumnCount,
    /// A conversation in which the assistant never speaks.
    NoAssistantTurn,
    /// The response is null, or the list of responses is null or empty.
    NoResponse,
    /// The question, or a turn that the assistant answers, has no text.
    EmptyQuestion,
    /// A template over the row's columns meets a null, a missing column or an index outside of its list.
    NoAnswer,
    /// The row names or holds a picture.
    HasImage,
    /// The row holds a preferred and a rejected answer, or says by a label whether its answer is a good one.
    PreferenceRow,
    /// The row defines tools or an assistant's turn calls one.
    ToolCalls,
    /// The letters of the options contradict one another or cannot be known.
    OptionLabels,
    /// Two keys of a turn hold different chains of thought.
    TwoReasonings,
    /// A turn says of itself how it is to be learned in a way that a mask over whole turns cannot express.
    TurnWeight,
    /// The template of `response` needs more for the row than a row may take.
    TemplateLimit,
}

impl Reason {
    /// All reasons, in a fixed order.
    pub const ALL: [Self; 21] = [
        Self::InvalidJson,
        Self::InvalidUtf8,
        Self::NotAnObject,
        Self::DuplicateKey,
        Self::MissingField,
        Self::NullField,
        Self::WrongType,
        Self::RowTooLarge,
        Self::InvalidCsv,
        Self::WrongColumnCount,
        Self::NoAssistantTurn,
        Self::NoResponse,
        Self::EmptyQuestion,
        Self::NoAnswer,
        Self::HasImage,
        Self::PreferenceRow,
        Self::ToolCalls,
        Self::OptionLabels,
        Self::TwoReasonings,
        Self::TurnWeight,
        Self::TemplateLimit,
    ];

    /// Whether the row is broken, and not merely without a trace.
    pub fn is_unreadable(self) -> bool {
        !matches!(
            self,
            Self::NoAssistantTurn
                | Self::NoResponse
                | Self::EmptyQuestion
                | Self::NoAnswer
                | Self::HasImage
                | Self::TwoReasonings
                | Self::TemplateLimit
        )
    }

    /// The reason of this number in [`Self::ALL`].
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Its number in [`Self::ALL`].
    pub fn code(self) -> u8 {
        let found = Self::ALL.iter().position(|reason| *reason == self);
        found.map_or(u8::MAX, |code| code as u8)
    }

    /// The name in the rejects.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateKey => "duplicate_key",
            Self::MissingField => "missing_field",
            Self::NullField => "null_field",
            Self::WrongType => "wrong_type",
            Self::RowTooLarge => "row_too_large",
            Self::InvalidCsv => "invalid_csv",
            Self::WrongColumnCount => "wrong_column_count",
            Self::NoAssistantTurn => "no_assistant_turn",
            Self::NoResponse => "no_response",
            Self::EmptyQuestion => "empty_question",
            Self::NoAnswer => "no_answer",
            Self::HasImage => "has_image",
            Self::PreferenceRow => "preference_row",
            Self::ToolCalls => "tool_calls",
            Self::OptionLabels => "option_labels",
            Self::TwoReasonings => "two_reasonings",
            Self::TurnWeight => "turn_weight",
            Self::TemplateLimit => "template_limit",
        }
    }
}

/// What a block says of one of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding<'a> {
    /// It gives traces.
    Row(Row<'a>),
    /// It gives none.
    Refused(Refusal),
}
