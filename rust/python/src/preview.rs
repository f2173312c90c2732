//! Bindings for `check`, `plan` and `rejects`: what becomes of a sample's rows, and rows as their file has them.

use std::collections::BTreeMap;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use octomed_engine::EngineError;
use octomed_trace::{Finding, RawRow, Reason};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

use crate::engine::Scanner;
use crate::error::Error;
use crate::leave::leave;
use crate::trace::{Block, Mapping};

/// The reasons why a row has no trace, and whether each makes it unreadable: a dict.
pub struct Reasons;

impl<'py> IntoPyObject<'py> for Reasons {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr = <BTreeMap<&str, bool> as IntoPyObject<'py>>::OUTPUT_TYPE;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let reasons = Reason::ALL.into_iter();
        reasons
            .map(|reason| (reason.as_str(), reason.is_unreadable()))
            .into_py_dict(py)
    }
}

/// Row number in the task, reason and detail where it is refused, of each trace sample, verdict and tokens, and of each
/// image the hash of its bytes, and whether these say who or what it is of.
type Outcome = (
    u64,
    Option<&'static str>,
    String,
    Vec<(u32, &'static str, usize)>,
    Vec<(u64, bool)>,
);

/// What becomes of the first `count` rows of a block: `(ordinal, reason, detail, traces, images)`, the reason `None` for
/// a row with traces, a trace `(sample, verdict, tokens)`, and an image the hash of its bytes and whether they identify. Capacity and duplicates are not looked at. Once `seconds`
/// are over, no further row is looked at.
#[pyfunction]
#[pyo3(signature = (scanner, block, count, seconds=f64::INFINITY))]
pub fn row_outcomes(
    py: Python<'_>,
    scanner: &Scanner,
    block: &Block,
    count: usize,
    seconds: f64,
) -> PyResult<Vec<Outcome>> {
    leave(py, || {
        let scanner = &scanner.scanner;
        let begin = Instant::now();
        let mut outcomes = Vec::new();
        let read = block.0.for_each(scanner.mapping(), |finding| {
            if outcomes.len() == count || begin.elapsed().as_secs_f64() > seconds {
                return Err(Stop::Enough);
            }
            outcomes.push(outcome(scanner, finding)?);
            Ok(())
        });
        match read {
            Ok(()) | Err(Stop::Enough) => Ok(outcomes),
            Err(Stop::Engine(error)) => Err(error),
        }
    })
}

/// Why a look at rows ends.
enum Stop {
    Enough,
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

fn outcome(
    scanner: &octomed_engine::Scanner,
    finding: Finding<'_>,
) -> Result<Outcome, EngineError> {
    match finding {
        Finding::Refused(refusal) => {
            let reason = refusal.reason.as_str();
            Ok(refused(refusal.ordinal, reason, refusal.detail))
        }
        Finding::Row(row) => {
            let mut traces = Vec::new();
            let shown = scanner.preview(&row, |trace| {
                traces.push((trace.sample, trace.verdict.as_str(), trace.ids.len()));
            })?;
            Ok(match shown {
                Ok(shown) => {
                    let images = shown.images.iter();
                    let images = images.map(|image| (image.hash, image.facts.has_metadata));
                    let images = images.collect();
                    (row.ordinal, None, String::new(), traces, images)
                }
                Err(refusal) => refused(row.ordinal, refusal.reason.as_str(), refusal.detail),
            })
        }
    }
}

fn refused(ordinal: u64, reason: &'static str, detail: String) -> Outcome {
    (ordinal, Some(reason), detail, Vec::new(), Vec::new())
}

/// Of a file with columns `names`: the required columns that it lacks, how many are required, and those that are read.
#[pyfunction]
#[pyo3(signature = (mapping, names))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn mapped_columns(mapping: &Mapping, names: Vec<String>) -> (Vec<String>, usize, Vec<String>) {
    let mapping = &mapping.0;
    (
        mapping.missing_columns(&names),
        mapping.required_columns(),
        mapping.columns_of(&names),
    )
}

/// The top-level keys of a block's first `count` rows, in the order in which they appear; `None` where the file's
/// columns have names of their own.
#[pyfunction]
#[pyo3(signature = (block, count))]
pub fn top_level_keys(
    py: Python<'_>,
    block: &Block,
    count: usize,
) -> PyResult<Option<Vec<String>>> {
    leave(py, || Ok::<_, Error>(block.0.top_level_keys(count)))
}

/// A row as its file has it.
#[derive(IntoPyObject)]
pub enum Raw {
    /// The bytes of its JSON.
    Json(Vec<u8>),
    /// A batch of one row.
    Values(PyArrowType<RecordBatch>),
}

/// The rows with these numbers in the block's task, as far as they lie in it: bytes of JSON, a
/// `pyarrow.RecordBatch` of one row, or `None` for a row that was not kept. Numbers rise.
#[pyfunction]
#[pyo3(signature = (block, ordinals))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn raw_rows(block: &Block, ordinals: Vec<u64>) -> Vec<Option<Raw>> {
    let block = &block.0;
    let inside = ordinals
        .iter()
        .take_while(|&&ordinal| ordinal < block.end_ordinal());
    let raw = |&ordinal: &u64| {
        Some(match block.raw_row(ordinal)? {
            RawRow::Json(bytes) => Raw::Json(bytes.to_vec()),
            RawRow::Values(batch) => Raw::Values(PyArrowType(batch)),
        })
    };
    inside.map(raw).collect()
}
