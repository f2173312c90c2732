//! Binding of `octomed-trace`: how rows stand in a JSON file.

use octomed_trace::{Held, JsonShape as RustJsonShape, Layout};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::error::Error;
use crate::leave::leave;

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
        leave(py, || Ok::<_, Error>(self.0.feed(&chunk)))
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
