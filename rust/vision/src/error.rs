//! Why an image cannot be used.

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Bytes that are no whole image of their format: truncated, corrupt, empty.
    Damaged,
    /// Not an image of a format that is read: a page of HTML, a video, DICOM.
    Kind,
    /// More pixels, or more memory to decode them, than the limit.
    TooLarge,
    /// A shape that no model takes: one side more than 200 times the other.
    Shape,
    /// 16 bits of grey, which have no 8-bit meaning without a window.
    Depth,
}

/// An image that cannot be used, and why, without a byte of what it shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ImageError {
    /// The kind of the fault.
    pub fault: Fault,
    /// What is wrong, in words.
    pub detail: String,
}

impl ImageError {
    /// An error of a kind, in words.
    #[must_use]
    pub fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            fault,
            detail: detail.into(),
        }
    }
}
