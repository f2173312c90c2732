//! What a rule is.

use std::collections::BTreeMap;

use octomed_index::{Index, IndexError, Needs, TraceLocation, Verdict};

use crate::class_count::ClassCount;
use crate::lost::Lost;

/// A decision about traces that needs no more than the index.
pub trait Rule {
    /// What becomes of the traces that it leaves out; rules run in the order of the verdicts.
    fn verdict(&self) -> Verdict;

    /// What it reads besides the columns that are always in memory. It may take the hashes
    /// of whole traces, which no other rule asks for; the questions are everybody's.
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
    /// What the summary says of it besides the counts.
    pub notes: Vec<String>,
    /// What became of each class of questions, where they were drawn by class.
    pub classes: Vec<ClassCount>,
    /// How many questions have so many traces that stay, where the rule counted them.
    pub per_question: BTreeMap<u64, u64>,
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
            notes: Vec::new(),
            classes: Vec::new(),
            per_question: BTreeMap::new(),
            describe: Box::new(describe),
        }
    }

    /// The same, with something to say in the summary.
    #[must_use]
    pub fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// The same, with how many questions have so many traces.
    #[must_use]
    pub fn with_questions(self, per_question: BTreeMap<u64, u64>) -> Self {
        Self {
            per_question,
            ..self
        }
    }

    /// The same, with what became of each class.
    #[must_use]
    pub fn with_classes(self, classes: Vec<ClassCount>) -> Self {
        Self { classes, ..self }
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
    /// The run was cancelled while texts were read.
    #[error("cancelled")]
    Cancelled,
    /// What a rule needs is not there: a fault of this program.
    #[error("{0}")]
    Internal(String),
    /// No question of the run has a pass rate in the files that shall say it.
    #[error("the files of `curate.pass_rate.from` have {rates} question{}, and none of this run's", if *.rates == 1 { "" } else { "s" })]
    NoPassRates {
        /// Questions of the files.
        rates: usize,
    },
    /// A trace would be in the run too often.
    #[error("a run would have {copies} copies of a trace, and may have 64")]
    Copies {
        /// How often.
        copies: u64,
    },
    /// No row has a value in the column that keeps rows together.
    #[error("no row has a value in the column that `validation.group` names")]
    NoGroups,
    /// A class that the recipe names has no question.
    #[error("no question is of the class `{class}` that `curate.stratify.per_class` names")]
    NoClass {
        /// As the recipe has it.
        class: String,
        /// The first of those that there are.
        classes: Vec<String>,
    },
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
            Self::Cancelled | Self::Internal(_) => None,
            Self::NoPassRates { .. } => Some(
                "a question's id follows from its text, the texts of its options and its images: all must be the same"
                    .to_owned(),
            ),
            Self::Copies { .. } => Some(
                "lower `curate.stratify.per_class`, which repeats the questions of a class, or the epochs of its group in `mix`"
                    .to_owned(),
            ),
            Self::NoGroups => Some("leave `group` out, or name a column of the rows".to_owned()),
            Self::NoClass { classes, .. } => Some(format!("there are {}", quoted(classes))),
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

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
