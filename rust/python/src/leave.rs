//! The one place where a call leaves Python: the GIL is released, and errors and panics become exceptions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

use crate::error::{Error, Kind, say};

/// Runs `work` without the GIL and makes an exception of its error; a panic inside becomes
/// `octomed.errors.InternalError`.
pub fn leave<T, E>(py: Python<'_>, work: impl FnOnce() -> Result<T, E> + Send) -> PyResult<T>
where
    T: Send,
    E: Into<Error>,
{
    py.detach(|| match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.into().into()),
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_else(|| "unknown panic".to_owned());
            let message = format!("the engine failed: {message}");
            Err(say(Kind::Internal, message, None))
        }
    })
}
