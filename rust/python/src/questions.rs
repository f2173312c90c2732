//! Bindings for distillation: what rows ask, as another model is asked it.

use octomed_engine::{EngineError, QuestionFinding, QuestionRow as RustRow, QuestionTurn};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::Scanner;
use crate::leave::leave;
use crate::trace::Block;

/// A row that asks something.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct QuestionRow {
    row: RustRow,
}

/// A piece of a turn: its text, or the number of an image of the row.
#[derive(IntoPyObject)]
pub enum QuestionPart {
    /// All text up to the next image.
    Text(String),
    /// The image of this number.
    Image(usize),
}

/// A row that cannot be asked: its number from the start of its task, reason and detail.
type Refused = (u64, &'static str, String);

/// What becomes of a row that may be asked.
#[derive(IntoPyObject)]
pub enum Asked {
    /// It asks something.
    Row(QuestionRow),
    /// It cannot be asked.
    Refused(Refused),
}

#[pymethods]
impl QuestionRow {
    /// Number of the row from the start of its task.
    #[getter]
    fn ordinal(&self) -> u64 {
        self.row.ordinal
    }

    /// What the row calls itself.
    #[getter]
    fn id(&self) -> Option<&str> {
        self.row.id.as_deref()
    }

    /// The id of its question, by which traces of a question are known.
    #[getter]
    fn question_id(&self) -> u64 {
        self.row.question_id
    }

    /// Whether the row is a conversation, of which the last response is asked for anew.
    #[getter]
    fn is_conversation(&self) -> bool {
        self.row.is_conversation
    }

    /// What it asks, without options.
    #[getter]
    fn question(&self) -> &str {
        &self.row.question
    }

    /// Earlier turns of the same conversation: what was asked, and what was answered.
    #[getter]
    fn history(&self) -> Vec<[&str; 2]> {
        let pairs = self.row.history.iter();
        pairs
            .map(|pair| pair.each_ref().map(String::as_str))
            .collect()
    }

    /// Labels and texts of its options.
    #[getter]
    fn options(&self) -> Vec<(&str, &str)> {
        let options = self.row.options.iter();
        options
            .map(|(label, text)| (label.as_str(), text.as_str()))
            .collect()
    }

    /// The right answer, as the row writes it.
    #[getter]
    fn answer(&self) -> Option<&str> {
        self.row.answer.as_deref()
    }

    /// All turns up to the response, each a role and its texts and images, these by number.
    #[getter]
    fn turns(&self) -> Vec<(&str, Vec<QuestionPart>)> {
        let turns = self.row.turns.iter();
        turns
            .map(|turn| (turn.role.as_str(), parts_of(turn)))
            .collect()
    }

    /// Its images, each the hash of its bytes as they came, and what is stored of it.
    #[getter]
    fn images<'py>(&self, py: Python<'py>) -> Vec<(u64, Bound<'py, PyBytes>)> {
        let images = self.row.images.iter();
        images
            .map(|image| (image.hash, PyBytes::new(py, &image.stored)))
            .collect()
    }
}

/// The texts and images of a turn in their order.
fn parts_of(turn: &QuestionTurn) -> Vec<QuestionPart> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for &(at, image) in &turn.images {
        if at > begin {
            parts.push(QuestionPart::Text(turn.text[begin..at].to_owned()));
        }
        parts.push(QuestionPart::Image(image));
        begin = at;
    }
    if begin < turn.text.len() || parts.is_empty() {
        parts.push(QuestionPart::Text(turn.text[begin..].to_owned()));
    }
    parts
}

/// What the rows of a block ask: of each in order a `QuestionRow`, or number, reason and detail of one that cannot be
/// asked.
#[pyfunction]
#[pyo3(signature = (scanner, block))]
pub fn question_rows(py: Python<'_>, scanner: &Scanner, block: &Block) -> PyResult<Vec<Asked>> {
    leave(py, || {
        let mut asked = Vec::new();
        scanner.scanner.question_rows(&block.0, |finding| {
            asked.push(match finding {
                QuestionFinding::Row(row) => Asked::Row(QuestionRow { row }),
                QuestionFinding::Refused(ordinal, reason, detail) => {
                    Asked::Refused((ordinal, reason, detail))
                }
            });
            Ok::<(), EngineError>(())
        })?;
        Ok::<_, EngineError>(asked)
    })
}
