//! Bindings of the CSV reader of `octomed-trace`: a dialect, and a cutter that makes blocks.

use std::sync::Arc;

use octomed_trace::{CsvCutter as RustCsvCutter, CsvDialect as RustCsvDialect, DEFAULT_TARGET};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::error::{Error, Result};
use crate::leave::leave;
use crate::trace::{Block, Mapping};

/// What separates the fields of a CSV file, what may surround one, and what takes a character's meaning away.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct CsvDialect(RustCsvDialect);

#[pymethods]
impl CsvDialect {
    /// Characters of ASCII, all different and none of them a line end.
    #[new]
    #[pyo3(signature = (delimiter, quote, escape))]
    fn new(delimiter: char, quote: Option<char>, escape: Option<char>) -> Result<Self> {
        let dialect = RustCsvDialect::new(delimiter, quote, escape)?;
        Ok(Self(dialect))
    }

    /// The names in the header of a file that begins with the bytes `head`; `None` where it does not end in them.
    ///
    /// Raises `DataError` when the header cannot be read. There are no names where `is_last` says that no
    /// bytes follow, and all lines are blank.
    #[pyo3(signature = (head, *, is_last))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn names(
        &self,
        py: Python<'_>,
        head: PyBackedBytes,
        is_last: bool,
    ) -> PyResult<Option<Vec<String>>> {
        leave(py, || self.0.names(&head, is_last))
    }

    /// Check that a file with columns `names` has what a mapping needs.
    ///
    /// Raises `DataError` when a mapped column is missing or there twice.
    #[pyo3(signature = (mapping, names))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn check_columns(&self, mapping: &Mapping, names: Vec<String>) -> Result<()> {
        Ok(self.0.check_columns(&mapping.0, &names)?)
    }
}

/// Cuts a CSV file.
#[pyclass(module = "octomed._octomed")]
pub struct CsvCutter(RustCsvCutter);

#[pymethods]
impl CsvCutter {
    /// A cutter for a whole file.
    #[new]
    #[pyo3(signature = (mapping, dialect, target = DEFAULT_TARGET))]
    fn new(mapping: &Mapping, dialect: &CsvDialect, target: u64) -> Self {
        Self(RustCsvCutter::new(&mapping.0, dialect.0, target))
    }

    /// Rows of the file so far, refused ones counted and blank lines not.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// Take the next bytes of the file.
    #[pyo3(signature = (chunk))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn feed(&mut self, py: Python<'_>, chunk: PyBackedBytes) -> PyResult<()> {
        leave(py, || {
            self.0.feed(&chunk);
            Ok::<_, Error>(())
        })
    }

    /// Say that no bytes follow.
    #[pyo3(signature = ())]
    fn finish(&mut self) {
        self.0.finish();
    }

    /// Return the next block that the bytes so far complete, or `None`; it is to be asked for until then.
    ///
    /// Raises `DataError` when the header is not what the mapping needs.
    #[pyo3(signature = ())]
    fn next_block(&mut self, py: Python<'_>) -> PyResult<Option<Block>> {
        let block = leave(py, || self.0.next_block())?;
        Ok(block.map(|block| Block(Arc::new(block))))
    }
}
