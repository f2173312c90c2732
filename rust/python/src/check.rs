//! Bindings of `octomed-engine`: packs read back.

use std::path::PathBuf;

use arrow_array::{Array, UInt32Array, UInt64Array};
use arrow_data::ArrayData;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;

use crate::error::Result;
use crate::image_values::preparation_of;
use crate::leave::leave;

/// What is in a shard, and what is wrong with it.
#[pyclass(frozen, get_all, module = "octomed._octomed")]
pub struct ShardCheck {
    /// Row of the shard and what is wrong with it.
    faults: Vec<(u64, String)>,
    /// Packs.
    packs: u64,
    /// Tokens.
    tokens: u64,
    /// Id of every trace, pack after pack.
    trace_ids: Column<UInt64Array>,
    /// Length of every trace, pack after pack.
    lengths: Column<UInt32Array>,
    /// Traces of each pack.
    documents: Column<UInt32Array>,
}

/// A column that Python gets as a `pyarrow.Array`, not copied.
#[derive(Clone)]
struct Column<A>(A);

impl<'py, A: Array> IntoPyObject<'py> for Column<A> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;
    const OUTPUT_TYPE: pyo3::inspect::PyStaticExpr =
        <PyArrowType<ArrayData> as IntoPyObject<'py>>::OUTPUT_TYPE;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        PyArrowType(self.0.to_data()).into_pyobject(py)
    }
}

/// A pack read back.
#[pyclass(frozen, get_all, module = "octomed._octomed")]
pub struct PackContent {
    /// Token ids of all traces.
    input_ids: Vec<u32>,
    /// Tokens of each trace.
    lengths: Vec<u32>,
    /// Supervised spans, half-open, in pack coordinates.
    loss_spans: Vec<(u32, u32)>,
    /// Id of each trace.
    trace_ids: Vec<u64>,
    /// Its encoded images.
    images: Vec<Vec<u8>>,
    /// Patches of each along height and width.
    image_grids: Vec<(u32, u32)>,
    /// For each placeholder, which image stands there.
    image_refs: Vec<u32>,
}

/// Decodes the images of a run, each distinct one once; threads share it.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct ImageDecoding(octomed_engine::ImageDecoding);

#[pymethods]
impl ImageDecoding {
    /// Decodes by the record `vision` of the run, as JSON.
    #[new]
    #[pyo3(signature = (vision))]
    fn new(vision: &str) -> Result<Self> {
        let preparation = preparation_of(vision)?;
        Ok(Self(octomed_engine::ImageDecoding::new(preparation)))
    }

    /// Decodes the images of a shard that were not decoded before, and compares their sizes with their grids: how many
    /// they are, and row of the shard and what is wrong of each that fails.
    #[pyo3(signature = (folder, shard))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn shard(
        &self,
        py: Python<'_>,
        folder: PathBuf,
        shard: usize,
    ) -> PyResult<(u64, Vec<(u64, String)>)> {
        let decoded = leave(py, || self.0.shard(&folder, shard))?;
        Ok((decoded.images, decoded.faults))
    }
}

/// Checks every pack of a shard; image_rules are the token of images and the patches along a side of one.
#[pyfunction]
#[pyo3(signature = (folder, shard, vocabulary_size, capacity, image_rules=None))]
pub fn check_shard(
    py: Python<'_>,
    folder: PathBuf,
    shard: usize,
    vocabulary_size: u32,
    capacity: u32,
    image_rules: Option<(u32, u32)>,
) -> PyResult<ShardCheck> {
    let check = leave(py, || {
        let images = image_rules.map(crate::batch::rules_of);
        octomed_engine::check_shard(&folder, shard, vocabulary_size, capacity, images)
    })?;
    Ok(ShardCheck {
        faults: check.faults,
        packs: check.packs,
        tokens: check.tokens,
        trace_ids: Column(check.trace_ids.into()),
        lengths: Column(check.lengths.into()),
        documents: Column(check.documents.into()),
    })
}

/// A pack read back.
#[pyfunction]
#[pyo3(signature = (folder, pack))]
pub fn read_pack(py: Python<'_>, folder: PathBuf, pack: usize) -> PyResult<PackContent> {
    let content = leave(py, || octomed_engine::read_pack(&folder, pack))?;
    let (images, image_grids) = content
        .encoded_images()
        .iter()
        .map(|image| (image.bytes.to_vec(), (image.grid.h, image.grid.w)))
        .unzip();
    let image_refs = content.image_refs();
    let spans = content.loss_spans.into_iter();
    Ok(PackContent {
        images,
        image_grids,
        image_refs,
        input_ids: content.input_ids,
        lengths: content.lengths,
        loss_spans: spans.map(|[begin, end]| (begin, end)).collect(),
        trace_ids: content.trace_ids,
    })
}
