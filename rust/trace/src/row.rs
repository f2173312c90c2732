//! What a row gives: the parts of its traces, or the reason why it gives none.

use std::borrow::Cow;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: Cow<'a, str>,
    /// The text of the turn.
    pub content: Cow<'a, str>,
    /// The assistant's chain of thought, when it has a key of its own.
    pub reasoning: Option<Cow<'a, str>>,
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
        /// Answer options in order, as the row writes them.
        options: Vec<Cow<'a, str>>,
        /// The gold answer; an empty one counts as none.
        answer: Option<Cow<'a, str>>,
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
    /// Question or conversation.
    pub body: Body<'a>,
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
    /// A value is not of the kind that the mapping wants.
    WrongType,
    /// The row is longer than the largest row allowed.
    RowTooLarge,
    /// A CSV line on which no row begins that could be read.
    InvalidCsv,
    /// A CSV row with more or fewer fields than the header.
    WrongColumnCount,
    /// A conversation in which the assistant never speaks.
    NoAssistantTurn,
    /// The list of responses is empty or null.
    NoResponse,
}

impl Reason {
    /// All reasons, in a fixed order.
    pub const ALL: [Self; 12] = [
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
    ];

    /// Whether the row is broken, and not merely without a trace.
    pub fn is_unreadable(self) -> bool {
        !matches!(self, Self::NoAssistantTurn | Self::NoResponse)
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
