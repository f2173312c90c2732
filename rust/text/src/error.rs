//! What can be wrong with a tokenizer, a template or a trace given to this crate.

/// Errors of this crate; each says what is wrong with the caller's input.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The bytes are not a `tokenizer.json` that can be used.
    #[error("the tokenizer file cannot be used: {0}")]
    TokenizerFile(String),
    /// No vocabulary of this name is inside the package.
    #[error("no built-in vocabulary is called `{name}`; there are `qwen2.5` and `qwen3`")]
    UnknownVocabulary {
        /// The name asked for.
        name: String,
    },
    /// A control token or a supervised span does not lie in the rendered text as promised.
    #[error(
        "bytes {start}..{end} of the rendered text are out of order, out of range, or cut a character"
    )]
    BadRange {
        /// First byte.
        start: usize,
        /// Byte after the last.
        end: usize,
    },
    /// The `tokenizers` crate refused a text.
    #[error("the text cannot be encoded: {0}")]
    Encode(String),
    /// The tokenizer needs more for a text than one text may take.
    #[error("the tokenizer {0} than one text may take")]
    Limit(&'static str),
    /// The `tokenizers` crate panicked on a text, or its model has no token for a word of it.
    #[error("the tokenizer failed on the text: {0}")]
    Failed(String),
    /// One text of a batch cannot be encoded.
    #[error("row {row} {reason}")]
    Row {
        /// Its number, from 0.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An id is outside the vocabulary.
    #[error("token id {0} is not in the vocabulary")]
    UnknownId(u32),
    /// A text is too long for 32-bit positions.
    #[error("a text of {0} bytes is longer than the 256 MiB that one trace may have")]
    TooLong(usize),
}
