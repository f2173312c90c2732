//! Bindings of `octomed-pack`: packs to the tensors of a batch.

use numpy::{
    AsSliceError, PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray1, PyReadwriteArray2,
};
use octomed_pack::{
    Batch, BatchError, ImageBuffers, ImageColumns, ImageRules, PackRow, PackRules, RowFault,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::{Error, Kind, Result, raise};
use crate::leave::leave;

/// Of a row's images: bytes of `images`; `image_offsets`, `image_grid_thw` and `image_refs`, little-endian.
type Images<'py> = (
    u64,
    PyReadonlyArray1<'py, u8>,
    PyReadonlyArray1<'py, u8>,
    PyReadonlyArray1<'py, u8>,
);

/// `input_ids`, `lengths`, `loss_spans` and `trace_ids` of a row, and its images.
type Columns<'py> = (
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray2<'py, u32>,
    PyReadonlyArray1<'py, u64>,
    Option<Images<'py>>,
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

/// The buffers `image_grid_thw` and `image_refs`.
type ImageArrays<'py> = (PyReadwriteArray2<'py, i64>, PyReadwriteArray1<'py, i64>);

/// Writes the batch of `rows` into `buffers`, and returns the length of its longest document.
///
/// A row is (input_ids, lengths, loss_spans, trace_ids, images); images are (bytes, image_offsets,
/// image_grid_thw, image_refs) or none. Buffers are (packs, input_ids, labels, position_ids, cu_seqlens,
/// trace_ids, supervised_tokens), contiguous and of the batch's size. image_rules are the token of images and the
/// patches along a side of one; image_buffers are (image_grid_thw, image_refs), and go with four columns of packs.
#[pyfunction]
#[pyo3(signature = (
    rows: "collections.abc.Sequence[tuple[numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint64], tuple[int, numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.uint8]] | None]]",
    buffers: "tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]]",
    vocabulary,
    image_rules=None,
    image_buffers: "tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]] | None"=None,
))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn fill_batch<'py>(
    py: Python<'py>,
    rows: Vec<Columns<'py>>,
    buffers: Buffers<'py>,
    vocabulary: Option<u32>,
    image_rules: Option<(u32, u32)>,
    image_buffers: Option<ImageArrays<'py>>,
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
    let mut image_buffers = image_buffers;
    let images = image_buffers.as_mut().map(|(grids, refs)| {
        let (grids, refs) = (grids.as_slice_mut()?, refs.as_slice_mut()?);
        Ok::<_, AsSliceError>(ImageBuffers { grids, refs })
    });
    let mut batch = Batch {
        packs: packs.as_slice_mut()?,
        input_ids: input_ids.as_slice_mut()?,
        labels: labels.as_slice_mut()?,
        position_ids: position_ids.as_slice_mut()?,
        cu_seqlens: cu_seqlens.as_slice_mut()?,
        trace_ids: trace_ids.as_slice_mut()?,
        supervised_tokens: supervised_tokens.as_slice_mut()?,
        images: images.transpose()?,
    };
    let rules = pack_rules(vocabulary, image_rules);
    Ok(leave(py, || batch.fill(&rows, &rules))?)
}

/// Checks what `fill_batch` would refuse of `rows`.
#[pyfunction]
#[pyo3(signature = (
    rows: "collections.abc.Sequence[tuple[numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint32], numpy.typing.NDArray[numpy.uint64], tuple[int, numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.uint8], numpy.typing.NDArray[numpy.uint8]] | None]]",
    vocabulary,
    image_rules=None,
))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn check_packs<'py>(
    py: Python<'py>,
    rows: Vec<Columns<'py>>,
    vocabulary: Option<u32>,
    image_rules: Option<(u32, u32)>,
) -> Result<()> {
    let rows = rows.iter().map(row).collect::<Result<Vec<_>>>()?;
    let rules = pack_rules(vocabulary, image_rules);
    Ok(leave(py, || octomed_pack::check_packs(&rows, &rules))?)
}

/// The columns as slices.
fn row<'a>(columns: &'a Columns<'_>) -> Result<PackRow<'a>> {
    let (input_ids, lengths, loss_spans, trace_ids, images) = columns;
    let images = images.as_ref().map(|(bytes, offsets, grids, refs)| {
        Ok::<_, AsSliceError>(ImageColumns {
            bytes: *bytes,
            offsets: offsets.as_slice()?,
            grids: grids.as_slice()?,
            refs: refs.as_slice()?,
        })
    });
    Ok(PackRow {
        input_ids: input_ids.as_slice()?,
        lengths: lengths.as_slice()?,
        loss_spans: loss_spans.as_slice()?,
        trace_ids: trace_ids.as_slice()?,
        images: images.transpose()?.unwrap_or_default(),
    })
}

fn pack_rules(vocabulary: Option<u32>, image_rules: Option<(u32, u32)>) -> PackRules {
    PackRules {
        vocabulary,
        images: image_rules.map(rules_of),
        ..PackRules::default()
    }
}

/// How images stand in packs, from the token of images and the patches along a side of one.
pub fn rules_of((token, merge): (u32, u32)) -> ImageRules {
    ImageRules { token, merge }
}

impl From<AsSliceError> for Error {
    fn from(_: AsSliceError) -> Self {
        PyTypeError::new_err("arrays must be contiguous and aligned").into()
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        let (kind, hint) = match &error {
            BatchError::Row {
                fault: RowFault::ImagesUnknown,
                ..
            } => (
                Kind::Data,
                Some("give the collator the run's record: `Collator(vision=dataset.vision)`"),
            ),
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
