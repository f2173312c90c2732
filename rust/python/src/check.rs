//! Bindings of `octomed-engine`: packs read back, and a row of a source looked at.

use std::path::PathBuf;

use arrow_array::{Array, UInt32Array, UInt64Array};
use arrow_data::ArrayData;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::leave::leave;

fn array(array: &dyn Array) -> PyArrowType<ArrayData> {
    PyArrowType(array.to_data())
}

/// Checks every pack of a shard: faults, packs, tokens, ids and lengths of its traces, and traces of each pack.
#[pyfunction]
#[pyo3(signature = (folder, shard, vocabulary_size, capacity))]
pub fn check_shard<'py>(
    py: Python<'py>,
    folder: PathBuf,
    shard: usize,
    vocabulary_size: u32,
    capacity: u32,
) -> PyResult<Bound<'py, PyDict>> {
    let check = leave(py, || {
        octomed_engine::check_shard(&folder, shard, vocabulary_size, capacity)
    })?;
    let result = PyDict::new(py);
    result.set_item("faults", check.faults)?;
    result.set_item("packs", check.packs)?;
    result.set_item("tokens", check.tokens)?;
    result.set_item("trace_ids", array(&UInt64Array::from(check.trace_ids)))?;
    result.set_item("lengths", array(&UInt32Array::from(check.lengths)))?;
    result.set_item("documents", array(&UInt32Array::from(check.documents)))?;
    Ok(result)
}

/// A pack read back: `input_ids`, `lengths`, `loss_spans` (pairs) and `trace_ids`.
#[pyfunction]
#[pyo3(signature = (folder, pack))]
pub fn read_pack<'py>(
    py: Python<'py>,
    folder: PathBuf,
    pack: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let content = leave(py, || octomed_engine::read_pack(&folder, pack))?;
    let result = PyDict::new(py);
    result.set_item("input_ids", content.input_ids)?;
    result.set_item("lengths", content.lengths)?;
    result.set_item(
        "loss_spans",
        content
            .loss_spans
            .into_iter()
            .map(|[begin, end]| (begin, end))
            .collect::<Vec<_>>(),
    )?;
    result.set_item("trace_ids", content.trace_ids)?;
    Ok(result)
}
