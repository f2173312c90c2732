//! The one place where a call leaves Python: the GIL is released and a panic becomes an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

use crate::error::{Kind, raise};

/// Runs `work` without the GIL; a panic inside becomes `octomed.errors.InternalError`.
pub fn leave<T: Send>(py: Python<'_>, work: impl FnOnce() -> PyResult<T> + Send) -> PyResult<T> {
    py.detach(|| {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let message = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_else(|| "unknown panic".to_owned());
            Err(raise(
                Kind::Internal,
                format!("the engine failed: {message}"),
                None,
            ))
        })
    })
}
