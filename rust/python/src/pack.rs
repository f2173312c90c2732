//! Bindings of `octomed-pack`.

use arrow_array::{Array, UInt32Array, make_array};
use arrow_data::ArrayData;
use arrow_pyarrow::PyArrowType;
use octomed_pack::{Buckets, PackError, Packing};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::{Error, Kind, Result, raise};
use crate::leave::leave;

/// Offsets, items, fill and lower bound of a packing.
type Packed = (PyArrowType<ArrayData>, PyArrowType<ArrayData>, f64, u64);

/// Pack `lengths`, an Arrow array of uint32, by best fit decreasing.
///
/// Returns offsets (one more than packs), items (pack after pack), the filled share of the packs and
/// the lower bound on their number.
#[pyfunction]
#[pyo3(signature = (lengths, capacity))]
pub fn pack_lengths(
    py: Python<'_>,
    lengths: PyArrowType<ArrayData>,
    capacity: u32,
) -> PyResult<Packed> {
    let array = make_array(lengths.0);
    let lengths = array
        .as_any()
        .downcast_ref::<UInt32Array>()
        .filter(|array| array.null_count() == 0);
    let lengths =
        lengths.ok_or_else(|| PyTypeError::new_err("lengths must be uint32 without nulls"))?;
    leave(py, || {
        let lengths = lengths.values();
        let packing = octomed_pack::pack_lengths(lengths, capacity)?;
        let fill = packing.fill(lengths, capacity);
        let bound = Packing::lower_bound(lengths, capacity);
        Ok::<_, PackError>((arrow(packing.offsets), arrow(packing.items), fill, bound))
    })
}

/// Stream names of the buckets with these inner upper edges, and the edges that the capacity makes idle.
#[pyfunction]
#[pyo3(signature = (edges, capacity))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn buckets(edges: Vec<u32>, capacity: u32) -> Result<(Vec<String>, Vec<u32>)> {
    let buckets = Buckets::new(&edges, capacity)?;
    Ok((buckets.names(), buckets.dropped().to_vec()))
}

/// The values as an Arrow array, not copied.
fn arrow(values: Vec<u32>) -> PyArrowType<ArrayData> {
    PyArrowType(UInt32Array::from(values).into_data())
}

impl From<PackError> for Error {
    fn from(error: PackError) -> Self {
        let (kind, hint) = match error {
            PackError::TooLong { .. } => {
                (Kind::Data, Some("raise the capacity or leave the item out"))
            }
            PackError::Patches { .. } => (
                Kind::Data,
                Some("raise the patches of a pack or leave the item out"),
            ),
            PackError::Empty { .. } | PackError::TooMany { .. } => (Kind::Data, None),
            PackError::Capacity { .. } | PackError::Edges { .. } => (Kind::Recipe, None),
        };
        raise(kind, &error, hint.map(str::to_owned)).into()
    }
}
