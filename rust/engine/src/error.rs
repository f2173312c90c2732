//! What can go wrong in a pass.

use octomed_curate::CurateError;
use octomed_index::IndexError;
use octomed_mds::MdsError;
use octomed_text::{TemplateError, TextError};
use octomed_trace::TraceError;

/// An error that ends a pass; a row that is merely wrong becomes a reject instead.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Ctrl-C, or another worker failed.
    #[error("cancelled")]
    Cancelled,
    /// A block of the working store could not be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A rule of curation ends the run.
    #[error(transparent)]
    Curate(CurateError),
    /// The rows need more than a number of the working store counts.
    #[error("{0}")]
    TooLarge(String),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
    /// The settings handed over are not valid.
    #[error("invalid settings: {0}")]
    Settings(String),
    /// Reading rows failed as a whole.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The chat template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The tokenizer failed.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The folder or archive of images cannot be used.
    #[error(transparent)]
    ImageRoot(#[from] octomed_image_files::FilesError),
    /// An image could not be read, though it is there.
    #[error("cannot read {place}: {source}")]
    ImageFile {
        /// Where the row has it.
        place: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An evaluation set cannot be read as a whole.
    #[error("{0}")]
    Evaluation(String),
    /// A shard could not be written or read.
    #[error(transparent)]
    Mds(#[from] MdsError),
}

impl From<CurateError> for EngineError {
    fn from(error: CurateError) -> Self {
        match error {
            // As when any other file of a block does not read.
            CurateError::Index(error) => Self::Index(error),
            CurateError::Cancelled => Self::Cancelled,
            CurateError::Internal(message) => Self::Internal(message),
            error => Self::Curate(error),
        }
    }
}

impl EngineError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Index(error) => error.hint(),
            Self::Curate(error) => error.hint(),
            Self::Mds(MdsError::TooLarge { .. }) => Some(
                "set `pack.max_patches`, lower `pack.capacity`, or store images as the model sees them: `images.store: resized`"
                    .to_owned(),
            ),
            Self::Evaluation(_) => Some(
                "what is not read of an evaluation set is not found in the sources: mend the file, or leave it out of `curate.decontaminate.against`"
                    .to_owned(),
            ),
            Self::Trace(error) => error.hint(),
            Self::ImageRoot(error) => error.hint().map(str::to_owned),
            Self::Template(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}
