//! Bindings of `octomed-trace`: JSON files that are no lines and no array.

use octomed_trace::{
    DEFAULT_TARGET, Held, JsonObjectsCutter as RustJsonObjectsCutter,
    JsonRowsCutter as RustJsonRowsCutter, JsonShape as RustJsonShape, Layout,
};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::leave::leave;
use crate::trace::{Block, refuse, wrapped};

/// Adds this file's classes to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<JsonObjectsCutter>()?;
    module.add_class::<JsonRowsCutter>()?;
    module.add_class::<JsonShape>()
}

/// Cuts a file of JSON objects one behind the other, over as many lines as they like.
#[pyclass(module = "octomed._octomed")]
pub struct JsonObjectsCutter(RustJsonObjectsCutter);

#[pymethods]
impl JsonObjectsCutter {
    /// A cutter for a whole file.
    #[new]
    #[pyo3(signature = (target = DEFAULT_TARGET))]
    fn new(target: u64) -> Self {
        Self(RustJsonObjectsCutter::new(target))
    }

    /// Rows so far.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// Take the next bytes of the file; returns the blocks that they complete.
    #[pyo3(signature = (chunk))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn feed(&mut self, py: Python<'_>, chunk: PyBackedBytes) -> PyResult<Vec<Block>> {
        leave(py, || self.0.feed(&chunk).map(wrapped).map_err(refuse))
    }

    /// End the file; returns the last block, if there is one. Raises `DataError` when it is cut off.
    #[pyo3(signature = ())]
    fn finish(&mut self, py: Python<'_>) -> PyResult<Vec<Block>> {
        leave(py, || self.0.finish().map(wrapped).map_err(refuse))
    }
}

/// Cuts a file that is one JSON object, in which a path of keys leads to the rows.
#[pyclass(module = "octomed._octomed")]
pub struct JsonRowsCutter(RustJsonRowsCutter);

#[pymethods]
impl JsonRowsCutter {
    /// A cutter for a whole file; without a path its own object's values are the rows.
    #[new]
    #[pyo3(signature = (path, target = DEFAULT_TARGET))]
    fn new(path: Vec<String>, target: u64) -> Self {
        Self(RustJsonRowsCutter::new(path, target))
    }

    /// Rows so far.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// Take the next bytes of the file; returns the blocks that they complete.
    #[pyo3(signature = (chunk))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn feed(&mut self, py: Python<'_>, chunk: PyBackedBytes) -> PyResult<Vec<Block>> {
        leave(py, || self.0.feed(&chunk).map(wrapped).map_err(refuse))
    }

    /// End the file; returns the last block, if there is one. Raises `DataError` when it is cut off.
    #[pyo3(signature = ())]
    fn finish(&mut self, py: Python<'_>) -> PyResult<Vec<Block>> {
        leave(py, || self.0.finish().map(wrapped).map_err(refuse))
    }
}

/// Tells how the rows stand in a JSON file, from its first value.
#[pyclass(module = "octomed._octomed")]
pub struct JsonShape(RustJsonShape);

#[pymethods]
impl JsonShape {
    /// A look at a file of which nothing was read yet.
    #[new]
    #[pyo3(signature = ())]
    fn new() -> Self {
        Self(RustJsonShape::new())
    }

    /// Take the next bytes of the file; returns whether that is enough.
    #[pyo3(signature = (chunk))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn feed(&mut self, py: Python<'_>, chunk: PyBackedBytes) -> PyResult<bool> {
        leave(py, || Ok(self.0.feed(&chunk)))
    }

    /// `empty`, `lines`, `array`, `object` or `objects`.
    #[getter]
    fn layout(&self) -> &'static str {
        match self.0.layout() {
            Layout::Empty => "empty",
            Layout::Lines => "lines",
            Layout::Array => "array",
            Layout::Object => "object",
            Layout::Objects => "objects",
        }
    }

    /// The first keys of the first object, each with `object`, `objects` (a list of them) or `other`.
    #[getter]
    fn keys(&self) -> Vec<(String, &'static str)> {
        let keys = self.0.keys().iter();
        keys.map(|(key, held)| (key.clone(), held_name(*held)))
            .collect()
    }

    /// Whether the first value ends on the line on which it begins.
    #[getter]
    fn is_on_one_line(&self) -> bool {
        self.0.is_on_one_line()
    }

    /// Whether the first object holds objects and nothing else.
    #[getter]
    fn holds_only_objects(&self) -> bool {
        self.0.holds_only_objects()
    }
}

fn held_name(held: Held) -> &'static str {
    match held {
        Held::Object => "object",
        Held::Objects => "objects",
        Held::Other => "other",
    }
}
