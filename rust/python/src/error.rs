//! Rust errors become the classes of `octomed.errors`, which carry an exit code and a hint.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

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

/// The Python exception for an error of `kind`, with an optional hint.
pub fn raise(kind: Kind, message: impl std::fmt::Display, hint: Option<String>) -> PyErr {
    let class = match kind {
        Kind::Recipe => "RecipeError",
        Kind::Data => "DataError",
        Kind::Storage => "StorageError",
        Kind::Internal => "InternalError",
    };
    let message = message.to_string();
    Python::attach(|py| {
        let built = py
            .import("octomed.errors")
            .and_then(|errors| errors.getattr(class))
            .and_then(|class| class.call1((message.clone(), hint)));
        match built {
            Ok(value) => PyErr::from_value(value),
            Err(_) => PyRuntimeError::new_err(message),
        }
    })
}
