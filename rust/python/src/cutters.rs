//! Bindings of `octomed-trace`: cutters that make blocks of what they are fed.

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use octomed_trace::{DEFAULT_TARGET, Numbering};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::leave::leave;
use crate::trace::{Block, Mapping, wrapped};

/// A class over a cutter of bytes: the constructor and further getters are given, the rest is the same for all.
macro_rules! byte_cutter {
    ($(#[$documentation:meta])* $name:ident, { $($own:tt)* }) => {
        $(#[$documentation])*
        #[pyclass(module = "octomed._octomed")]
        pub struct $name(octomed_trace::$name);

        #[pymethods]
        impl $name {
            $($own)*

            /// Rows so far, refused ones and blank lines counted.
            #[getter]
            fn rows(&self) -> u64 {
                self.0.rows()
            }

            /// Take the next bytes of the file; returns the blocks that they complete.
            #[pyo3(signature = (chunk))]
            fn feed(&mut self, py: Python<'_>, chunk: PyBackedBytes) -> PyResult<Vec<Block>> {
                leave(py, || self.0.feed(&chunk).map(wrapped))
            }

            /// End the task; returns the last block, if there is one. Raises `DataError` when the file is cut off.
            #[pyo3(signature = ())]
            fn finish(&mut self, py: Python<'_>) -> PyResult<Vec<Block>> {
                leave(py, || self.0.finish().map(wrapped))
            }
        }
    };
}

byte_cutter! {
    /// Cuts a task of a JSON Lines file: the lines that start at bytes `start` to `end`.
    JsonLinesCutter, {
        /// Positions are byte offsets, or row numbers for a file that cannot be entered in its middle.
        #[new]
        #[pyo3(signature = (start = 0, end = None, *, by_offset = true, target = DEFAULT_TARGET))]
        fn new(start: u64, end: Option<u64>, by_offset: bool, target: u64) -> Self {
            let numbering = if by_offset {
                Numbering::ByteOffset
            } else {
                Numbering::RowNumber
            };
            Self(octomed_trace::JsonLinesCutter::new(start, end, numbering, target))
        }

        /// The offset in the file from which the cutter must be fed.
        #[getter]
        fn read_from(&self) -> u64 {
            self.0.read_from()
        }

        /// Whether what follows belongs to another task.
        #[getter]
        fn done(&self) -> bool {
            self.0.done()
        }
    }
}

byte_cutter! {
    /// Cuts a file that is one JSON array.
    JsonArrayCutter, {
        /// A cutter for a whole file.
        #[new]
        #[pyo3(signature = (target = DEFAULT_TARGET))]
        fn new(target: u64) -> Self {
            Self(octomed_trace::JsonArrayCutter::new(target))
        }
    }
}

byte_cutter! {
    /// Cuts a file of JSON objects one behind the other, over as many lines as they like.
    JsonObjectsCutter, {
        /// A cutter for a whole file.
        #[new]
        #[pyo3(signature = (target = DEFAULT_TARGET))]
        fn new(target: u64) -> Self {
            Self(octomed_trace::JsonObjectsCutter::new(target))
        }
    }
}

byte_cutter! {
    /// Cuts a file that is one JSON object, in which a path of keys leads to the rows.
    JsonRowsCutter, {
        /// A cutter for a whole file; without a path its own object's values are the rows.
        #[new]
        #[pyo3(signature = (path, target = DEFAULT_TARGET))]
        fn new(path: Vec<String>, target: u64) -> Self {
            Self(octomed_trace::JsonRowsCutter::new(path, target))
        }
    }
}

byte_cutter! {
    /// Cuts a tar archive in WebDataset's form, uncompressed: members of one key are a row.
    ShardCutter, {
        /// A cutter for a whole archive.
        #[new]
        #[pyo3(signature = (mapping, target = DEFAULT_TARGET))]
        fn new(mapping: &Mapping, target: u64) -> Self {
            Self(octomed_trace::ShardCutter::new(&mapping.0, target))
        }
    }
}

/// Cuts record batches of Parquet row groups.
#[pyclass(module = "octomed._octomed")]
pub struct ArrowCutter(octomed_trace::ArrowCutter);

#[pymethods]
impl ArrowCutter {
    /// A cutter for a task whose first row has number `first_row` in its file.
    #[new]
    #[pyo3(signature = (mapping, first_row = 0, target = DEFAULT_TARGET))]
    fn new(mapping: &Mapping, first_row: u64, target: u64) -> Self {
        Self(octomed_trace::ArrowCutter::new(
            &mapping.0, first_row, target,
        ))
    }

    /// Rows of the task so far, refused ones counted.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// Take the next `pyarrow.RecordBatch`; returns the blocks that it completes.
    #[pyo3(signature = (batch))]
    fn feed(&mut self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<Vec<Block>> {
        leave(py, || self.0.feed(batch.0).map(wrapped))
    }

    /// End the task; returns the last block, if there is one.
    #[pyo3(signature = ())]
    fn finish(&mut self, py: Python<'_>) -> PyResult<Vec<Block>> {
        leave(py, || self.0.finish().map(wrapped))
    }
}
