//! Why a row gives no trace: names that rejects, reports and documents use.

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
    /// The row names or holds an image that nobody maps, or its model takes no images.
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
    /// The row has more placeholders than images, or fewer.
    ImageCount,
    /// An image stands in a turn whose role the model's template drops images of.
    ImageInRole,
    /// The file of an image does not exist.
    ImageMissing,
    /// An image is cut short or cannot be decoded.
    ImageDamaged,
    /// What is in the place of an image is of another kind: a video, a sound, DICOM, NIfTI, HTML, PDF.
    ImageKind,
    /// An image has more bytes or pixels than are taken.
    ImageTooLarge,
    /// An image has a shape that the model does not take.
    ImageShape,
    /// An image has more bits a channel than the recipe lets be shown in eight.
    ImageDepth,
    /// An image is named by a URL, and the recipe does not allow the network.
    ImageUrl,
    /// The path of an image leaves the folder of images.
    ImagePath,
    /// What stands for an image is a number, or an object without bytes and path.
    ImageValue,
    /// The address of an image gives none: it cannot be reached, or what is sent is refused.
    ImageUnreachable,
}

impl Reason {
    /// All reasons, in a fixed order.
    pub const ALL: [Self; 33] = [
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
        Self::ImageCount,
        Self::ImageInRole,
        Self::ImageMissing,
        Self::ImageDamaged,
        Self::ImageKind,
        Self::ImageTooLarge,
        Self::ImageShape,
        Self::ImageDepth,
        Self::ImageUrl,
        Self::ImagePath,
        Self::ImageValue,
        Self::ImageUnreachable,
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
                | Self::ImageCount
                | Self::ImageInRole
                | Self::ImageTooLarge
                | Self::ImageShape
                | Self::ImageDepth
                | Self::ImageUrl
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
            Self::ImageCount => "image_count",
            Self::ImageInRole => "image_in_role",
            Self::ImageMissing => "image_missing",
            Self::ImageDamaged => "image_damaged",
            Self::ImageKind => "image_kind",
            Self::ImageTooLarge => "image_too_large",
            Self::ImageShape => "image_shape",
            Self::ImageDepth => "image_depth",
            Self::ImageUrl => "image_url",
            Self::ImagePath => "image_path",
            Self::ImageValue => "image_value",
            Self::ImageUnreachable => "image_unreachable",
        }
    }
}
