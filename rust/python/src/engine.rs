//! Bindings of `octomed-engine`: the passes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_pyarrow::PyArrowType;
use octomed_engine::{
    BlockOrigin, CurationSettings, EngineError, FilterBatch, FilterOrigin, ImageSettings, LeftOut,
    Previewed, RowImage, RowImages,
};
use octomed_files::Access;
use octomed_index::{IndexError, first_refusal};
use octomed_trace::{Finding, Mapping as RustMapping};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::{Error, Kind, Result, cancelled, damaged_block, raise, say};
use crate::leave::leave;
use crate::mds::kind_of;
use crate::records::{BlockHeader, Record};
use crate::template::{ChatTemplate, Prompt, supervised};
use crate::tokenizer::PyTokenizer;
use crate::trace::{Block, Mapping, as_json};

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        exception(&error).into()
    }
}

impl From<IndexError> for Error {
    fn from(error: IndexError) -> Self {
        EngineError::from(error).into()
    }
}

fn exception(error: &EngineError) -> PyErr {
    let hint = error.hint();
    let kind = match error {
        EngineError::Cancelled => return cancelled(),
        EngineError::Index(IndexError::Damaged { path, .. }) => {
            return damaged_block(error, hint, path);
        }
        EngineError::Index(IndexError::File { .. }) => Kind::Storage,
        EngineError::Index(IndexError::Encoding(_)) | EngineError::Internal(_) => Kind::Internal,
        EngineError::Mds(error) => kind_of(error),
        EngineError::Settings(_) | EngineError::Template(_) | EngineError::ImageRoot(_) => {
            Kind::Recipe
        }
        EngineError::Curate(_)
        | EngineError::Evaluation(_)
        | EngineError::TooLarge(_)
        | EngineError::ImageFile { .. }
        | EngineError::Trace(_)
        | EngineError::Text(_) => Kind::Data,
    };
    raise(kind, error, hint)
}

/// Who may read a file, from the recipe's word for it.
pub fn access(name: &str) -> PyResult<Access> {
    Access::from_name(name).ok_or_else(|| {
        let message = format!("`mode` is `owner`, `group` or `umask`, not `{name}`");
        say(Kind::Recipe, message, None)
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

    /// The flag for what outlives the call.
    pub fn shared(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
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
    /// A scanner for one source; `supervise` is `all` or `last`, `images` the settings of its images, none for a
    /// model that takes none, `curation` what its responses are measured and decided by, if they are. It shares the
    /// memory of one `beside` it.
    #[new]
    #[pyo3(signature = (mapping, template, prompt, tokenizer, *, system=None, supervise="all", images: "dict[str, typing.Any] | None"=None, curation: "dict[str, typing.Any] | None"=None, beside=None))]
    #[expect(clippy::too_many_arguments, reason = "what a scan depends on")]
    fn new(
        mapping: Py<Mapping>,
        template: &ChatTemplate,
        prompt: &Prompt,
        tokenizer: &PyTokenizer,
        system: Option<String>,
        supervise: &str,
        images: Option<Bound<'_, PyDict>>,
        curation: Option<Bound<'_, PyDict>>,
        beside: Option<&Self>,
    ) -> Result<Self> {
        let supervise = supervised(supervise)?;
        let scanner = octomed_engine::Scanner::new(
            RustMapping::clone(&mapping.get().0),
            template.inner(),
            prompt.inner(),
            tokenizer.inner(),
            system,
            supervise,
        )?;
        let scanner = match images {
            Some(settings) => {
                scanner.with_images(ImageSettings::from_json(&as_json(settings.as_any())?)?)?
            }
            None => scanner,
        };
        let scanner = match curation {
            Some(settings) => {
                scanner.with_curation(CurationSettings::from_json(&as_json(settings.as_any())?)?)?
            }
            None => scanner,
        };
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
    /// parts; `mode` says who may read them. Of `workers` in this process, those that scan no block help with its
    /// images. Returns the header of each.
    /// What filters left out of the block is passed over.
    #[pyo3(signature = (block, source, file, number, folder, cancel, mode="umask", workers=1, filtered=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "where a block comes from has three parts"
    )]
    fn scan(
        &self,
        py: Python<'_>,
        block: &Block,
        source: &str,
        file: &str,
        number: u32,
        folder: PathBuf,
        cancel: &Cancel,
        mode: &str,
        workers: usize,
        filtered: Option<&Filtered>,
    ) -> Result<Vec<Record<BlockHeader>>> {
        let origin = BlockOrigin {
            source,
            file,
            number,
            access: access(mode)?,
        };
        let filtered = filtered.map(|filtered| &filtered.0);
        let headers = leave(py, || {
            self.scanner
                .scan_filtered(&block.0, origin, &folder, cancel.flag(), workers, filtered)
        })?;
        headers.iter().map(Record::of).collect()
    }

    /// Hands the traces of a block that curation lets pass to `decide`, batch by batch, as a record batch of `columns` and
    /// the numbers of their rows in the block's task; it returns the traces that are left out, each by its row in the
    /// batch, the name of the filter, and what that says of it.
    #[pyo3(signature = (block, source, file, columns, cancel, decide: "collections.abc.Callable[[pyarrow.RecordBatch, list[int]], list[tuple[int, str, str]]]"))]
    #[expect(clippy::too_many_arguments, reason = "as of a scan")]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn filtered(
        &self,
        py: Python<'_>,
        block: &Block,
        source: &str,
        file: &str,
        columns: Vec<String>,
        cancel: &Cancel,
        decide: Py<PyAny>,
    ) -> Result<Filtered> {
        let origin = FilterOrigin {
            source,
            file,
            columns: &columns,
        };
        let call = |found: FilterBatch| -> Result<Vec<LeftOut>> {
            Python::attach(|py| {
                let batch = PyArrowType(found.batch);
                let left = decide.call1(py, (batch, found.ordinals))?;
                let left: Vec<(usize, String, String)> = left.extract(py)?;
                let left = left.into_iter();
                let left = left.map(|(place, filter, detail)| LeftOut {
                    place,
                    filter,
                    detail,
                });
                Ok(left.collect())
            })
        };
        let filtered = leave(py, || {
            self.scanner.filtered(&block.0, origin, cancel.flag(), call)
        })?;
        Ok(Filtered(filtered))
    }

    /// The addresses of images that are fetched before a block is scanned, each with the path, without ending, under
    /// which what comes of it is kept; none unless the recipe asks for it.
    #[pyo3(signature = (block))]
    fn image_addresses(&self, py: Python<'_>, block: &Block) -> Result<BTreeMap<String, PathBuf>> {
        Ok(leave(py, || self.scanner.image_addresses(&block.0))?)
    }

    /// Drops caches and memory that only scanning needs.
    #[pyo3(signature = ())]
    fn release_memory(&self, py: Python<'_>) {
        py.detach(|| self.scanner.release_memory());
    }

    /// Traces, tokens and stored bytes that a block would give, nothing written.
    #[pyo3(signature = (block))]
    fn measure(&self, py: Python<'_>, block: &Block) -> Result<Record<BlockHeader>> {
        let header = leave(py, || self.scanner.measure(&block.0))?;
        Record::of(&header)
    }

    /// Right and all responses of each question of a block, by the question's id: of a scanner that compares answers.
    #[pyo3(signature = (block))]
    fn pass_rates(&self, py: Python<'_>, block: &Block) -> Result<Vec<(u64, u64, u64)>> {
        let rates = leave(py, || self.scanner.pass_rates(&block.0))?;
        let rates = rates.into_iter();
        Ok(rates.map(|(id, one)| (id, one.right, one.all)).collect())
    }

    /// What the first distinct images of a block take for each choice of how they are stored: how many were looked at,
    /// their patches, their bytes as they came, and resized as WebP, PNG and JPEG.
    #[pyo3(signature = (block, most))]
    fn store_choices(
        &self,
        py: Python<'_>,
        block: &Block,
        most: u64,
    ) -> PyResult<(u64, u64, u64, u64, u64, u64)> {
        let choices = leave(py, || self.scanner.store_choices(&block.0, most))?;
        let [webp, png, jpeg] = choices.resized;
        let (images, patches) = (choices.images, choices.patches);
        Ok((images, patches, choices.original, webp, png, jpeg))
    }

    /// What becomes of the row with number `ordinal` in the block's task: a list of traces as
    /// `(sample, verdict, text, ids, spans, measures)`, what became of the answer and the figures by name of a scanner
    /// that curates, or the reason and detail of its refusal; `None` when the
    /// block has no such row.
    #[pyo3(signature = (block, ordinal))]
    fn look(&self, py: Python<'_>, block: &Block, ordinal: u64) -> PyResult<Option<Looked>> {
        leave(py, || {
            let mut looked = None;
            let block = &block.0;
            block.for_each(self.scanner.mapping(), |finding| {
                match finding {
                    Finding::Refused(refusal) if refusal.ordinal == ordinal => {
                        looked = Some(Looked::Refused(refusal.reason.as_str(), refusal.detail));
                    }
                    Finding::Row(row) if row.ordinal == ordinal => {
                        let mut traces = Vec::new();
                        let shown = self.scanner.preview(&row, |trace| {
                            let Previewed {
                                sample,
                                verdict,
                                ids,
                                ..
                            } = *trace;
                            let spans = trace.spans.iter();
                            let spans = spans.map(|[begin, end]| (*begin, *end)).collect();
                            let text = trace.rendered.text.clone();
                            let measures = trace.measures.map(|one| {
                                (one.state().as_str(), one.figures().into_iter().collect())
                            });
                            let verdict = verdict.as_str();
                            traces.push((sample, verdict, text, ids.to_vec(), spans, measures));
                        })?;
                        looked = Some(match shown {
                            Ok(_) => Looked::Traces(traces),
                            Err(refusal) => {
                                Looked::Refused(refusal.reason.as_str(), refusal.detail)
                            }
                        });
                    }
                    _ => {}
                }
                Ok::<(), EngineError>(())
            })?;
            Ok::<_, EngineError>(looked)
        })
    }

    /// The images of the row with number `ordinal` in the block's task, in the row's order: of each where the row has
    /// it, the hashes of its bytes and its pixels, height, width, patches along both, tokens, and the bytes that are
    /// stored. None of a row that is refused.
    #[pyo3(signature = (block, ordinal))]
    fn look_at_images<'py>(
        &self,
        py: Python<'py>,
        block: &Block,
        ordinal: u64,
    ) -> Result<Vec<LookedImage<'py>>> {
        let images = leave(py, || {
            let mut images = RowImages::default();
            block.0.for_each(self.scanner.mapping(), |finding| {
                if let Finding::Row(row) = finding
                    && row.ordinal == ordinal
                {
                    let shown = self.scanner.preview(&row, |_| ())?;
                    images = shown.unwrap_or_default();
                }
                Ok::<(), EngineError>(())
            })?;
            Ok::<_, EngineError>(images)
        })?;
        let looked = |image: RowImage| {
            let stored = images.new.iter().find(|new| new.hash == image.hash);
            let stored = stored.map_or(&[][..], |new| &new.stored);
            let facts = image.facts;
            (
                image.place,
                image.hash,
                facts.pixel_hash,
                facts.height,
                facts.width,
                facts.grid_h,
                facts.grid_w,
                image.tokens,
                PyBytes::new(py, stored),
            )
        };
        Ok(images.images.iter().cloned().map(looked).collect())
    }
}

/// What filters leave out of a block.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Filtered(octomed_engine::Filtered);

#[pymethods]
impl Filtered {
    /// How many traces.
    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// The first file of images that is not what it was when these blocks were made: of another size or time, gone, or
/// there where none was. Blocks are named by their paths without extension; `root` is where their source's images
/// are: a folder or archive, or several.
#[pyfunction]
#[pyo3(signature = (blocks, root))]
pub fn changed_image_files(
    py: Python<'_>,
    blocks: Vec<PathBuf>,
    root: Option<Roots>,
) -> Result<Option<String>> {
    let roots = match root {
        None => Vec::new(),
        Some(Roots::One(root)) => vec![root],
        Some(Roots::Several(roots)) => roots,
    };
    Ok(leave(py, || {
        octomed_engine::changed_image_files(&blocks, &roots)
    })?)
}

/// One folder or archive of images, or several.
#[derive(FromPyObject)]
pub enum Roots {
    /// One.
    One(PathBuf),
    /// Several, in which a path is looked up one after another.
    Several(Vec<PathBuf>),
}

/// An image of a row: where the row has it, hash of its bytes, hash of its pixels, height, width, patches along both,
/// tokens, and what is stored of it.
type LookedImage<'py> = (
    String,
    u64,
    u64,
    u32,
    u32,
    u16,
    u16,
    u32,
    Bound<'py, PyBytes>,
);

/// What became of a response's answer, and what was measured of it, by name.
type LookedMeasures = (&'static str, BTreeMap<&'static str, f64>);

/// Sample, verdict, text, ids, supervised spans and measures of a trace.
type LookedTrace = (
    u32,
    &'static str,
    String,
    Vec<u32>,
    Vec<(u32, u32)>,
    Option<LookedMeasures>,
);

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
pub fn read_parts(
    py: Python<'_>,
    path: PathBuf,
    every_byte: bool,
) -> Result<Option<Vec<Record<BlockHeader>>>> {
    let headers = leave(py, || octomed_index::read_parts(&path, every_byte))?;
    headers
        .map(|headers| headers.iter().map(Record::of).collect())
        .transpose()
}

/// Of what a source's responses are measured and decided by, as a dict or as its JSON: all that decides which measures a
/// block holds, as JSON. Thresholds do not.
#[pyfunction]
#[pyo3(signature = (curation: "dict[str, typing.Any] | str"))]
pub fn measured(curation: &Bound<'_, PyAny>) -> Result<String> {
    Ok(CurationSettings::from_json(&as_json(curation)?)?.measured()?)
}

/// Whether a block that was scanned with the thresholds `held` has all that those `asked` for let pass; both as JSON, and
/// empty where there are none.
#[pyfunction]
#[pyo3(signature = (held, asked))]
pub fn limits_allow(held: &str, asked: &str) -> Result<bool> {
    Ok(octomed_engine::limits_allow(held, asked)?)
}

/// What tells a file's content from that of another one of its name, size and time, in hexadecimal digits.
#[pyfunction]
#[pyo3(signature = (path))]
pub fn fingerprint(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    let hash = leave(py, || octomed_engine::fingerprint(&path))?;
    Ok(format!("{hash:032x}"))
}

/// Removes the temporary files of calls that still run, before the process ends.
#[pyfunction]
pub fn remove_temporaries(py: Python<'_>) {
    py.detach(octomed_files::remove_temporaries);
}

/// The header of a block of which every byte is as it was written.
#[pyfunction]
#[pyo3(signature = (path))]
pub fn verify_block(py: Python<'_>, path: PathBuf) -> Result<Record<BlockHeader>> {
    let header = leave(py, || octomed_index::verify_block(&path))?;
    Record::of(&header)
}

/// Row number in the task, reason and detail of a block's first unreadable row.
#[pyfunction]
#[pyo3(signature = (path))]
pub fn first_unreadable(py: Python<'_>, path: PathBuf) -> PyResult<Option<(u32, String, String)>> {
    leave(py, || first_refusal(&path))
}
