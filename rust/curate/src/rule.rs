//! What a rule is.

use octomed_index::{Index, IndexError, Needs, TraceLocation, Verdict};

use crate::lost::Lost;

/// A decision about traces that needs no more than the index.
pub trait Rule {
    /// What becomes of the traces that it leaves out; rules run in the order of the verdicts.
    fn verdict(&self) -> Verdict;

    /// What it reads besides the columns that are always in memory. It may take what it asks for: no two rules ask for
    /// the same.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Leaves traces out with [`Index::reject`], of those that are kept so far.
    ///
    /// # Errors
    /// When the recipe calls what it found an error.
    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError>;
}

/// Says why a trace was left out: kind and place, never a value.
type Describe = dyn Fn(&Index, TraceLocation) -> String + Send + Sync;

/// What a rule left out, and why each.
pub struct Rejects {
    /// What became of the traces.
    pub verdict: Verdict,
    describe: Box<Describe>,
}

impl Rejects {
    /// What has `verdict`, with the words for each.
    pub fn new(
        verdict: Verdict,
        describe: impl Fn(&Index, TraceLocation) -> String + Send + Sync + 'static,
    ) -> Self {
        Self {
            verdict,
            describe: Box::new(describe),
        }
    }

    /// Why the rule left out this trace.
    #[must_use]
    pub fn detail(&self, index: &Index, trace: TraceLocation) -> String {
        (self.describe)(index, trace)
    }
}

/// Why a rule ends the run.
#[derive(Debug, thiserror::Error)]
pub enum CurateError {
    /// A file of a block could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Sources lose more of their questions to evaluation sets than the recipe lets them.
    #[error("{0}")]
    Lost(Box<Lost>),
    /// A trace does not fit and the recipe calls that an error.
    #[error("trace {trace} has {tokens} tokens, a pack holds {capacity}")]
    OverLong {
        /// Source, file, row and sample.
        trace: String,
        /// Its length.
        tokens: u32,
        /// The capacity.
        capacity: u32,
    },
    /// A trace shows more than a pack may and the recipe calls that an error.
    #[error("trace {trace} has images of {patches} patches, a pack holds {max_patches}")]
    OverPatches {
        /// Source, file, row and sample.
        trace: String,
        /// Patches of its distinct images.
        patches: u64,
        /// The bound.
        max_patches: u64,
    },
}

impl CurateError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Index(error) => error.hint(),
            Self::Lost(lost) => Some(lost.hint()),
            Self::OverLong { .. } => {
                Some("raise `pack.capacity`, or set `curate.over_long: reject`".to_owned())
            }
            Self::OverPatches { .. } => Some(
                "raise `pack.max_patches`, lower `images.max_pixels`, or set `curate.over_long: reject`"
                    .to_owned(),
            ),
        }
    }
}
