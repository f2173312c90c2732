//! Bindings of `octomed-pack`: packs to the tensors of a batch.

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray1, PyReadwriteArray2};
use octomed_pack::{Batch, BatchError, PackRow};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::{Kind, raise};
use crate::leave::leave;

/// `input_ids`, `lengths`, `loss_spans` and `trace_ids` of a row.
type Columns<'py> = (
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray2<'py, u32>,
    PyReadonlyArray1<'py, u64>,
);

/// The buffers of a batch, in the order of `octomed_pack::Batch`.
type Buffers<'py> = (
    PyReadwriteArray2<'py, i64>,
    PyReadwriteArray1<'py, i64>,
    PyReadwriteArray1<'py, i64>,
    PyReadwriteArray1<'py, i64>,
    PyReadwriteArray1<'py, i32>,
    PyReadwriteArray1<'py, i64>,
    PyReadwriteArray1<'py, i64>,
);

/// Writes the batch of `rows` into `buffers`, and returns the length of its longest document.
///
/// A row is (input_ids, lengths, loss_spans, trace_ids); buffers are (packs, input_ids, labels,
/// position_ids, cu_seqlens, trace_ids, supervised_tokens), contiguous and of the batch's size.
#[pyfunction]
#[pyo3(signature = (rows, buffers, vocabulary))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
fn fill_batch<'py>(
    py: Python<'py>,
    rows: Vec<Columns<'py>>,
    buffers: Buffers<'py>,
    vocabulary: Option<u32>,
) -> PyResult<u32> {
    let rows = rows.iter().map(row).collect::<PyResult<Vec<_>>>()?;
    let (
        mut packs,
        mut input_ids,
        mut labels,
        mut position_ids,
        mut cu_seqlens,
        mut trace_ids,
        mut supervised_tokens,
    ) = buffers;
    let mut batch = Batch {
        packs: packs.as_slice_mut().map_err(scattered)?,
        input_ids: input_ids.as_slice_mut().map_err(scattered)?,
        labels: labels.as_slice_mut().map_err(scattered)?,
        position_ids: position_ids.as_slice_mut().map_err(scattered)?,
        cu_seqlens: cu_seqlens.as_slice_mut().map_err(scattered)?,
        trace_ids: trace_ids.as_slice_mut().map_err(scattered)?,
        supervised_tokens: supervised_tokens.as_slice_mut().map_err(scattered)?,
    };
    leave(py, || batch.fill(&rows, vocabulary).map_err(refuse))
}

/// Checks what `fill_batch` would refuse of `rows`.
#[pyfunction]
#[pyo3(signature = (rows, vocabulary))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
fn check_packs<'py>(
    py: Python<'py>,
    rows: Vec<Columns<'py>>,
    vocabulary: Option<u32>,
) -> PyResult<()> {
    let rows = rows.iter().map(row).collect::<PyResult<Vec<_>>>()?;
    leave(py, || {
        octomed_pack::check_packs(&rows, vocabulary).map_err(refuse)
    })
}

/// The columns as slices.
fn row<'a>(columns: &'a Columns<'_>) -> PyResult<PackRow<'a>> {
    let (input_ids, lengths, loss_spans, trace_ids) = columns;
    Ok(PackRow {
        input_ids: input_ids.as_slice().map_err(scattered)?,
        lengths: lengths.as_slice().map_err(scattered)?,
        loss_spans: loss_spans.as_slice().map_err(scattered)?,
        trace_ids: trace_ids.as_slice().map_err(scattered)?,
    })
}

fn scattered(_: impl std::error::Error) -> PyErr {
    PyTypeError::new_err("arrays must be contiguous and aligned")
}

/// The Python error for `error`.
fn refuse(error: BatchError) -> PyErr {
    match error {
        BatchError::Row { .. } => raise(
            Kind::Data,
            error,
            Some("`octomed verify RUN` says which shards are damaged".to_owned()),
        ),
        BatchError::TooMany { .. } => raise(
            Kind::Recipe,
            error,
            Some("put fewer packs into a batch".to_owned()),
        ),
        BatchError::NoPacks | BatchError::Buffer { .. } => raise(Kind::Internal, error, None),
    }
}

/// Adds this file's functions to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(check_packs, module)?)?;
    module.add_function(wrap_pyfunction!(fill_batch, module)?)
}
