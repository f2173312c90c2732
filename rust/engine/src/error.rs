//! What can go wrong in a pass.

use std::path::{Path, PathBuf};

use octomed_mds::MdsError;
use octomed_text::{TemplateError, TextError};
use octomed_trace::TraceError;

/// An error that ends a pass; a row that is merely wrong becomes a reject instead.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Ctrl-C, or another worker failed.
    #[error("cancelled")]
    Cancelled,
    /// A file of the working store or the output could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// `read`, `write`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A block of the working store is not what its name promises.
    #[error("block `{}` is damaged: {what}", path.display())]
    DamagedBlock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The settings handed over are not valid.
    #[error("invalid settings: {0}")]
    Settings(String),
    /// A trace does not fit and the recipe calls that an error.
    #[error("trace {place} has {tokens} tokens, a pack holds {capacity}")]
    OverLong {
        /// Source, file, row and sample.
        place: String,
        /// Its length.
        tokens: u32,
        /// The capacity.
        capacity: u32,
    },
    /// Reading rows failed as a whole.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The chat template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The tokenizer failed.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A shard could not be written or read.
    #[error(transparent)]
    Mds(#[from] MdsError),
}

impl EngineError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => Some(
                "free some space or choose another disk, then run the same command again: finished work stands"
                    .to_owned(),
            ),
            Self::DamagedBlock { path, .. } => {
                let folder = path.parent().unwrap_or(path).display();
                Some(format!("if running again does not help, the disk is at fault: delete the folder `{folder}`"))
            }
            Self::OverLong { .. } => {
                Some("raise `pack.capacity`, or set `curate.over_long: reject`".to_owned())
            }
            Self::Trace(error) => error.hint(),
            Self::Template(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }

    /// Wraps an I/O error with what was being done to which file.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// Wraps an error while a block was read: one that is missing, or that the disk does not give, is damaged.
    pub fn of_block(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match (source.kind(), source.raw_os_error()) {
            (std::io::ErrorKind::NotFound, _) => Self::damaged(&path, "it is missing"),
            (_, Some(libc::EIO)) => Self::damaged(&path, source),
            _ => Self::file("read", &path)(source),
        }
    }

    /// A block whose bytes do not add up.
    pub fn damaged(path: &Path, what: impl std::fmt::Display) -> Self {
        Self::DamagedBlock {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}
