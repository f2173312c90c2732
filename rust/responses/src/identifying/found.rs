//! A find.

use super::kinds::Kind;

/// Identifying data: bytes `start..end` of a text. What they say is nowhere stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identified {
    /// What they are.
    pub kind: Kind,
    /// Where they begin.
    pub start: usize,
    /// Where they end.
    pub end: usize,
}
