//! Bindings of `octomed-trace`: a mapping, a block, and a look into it.

use std::sync::Arc;

use octomed_trace::{
    Asked, Block as RustBlock, Body, Finding, ImageRef, ImageValue, Mapping as RustMapping, Part,
    Refusal, Row, TraceError, Turn,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{Error, Kind, Result, raise};

/// Which columns of a row hold which part of a trace.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Mapping(pub(crate) Arc<RustMapping>);

#[pymethods]
impl Mapping {
    /// Check a mapping, given as a dict or as its JSON.
    #[new]
    #[pyo3(signature = (mapping: "dict[str, typing.Any] | str"))]
    fn new(mapping: &Bound<'_, PyAny>) -> Result<Self> {
        let mapping = RustMapping::from_json(&as_json(mapping)?)?;
        Ok(Self(Arc::new(mapping)))
    }

    /// A mapping of which only what is asked is wanted, as of an evaluation set: responses are not read.
    #[staticmethod]
    #[pyo3(signature = (mapping: "dict[str, typing.Any] | str"))]
    fn questions_only(mapping: &Bound<'_, PyAny>) -> Result<Self> {
        let mapping = RustMapping::questions_only(&as_json(mapping)?)?;
        Ok(Self(Arc::new(mapping)))
    }

    /// What is wrong with the keys of a mapping taken together: message, hint, and the key that should not be there.
    #[staticmethod]
    #[pyo3(signature = (mapping: "dict[str, typing.Any] | str"))]
    fn fault_of_keys(mapping: &Bound<'_, PyAny>) -> Result<Option<KeyFault>> {
        match RustMapping::check_keys(&as_json(mapping)?) {
            Ok(()) => Ok(None),
            Err(TraceError::Mapping { message, hint, key }) => Ok(Some((message, hint, key))),
            Err(error) => Err(error.into()),
        }
    }

    /// The columns to read of a file with columns `names`, in the file's order.
    ///
    /// Raises `DataError` when a mapped column is missing or several columns have one name.
    #[pyo3(signature = (names))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn columns_to_read(&self, names: Vec<String>) -> Result<Vec<String>> {
        self.0.check_columns(&names)?;
        Ok(self.0.columns_of(&names))
    }

    /// The same mapping for a file whose place gives its rows these columns: it may be without them.
    #[pyo3(signature = (columns))]
    fn with_given(&self, columns: Vec<String>) -> Self {
        Self(Arc::new(self.0.with_given(columns)))
    }

    /// Whether a column of this name is mapped.
    #[pyo3(signature = (column))]
    fn maps(&self, column: &str) -> bool {
        self.0.maps(column)
    }

    /// Whether a picture is looked for in a column that the mapping does not name.
    #[pyo3(signature = (column))]
    fn searches_pictures_in(&self, column: &str) -> bool {
        self.0.searches_pictures_in(column)
    }

    /// Whether a column's name alone says that pictures are in it.
    #[staticmethod]
    #[pyo3(signature = (column))]
    fn is_picture_name(column: &str) -> bool {
        RustMapping::is_picture_name(column)
    }

    /// Whether a column's name has a word for pictures: `image_0`, `imgPath`, `Figure_path`.
    ///
    /// That is a reason to look; what a row holds is read from its values.
    #[staticmethod]
    #[pyo3(signature = (column))]
    fn suggests_pictures(column: &str) -> bool {
        RustMapping::suggests_pictures(column)
    }
}

/// Message, hint and key of what is wrong with a mapping.
type KeyFault = (String, Option<String>, Option<&'static str>);

/// A dict as JSON, as which it may be given.
pub(crate) fn as_json(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_instance_of::<PyString>() {
        return value.extract();
    }
    let json = value.py().import("json")?;
    json.call_method1("dumps", (value,))?.extract()
}

/// Consecutive rows of a task, as they were read.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Block(pub(crate) Arc<RustBlock>);

#[pymethods]
impl Block {
    /// Rows, unreadable ones included, blank lines not.
    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    /// The most memory that it takes with all that a scan makes of it.
    #[getter]
    fn memory(&self) -> u64 {
        self.0.memory()
    }

    /// Give all rows columns that are not in their file, once: their folders' `key=value`, null where it is `None`.
    #[pyo3(signature = (columns))]
    fn give(&self, columns: Vec<(String, Option<String>)>) {
        self.0.give(columns);
    }

    /// Bytes that the rows take in their source.
    #[getter]
    fn source_bytes(&self) -> u64 {
        self.0.source_bytes()
    }

    /// Number of the first row from the start of the task.
    #[getter]
    fn first_ordinal(&self) -> u64 {
        self.0.first_ordinal()
    }

    /// Position just after the last row: a byte offset in plain JSON Lines, else a row number.
    #[getter]
    fn end_position(&self) -> u64 {
        self.0.end_position()
    }
}

/// The first `count` rows of a block from its row `skip` on, as dicts for people to look at.
///
/// A row has `position`, `ordinal`, `id`, `system`, `images` where it has any, `asked` and `finish_reasons` where the
/// mapping asks for them, and either `messages` or `question`, `options`, `answer` and `responses`. An image stands in a turn as `[image 1]`; of one in `images`, its path or URL
/// or how many bytes it has, never these. A refused one has `position`, `ordinal`, `reason` and `detail`.
#[pyfunction]
#[pyo3(signature = (block, mapping, count, *, skip = 0) -> "list[dict[str, typing.Any]]")]
pub fn preview<'py>(
    py: Python<'py>,
    block: &Block,
    mapping: &Mapping,
    count: usize,
    skip: usize,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let mut rows = Vec::new();
    let mut seen = 0;
    let read = block.0.for_each(&mapping.0, |finding| {
        if rows.len() == count {
            return Err(Stop::Enough);
        }
        seen += 1;
        if seen > skip {
            rows.push(shown(py, finding)?);
        }
        Ok(())
    });
    match read {
        Ok(()) | Err(Stop::Enough) => Ok(rows),
        Err(Stop::Python(error)) => Err(error),
    }
}

/// Why a preview ends.
enum Stop {
    Enough,
    Python(PyErr),
}

impl From<PyErr> for Stop {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

fn shown<'py>(py: Python<'py>, finding: Finding<'_>) -> PyResult<Bound<'py, PyDict>> {
    match finding {
        Finding::Row(row) => shown_row(py, &row),
        Finding::Refused(refusal) => shown_refusal(py, &refusal),
    }
}

fn shown_refusal<'py>(py: Python<'py>, refusal: &Refusal) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(py);
    shown.set_item("position", refusal.position)?;
    shown.set_item("ordinal", refusal.ordinal)?;
    shown.set_item("reason", refusal.reason.as_str())?;
    shown.set_item("detail", &refusal.detail)?;
    Ok(shown)
}

fn shown_row<'py>(py: Python<'py>, row: &Row<'_>) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(py);
    shown.set_item("position", row.position)?;
    shown.set_item("ordinal", row.ordinal)?;
    shown.set_item("id", row.id.as_deref())?;
    shown.set_item("system", row.system.as_deref())?;
    let images = row.images.iter().filter(|image| !image.is_left_out());
    let images: Vec<String> = images.map(shown_image).collect();
    if !images.is_empty() {
        shown.set_item("images", images)?;
    }
    shown_beside(py, row, &shown)?;
    match &row.body {
        Body::Conversation(turns) => {
            let shown_turn = |turn| shown_turn(py, turn, &row.images);
            let turns: PyResult<Vec<_>> = turns.iter().map(shown_turn).collect();
            shown.set_item("messages", turns?)?;
        }
        Body::Question {
            question,
            options,
            answer,
            history,
            responses,
        } => {
            shown.set_item("question", &**question)?;
            let options: PyResult<Vec<_>> = options
                .iter()
                .map(|option| {
                    let parts = [("label", Some(&*option.label)), ("text", Some(option.text))];
                    pairs(py, parts)
                })
                .collect();
            shown.set_item("options", options?)?;
            shown.set_item("answer", answer.as_deref())?;
            if !history.is_empty() {
                let history: Vec<(&str, &str)> = history
                    .iter()
                    .map(|[asked, said]| (&**asked, &**said))
                    .collect();
                shown.set_item("history", history)?;
            }
            let responses: PyResult<Vec<_>> = responses
                .iter()
                .map(|response| {
                    let parts = [
                        ("reasoning", response.reasoning.as_deref()),
                        ("response", Some(&*response.response)),
                    ];
                    pairs(py, parts)
                })
                .collect();
            shown.set_item("responses", responses?)?;
        }
    }
    Ok(shown)
}

/// What the row says of its traces, where it is asked for.
fn shown_beside(py: Python<'_>, row: &Row<'_>, shown: &Bound<'_, PyDict>) -> PyResult<()> {
    if !row.asked.is_empty() {
        let asked = row.asked.iter().map(|asked| match asked {
            Asked::None => Ok(py.None()),
            Asked::One(text) => Ok(text.into_pyobject(py)?.into_any().unbind()),
            Asked::Many(texts) => Ok(texts.into_pyobject(py)?.into_any().unbind()),
        });
        shown.set_item("asked", asked.collect::<PyResult<Vec<Py<PyAny>>>>()?)?;
    }
    if !row.finish_reasons.is_empty() {
        shown.set_item("finish_reasons", &row.finish_reasons)?;
    }
    Ok(())
}

/// A turn; its reasoning and whether it is learned only where they say something.
fn shown_turn<'py>(
    py: Python<'py>,
    turn: &Turn<'_>,
    images: &[ImageRef<'_>],
) -> PyResult<Bound<'py, PyDict>> {
    let content = shown_content(turn, images);
    let shown = pairs(
        py,
        [("role", Some(&*turn.role)), ("content", Some(&*content))],
    )?;
    if let Some(reasoning) = &turn.reasoning {
        shown.set_item("reasoning", &**reasoning)?;
    }
    if !turn.learned {
        shown.set_item("learned", false)?;
    }
    Ok(shown)
}

/// The texts of a turn, and where its images stand.
fn shown_content(turn: &Turn<'_>, images: &[ImageRef<'_>]) -> String {
    let mut content = String::new();
    for part in &turn.content {
        match part {
            Part::Text(text) => content.push_str(text),
            Part::Image(number) if images.get(*number).is_some_and(ImageRef::is_left_out) => {}
            Part::Image(number) => content.push_str(&format!("[image {}]", number + 1)),
        }
    }
    content
}

/// The longest path or URL that is shown: what is longer is an image in base64.
const LONGEST_PATH: usize = 200;

/// What people see of an image.
fn shown_image(image: &ImageRef<'_>) -> String {
    match &image.value {
        ImageValue::Text(text) if text.len() <= LONGEST_PATH => text.clone().into_owned(),
        ImageValue::Text(text) => format!("{} characters", text.len()),
        ImageValue::Bytes(bytes) => format!("{} bytes", bytes.len()),
        ImageValue::LeftOut => "left out".to_owned(),
    }
}

fn pairs<'py>(py: Python<'py>, pairs: [(&str, Option<&str>); 2]) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(py);
    for (key, value) in pairs {
        shown.set_item(key, value)?;
    }
    Ok(shown)
}

pub(crate) fn wrapped(blocks: impl IntoIterator<Item = RustBlock>) -> Vec<Block> {
    blocks
        .into_iter()
        .map(|block| Block(Arc::new(block)))
        .collect()
}

impl From<TraceError> for Error {
    fn from(error: TraceError) -> Self {
        let kind = match error {
            TraceError::Mapping { .. } | TraceError::CsvDialect { .. } => Kind::Recipe,
            _ => Kind::Data,
        };
        raise(kind, &error, error.hint()).into()
    }
}
