//! Bindings of `octomed-pack`: packs to the tensors of a batch.

use numpy::{
    AsSliceError, PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray1, PyReadwriteArray2,
};
use octomed_pack::{Batch, BatchError, PackRow};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::{Error, Kind, Result, raise};
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
#[pyo3(signature = (
    rows: "collections.abc.Sequence[tuple[numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint64]]]",
    buffers: "tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]]",
    vocabulary,
))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn fill_batch<'py>(
    py: Python<'py>,
    rows: Vec<Columns<'py>>,
    buffers: Buffers<'py>,
    vocabulary: Option<u32>,
) -> Result<u32> {
    let rows = rows.iter().map(row).collect::<Result<Vec<_>>>()?;
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
        packs: packs.as_slice_mut()?,
        input_ids: input_ids.as_slice_mut()?,
        labels: labels.as_slice_mut()?,
        position_ids: position_ids.as_slice_mut()?,
        cu_seqlens: cu_seqlens.as_slice_mut()?,
        trace_ids: trace_ids.as_slice_mut()?,
        supervised_tokens: supervised_tokens.as_slice_mut()?,
    };
    Ok(leave(py, || batch.fill(&rows, vocabulary))?)
}

/// Checks what `fill_batch` would refuse of `rows`.
#[pyfunction]
#[pyo3(signature = (
    rows: "collections.abc.Sequence[tuple[numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint64]]]",
    vocabulary,
))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn check_packs<'py>(
    py: Python<'py>,
    rows: Vec<Columns<'py>>,
    vocabulary: Option<u32>,
) -> Result<()> {
    let rows = rows.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(leave(py, || octomed_pack::check_packs(&rows, vocabulary))?)
}

/// The columns as slices.
fn row<'a>(columns: &'a Columns<'_>) -> Result<PackRow<'a>> {
    let (input_ids, lengths, loss_spans, trace_ids) = columns;
    Ok(PackRow {
        input_ids: input_ids.as_slice()?,
        lengths: lengths.as_slice()?,
        loss_spans: loss_spans.as_slice()?,
        trace_ids: trace_ids.as_slice()?,
    })
}

impl From<AsSliceError> for Error {
    fn from(_: AsSliceError) -> Self {
        PyTypeError::new_err("arrays must be contiguous and aligned").into()
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        let (kind, hint) = match &error {
            BatchError::Row { .. } => (
                Kind::Data,
                Some("`octomed verify RUN` says which shards are damaged"),
            ),
            BatchError::TooMany { .. } => (Kind::Recipe, Some("put fewer packs into a batch")),
            BatchError::NoPacks | BatchError::Buffer { .. } => (Kind::Internal, None),
        };
        raise(kind, &error, hint.map(str::to_owned)).into()
    }
}
