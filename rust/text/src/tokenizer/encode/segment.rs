//! A part of a trace's text that is encoded by itself.

/// A text without added tokens, and where it lies in its trace.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub text: &'a str,
    /// The byte of the trace at which `text` begins.
    pub base: usize,
    /// The position in `ids` of the trace's first token.
    pub first: usize,
}

impl Segment<'_> {
    /// The part from byte `start` to byte `end` of the text.
    pub fn cut(&self, start: usize, end: usize) -> Self {
        Self {
            text: &self.text[start..end],
            base: self.base + start,
            first: self.first,
        }
    }
}
