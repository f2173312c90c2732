//! Bindings of `octomed-text`: tokenizers.

use std::sync::Arc;

use octomed_text::TextError;
use pyo3::prelude::*;

use crate::error::{Kind, raise};
use crate::leave::leave;

/// Adds this file's classes and functions to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Tokenizer>()
}

fn refuse(error: TextError) -> PyErr {
    raise(Kind::Recipe, error, None)
}

/// A tokenizer, ready to encode.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Tokenizer(pub Arc<octomed_text::Tokenizer>);

#[pymethods]
impl Tokenizer {
    /// From the bytes of a `tokenizer.json`.
    #[staticmethod]
    #[pyo3(signature = (json))]
    fn from_json(py: Python<'_>, json: &[u8]) -> PyResult<Self> {
        leave(py, || octomed_text::Tokenizer::from_json(json).map_err(refuse)).map(|one| Self(Arc::new(one)))
    }

    /// A vocabulary that the package carries.
    #[staticmethod]
    #[pyo3(signature = (name))]
    fn builtin(py: Python<'_>, name: &str) -> PyResult<Self> {
        leave(py, || octomed_text::Tokenizer::builtin(name).map_err(refuse)).map(|one| Self(Arc::new(one)))
    }

    /// 128-bit hash of all that decides ids, in hexadecimal.
    #[getter]
    fn content_hash(&self) -> String {
        format!("{:032x}", self.0.content_hash())
    }

    /// Which code path encodes.
    #[getter]
    fn path(&self) -> String {
        self.0.path().to_owned()
    }

    /// Number of ids.
    #[getter]
    fn vocabulary_size(&self) -> usize {
        self.0.vocabulary_size()
    }

    /// Special tokens with their ids.
    #[pyo3(signature = ())]
    fn special_tokens(&self) -> Vec<(String, u32)> {
        self.0.special_tokens()
    }

    /// The bytes that some ids stand for.
    #[pyo3(signature = (ids))]
    fn decode_bytes(&self, ids: Vec<u32>) -> PyResult<Vec<u8>> {
        self.0.decode_bytes(&ids).map_err(refuse)
    }
}
