//! Why a block cannot be read or written.

use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;

/// What is wrong with a block, or with the disk under it.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// `read`, `write`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A block is not what its name promises.
    #[error("block `{}` is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The columns cannot be encoded: a fault of whoever filled them.
    #[error("an index cannot be made: {0}")]
    Encoding(ArrowError),
}

impl IndexError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => Some(
                "free some space or choose another disk, then run the same command again: finished work is kept and reused"
                    .to_owned(),
            ),
            Self::Damaged { path, .. } => {
                let folder = path.parent().unwrap_or(path).display();
                Some(format!("if running again does not help, the disk is at fault: delete the folder `{folder}`"))
            }
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
        Self::Damaged {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}
