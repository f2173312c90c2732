//! Bindings of `octomed-engine`: the passes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_engine::{BlockOrigin, EngineError, WRITE_VERSION};
use octomed_files::Access;
use octomed_index::{Header, INDEX_ROW_BYTES, IndexError, SCAN_VERSION, first_refusal};
use octomed_trace::{Finding, Mapping as RustMapping};
use pyo3::prelude::*;

use crate::error::{Kind, raise};
use crate::leave::leave;
use crate::mds::kind_of;
use crate::template::{ChatTemplate, Prompt, supervised};
use crate::tokenizer::PyTokenizer;
use crate::trace::{Block, Mapping};

/// Adds this file's classes and functions to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Cancel>()?;
    module.add_class::<Scanner>()?;
    module.add_function(wrap_pyfunction!(read_parts, module)?)?;
    module.add_function(wrap_pyfunction!(fingerprint, module)?)?;
    module.add_function(wrap_pyfunction!(verify_block, module)?)?;
    module.add_function(wrap_pyfunction!(remove_temporaries, module)?)?;
    module.add_function(wrap_pyfunction!(first_unreadable, module)?)?;
    module.add("INDEX_ROW_BYTES", INDEX_ROW_BYTES)?;
    module.add("SCAN_VERSION", SCAN_VERSION)?;
    module.add("WRITE_VERSION", WRITE_VERSION)
}

/// The Python error of an engine error.
pub fn engine_error(error: EngineError) -> PyErr {
    let kind = match &error {
        EngineError::Cancelled => return cancelled(),
        EngineError::Index(IndexError::Damaged { path, .. }) => return damaged_block(&error, path),
        EngineError::Index(IndexError::File { .. }) => Kind::Storage,
        EngineError::Index(IndexError::Encoding(_)) | EngineError::Internal(_) => Kind::Internal,
        EngineError::Mds(error) => kind_of(error),
        EngineError::Settings(_) | EngineError::Template(_) => Kind::Recipe,
        EngineError::Curate(_)
        | EngineError::TooLarge(_)
        | EngineError::Trace(_)
        | EngineError::Text(_) => Kind::Data,
    };
    let hint = error.hint();
    raise(kind, error, hint)
}

fn index_error(error: IndexError) -> PyErr {
    engine_error(error.into())
}

/// The error of a block that does not read: it names the file, so that the run can make it again.
fn damaged_block(error: &EngineError, path: &Path) -> PyErr {
    let arguments = (error.to_string(), error.hint(), path);
    Python::attach(|py| {
        let class = py
            .import("octomed.errors")
            .and_then(|errors| errors.getattr("DamagedBlock"));
        class
            .and_then(|class| class.call1(arguments))
            .map_or_else(|error| error, PyErr::from_value)
    })
}

/// Who may read a file, from the recipe's word for it.
pub fn access(name: &str) -> PyResult<Access> {
    Access::from_name(name).ok_or_else(|| {
        let message = format!("`mode` is `owner`, `group` or `umask`, not `{name}`");
        raise(Kind::Recipe, message, None)
    })
}

fn cancelled() -> PyErr {
    Python::attach(|py| {
        let class = py
            .import("octomed.pipeline.executor")
            .and_then(|module| module.getattr("CancelledRun"));
        class
            .and_then(|class| class.call0())
            .map_or_else(|error| error, PyErr::from_value)
    })
}

/// A flag that ends running calls early.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Cancel {
    flag: Arc<AtomicBool>,
}

#[pymethods]
impl Cancel {
    /// A flag that is not set.
    #[new]
    #[pyo3(signature = ())]
    fn new() -> Self {
        Self {
            flag: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Ends calls that were given this flag, soon.
    #[pyo3(signature = ())]
    fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether it was set.
    #[pyo3(signature = ())]
    fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }
}

impl Cancel {
    /// The flag itself.
    pub fn flag(&self) -> &AtomicBool {
        &self.flag
    }
}

/// Turns blocks of source rows into blocks of the working store.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Scanner {
    pub(crate) scanner: octomed_engine::Scanner,
    mapping: Py<Mapping>,
}

#[pymethods]
impl Scanner {
    /// A scanner for one source; `supervise` is `all` or `last`. It shares the memory of one `beside` it.
    #[new]
    #[pyo3(signature = (mapping, template, prompt, tokenizer, *, system=None, supervise="all", beside=None))]
    fn new(
        mapping: Py<Mapping>,
        template: &ChatTemplate,
        prompt: &Prompt,
        tokenizer: &PyTokenizer,
        system: Option<String>,
        supervise: &str,
        beside: Option<&Self>,
    ) -> PyResult<Self> {
        let supervise = supervised(supervise)?;
        let scanner = octomed_engine::Scanner::new(
            RustMapping::clone(&mapping.get().0),
            template.inner(),
            prompt.inner(),
            tokenizer.inner(),
            system,
            supervise,
        )
        .map_err(engine_error)?;
        let scanner = match beside {
            Some(other) => scanner.beside(&other.scanner),
            None => scanner,
        };
        Ok(Self { scanner, mapping })
    }

    /// The row format.
    #[getter]
    fn mapping(&self, py: Python<'_>) -> Py<Mapping> {
        self.mapping.clone_ref(py)
    }

    /// Scans a block into `<folder>/<number>.ids` and `.index`, and `<number>-1.ids` and so on where it has several
    /// parts; `mode` says who may read them. Returns the header of each.
    #[pyo3(signature = (block, source, file, number, folder, cancel, mode="umask"))]
    #[expect(
        clippy::too_many_arguments,
        reason = "where a block comes from has three parts"
    )]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        block: &Block,
        source: &str,
        file: &str,
        number: u32,
        folder: PathBuf,
        cancel: &Cancel,
        mode: &str,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let origin = BlockOrigin {
            source,
            file,
            number,
            access: access(mode)?,
        };
        let headers = leave(py, || {
            self.scanner
                .scan(&block.0, origin, &folder, cancel.flag())
                .map_err(engine_error)
        })?;
        headers_to_python(py, &headers)
    }

    /// Drops caches and memory that only scanning needs.
    #[pyo3(signature = ())]
    fn release_memory(&self, py: Python<'_>) {
        py.detach(|| self.scanner.release_memory());
    }

    /// Traces, tokens and stored bytes that a block would give, nothing written.
    #[pyo3(signature = (block))]
    fn measure<'py>(&self, py: Python<'py>, block: &Block) -> PyResult<Bound<'py, PyAny>> {
        let header = leave(py, || self.scanner.measure(&block.0).map_err(engine_error))?;
        header_to_python(py, &header)
    }

    /// What becomes of the row with number `ordinal` in the block's task: a list of traces as
    /// `(sample, verdict, text, ids, spans)`, or the reason and detail of its refusal; `None` when the
    /// block has no such row.
    #[pyo3(signature = (block, ordinal))]
    fn look(&self, py: Python<'_>, block: &Block, ordinal: u64) -> PyResult<Option<Looked>> {
        leave(py, || {
            let mut looked = None;
            let block = &block.0;
            block
                .for_each(self.scanner.mapping(), |finding| {
                    match finding {
                        Finding::Refused(refusal) if refusal.ordinal == ordinal => {
                            looked = Some(Looked::Refused(refusal.reason.as_str(), refusal.detail));
                        }
                        Finding::Row(row) if row.ordinal == ordinal => {
                            let mut traces = Vec::new();
                            self.scanner.preview(
                                &row,
                                |sample, verdict, rendered, ids, spans| {
                                    let spans =
                                        spans.iter().map(|[begin, end]| (*begin, *end)).collect();
                                    let text = rendered.text.clone();
                                    traces.push((
                                        sample,
                                        verdict.as_str(),
                                        text,
                                        ids.to_vec(),
                                        spans,
                                    ));
                                },
                            )?;
                            looked = Some(Looked::Traces(traces));
                        }
                        _ => {}
                    }
                    Ok::<(), EngineError>(())
                })
                .map_err(engine_error)?;
            Ok(looked)
        })
    }
}

/// Sample, verdict, text, ids and supervised spans of a trace.
type LookedTrace = (u32, &'static str, String, Vec<u32>, Vec<(u32, u32)>);

/// What becomes of a row.
#[derive(IntoPyObject)]
enum Looked {
    /// It gives traces.
    Traces(Vec<LookedTrace>),
    /// It gives none: reason and detail.
    Refused(&'static str, String),
}

/// The headers of all parts of the block `path`, which has no extension; `None` where one is not there.
#[pyfunction]
#[pyo3(signature = (path, *, every_byte=false))]
fn read_parts<'py>(
    py: Python<'py>,
    path: PathBuf,
    every_byte: bool,
) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    let headers = leave(py, || {
        octomed_index::read_parts(&path, every_byte).map_err(index_error)
    })?;
    headers
        .map(|headers| headers_to_python(py, &headers))
        .transpose()
}

/// What tells a file's content from that of another one of its name, size and time, in hexadecimal digits.
#[pyfunction]
#[pyo3(signature = (path))]
fn fingerprint(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    let read = py.detach(|| octomed_engine::fingerprint(&path));
    read.map(|hash| format!("{hash:032x}")).map_err(PyErr::from)
}

/// Removes the temporary files of calls that still run, before the process ends.
#[pyfunction]
fn remove_temporaries(py: Python<'_>) {
    py.detach(octomed_files::remove_temporaries);
}

/// The header of a block of which every byte is as it was written.
#[pyfunction]
#[pyo3(signature = (path))]
fn verify_block<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let header = leave(py, || {
        octomed_index::verify_block(&path).map_err(index_error)
    })?;
    header_to_python(py, &header)
}

/// Row number in the task, reason and detail of a block's first unreadable row.
#[pyfunction]
#[pyo3(signature = (path))]
fn first_unreadable(py: Python<'_>, path: PathBuf) -> PyResult<Option<(u32, String, String)>> {
    leave(py, || first_refusal(&path).map_err(index_error))
}

fn headers_to_python<'py>(py: Python<'py>, headers: &[Header]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    headers
        .iter()
        .map(|header| header_to_python(py, header))
        .collect()
}

/// Headers cross as dictionaries: they end up in JSON files.
fn header_to_python<'py>(py: Python<'py>, header: &Header) -> PyResult<Bound<'py, PyAny>> {
    let json = serde_json::to_string(header)
        .map_err(|error| raise(Kind::Internal, format!("header: {error}"), None))?;
    py.import("json")?.call_method1("loads", (json,))
}
