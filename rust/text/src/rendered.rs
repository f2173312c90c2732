//! One rendered trace: the whole string, where its control tokens lie, and which bytes are supervised.

use std::ops::Range;

/// A control token that the template wrote: it becomes `id`, whatever the text around it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Byte range of the token's text in [`Rendered::text`].
    pub bytes: Range<usize>,
    /// The id it becomes.
    pub id: u32,
    /// How many of that id stand there: an image's placeholder is one text and a token for each piece of the image.
    pub repeat: u32,
}

/// A trace as its chat template writes it.
///
/// `text` equals what `apply_chat_template` gives, byte for byte. Between two controls lies a
/// *stretch*: ordinary text in which special tokens typed by a user stay text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The whole string, control tokens included.
    pub text: String,
    /// Control tokens, ascending and disjoint.
    pub controls: Vec<Control>,
    /// Supervised bytes, half-open, ascending and disjoint; each ends with an end-of-turn control, or where an image
    /// stands in the turn: no token of an image is in a span.
    pub supervised: Vec<Range<usize>>,
    /// Where a token that reaches into a span may begin and still be learned, for each span: the white space from
    /// there to the span is written by no prompt, so that the model writes it itself. Empty where that is each
    /// span's own start.
    pub leads: Vec<usize>,
}

impl Rendered {
    /// Empties the value and keeps its memory, so that one value serves every trace of a worker.
    pub fn clear(&mut self) {
        self.text.clear();
        self.controls.clear();
        self.supervised.clear();
        self.leads.clear();
    }
}
