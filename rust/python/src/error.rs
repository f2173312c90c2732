//! Errors of the crates become the classes of `octomed.errors`, which carry an exit code and a hint.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use pyo3::prelude::*;

/// The classes of `octomed.errors`.
mod classes {
    use pyo3::import_exception;

    import_exception!(octomed.errors, CancelledRun);
    import_exception!(octomed.errors, DamagedBlock);
    import_exception!(octomed.errors, DataError);
    import_exception!(octomed.errors, InternalError);
    import_exception!(octomed.errors, RecipeError);
    import_exception!(octomed.errors, StorageError);
}

/// Any error of the crates, as the exception that Python gets: `?` makes it.
///
/// PyO3's own `PyErr` cannot stand for it, since neither it nor the crates' errors are this crate's.
pub struct Error(PyErr);

/// What a binding returns whose errors come from the crates.
pub type Result<T> = std::result::Result<T, Error>;

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        error.0
    }
}

/// A file of the user's that cannot be read: Python's callers name it.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self(error.into())
    }
}

/// What crosses as JSON is written and read by this program alone.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        raise(Kind::Internal, &error, None).into()
    }
}

/// Which class of `octomed.errors` an error becomes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The recipe asks for something impossible (exit code 2).
    Recipe,
    /// The rows are not what the recipe says (exit code 3).
    Data,
    /// A file could not be read or written (exit code 4).
    Storage,
    /// A fault of ours (exit code 70).
    Internal,
}

/// The Python exception for `error`, with an optional hint; that of the storage has the system's error number.
pub fn raise(kind: Kind, error: &(dyn StdError + 'static), hint: Option<String>) -> PyErr {
    match kind {
        Kind::Storage => classes::StorageError::new_err((error.to_string(), hint, errno(error))),
        _ => say(kind, error.to_string(), hint),
    }
}

/// The Python exception for what a binding finds itself, with an optional hint.
pub fn say(kind: Kind, message: impl Into<String>, hint: Option<String>) -> PyErr {
    let arguments = (message.into(), hint);
    match kind {
        Kind::Recipe => classes::RecipeError::new_err(arguments),
        Kind::Data => classes::DataError::new_err(arguments),
        Kind::Storage => classes::StorageError::new_err(arguments),
        Kind::Internal => classes::InternalError::new_err(arguments),
    }
}

/// The exception of a call that its flag ended.
pub fn cancelled() -> PyErr {
    classes::CancelledRun::new_err(())
}

/// The exception of a block that does not read: it names the file, so that the run can make it again.
pub fn damaged_block(error: &dyn StdError, hint: Option<String>, path: &Path) -> PyErr {
    classes::DamagedBlock::new_err((error.to_string(), hint, path.to_owned()))
}

/// The system's error number, where one is behind `error`.
fn errno(mut error: &(dyn StdError + 'static)) -> Option<i32> {
    loop {
        let system = error.downcast_ref::<io::Error>();
        if let Some(number) = system.and_then(io::Error::raw_os_error) {
            return Some(number);
        }
        error = error.source()?;
    }
}
