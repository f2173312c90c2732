//! The texts of responses, for a rule that has to look at them.

use octomed_index::{Index, TraceLocation};

use crate::CurateError;

/// Reads what the model is to learn of traces: the text of their supervised tokens, thinking and answer, without the
/// template's own tokens.
pub trait Texts: Send + Sync {
    /// Calls `each` with every one of these traces, in their order, and its text. They are read fastest in the order of
    /// blocks and rows, on several threads at once.
    ///
    /// # Errors
    /// When a block cannot be read, or the run was cancelled.
    fn read(
        &self,
        index: &Index,
        traces: &[TraceLocation],
        each: &mut dyn FnMut(TraceLocation, &str),
    ) -> Result<(), CurateError>;
}
