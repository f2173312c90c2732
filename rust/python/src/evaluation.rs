//! Bindings of evaluation sets: they are read block by block, and a layout is made against them.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use octomed_curate::{Against, Evaluation};
use octomed_engine::{EvaluationPart, ImageSettings, Look};
use octomed_ngrams::{Asked, Matcher, NgramIndex, Question, Rule, normalised};
use octomed_responses::Kinds;
use octomed_trace::Mapping as RustMapping;
use octomed_vision::DecodeRules;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::engine::Cancel;
use crate::error::{Error, Kind, Result, say};
use crate::leave::leave;
use crate::trace::{Block, Mapping, as_json};

/// What was found out about pictures of evaluation sets, kept from one run to the next.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct KeptPictures(Arc<octomed_engine::KeptPictures>);

#[pymethods]
impl KeptPictures {
    /// Those of an earlier run, as `to_bytes` wrote them; none where that is damaged, or empty.
    #[new]
    #[pyo3(signature = (written))]
    fn new(written: &[u8]) -> Self {
        Self(Arc::new(octomed_engine::KeptPictures::from_bytes(written)))
    }

    /// All of them, for a later run; `None` where no picture is new.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.to_bytes().map(|bytes| PyBytes::new(py, &bytes))
    }
}

/// Reads the questions and pictures of an evaluation set.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct EvaluationReader(octomed_engine::EvaluationReader);

#[pymethods]
impl EvaluationReader {
    /// A reader by a mapping of questions only; `look` says what is found out about pictures: `if_there`, `bytes`, `pixels` or
    /// `near`; `masks` which kinds of identifying data sources mask, one list for each way in which one does; pictures that
    /// `kept` knows are not decoded.
    #[new]
    #[pyo3(signature = (mapping, images: "dict[str, typing.Any]", look, masks: "collections.abc.Sequence[collections.abc.Sequence[str]]", kept))]
    fn new(
        mapping: &Mapping,
        images: &Bound<'_, PyDict>,
        look: &str,
        masks: Vec<Vec<String>>,
        kept: &KeptPictures,
    ) -> Result<Self> {
        let look = match look {
            "if_there" => Look::IfThere,
            "bytes" => Look::Bytes,
            "pixels" => Look::Pixels,
            "near" => Look::Near,
            _ => {
                let message = format!("`{look}` is no way to look at pictures");
                return Err(say(Kind::Internal, message, None).into());
            }
        };
        let images = ImageSettings::from_json(&as_json(images.as_any())?)?;
        let mapping = RustMapping::clone(&mapping.0);
        let masks = masks.iter().map(|kinds| kinds_of(kinds));
        let masks = masks.collect::<Result<_>>()?;
        Ok(Self(octomed_engine::EvaluationReader::new(
            mapping,
            images,
            look,
            masks,
            Arc::clone(&kept.0),
        )?))
    }

    /// What a block of the set's file with this number has; its task begins with row `first_row`, `place` is the file in
    /// words.
    ///
    /// Raises `DataError` when a row, or a picture that is compared, cannot be read, `CancelledRun` once `cancel` is set.
    #[pyo3(signature = (block, file, first_row, place, cancel))]
    fn read(
        &self,
        py: Python<'_>,
        block: &Block,
        file: u32,
        first_row: u64,
        place: &str,
        cancel: &Cancel,
    ) -> Result<EvaluationQuestions> {
        let flag = cancel.flag();
        let part = leave(py, || self.0.read(&block.0, file, first_row, place, flag))?;
        Ok(EvaluationQuestions(Mutex::new(part)))
    }
}

/// The kinds of identifying data of these names.
fn kinds_of(names: &[String]) -> Result<Kinds> {
    let text = serde_json::to_string(names).and_then(|text| serde_json::from_str(&text));
    Ok(text.map_err(|error| say(Kind::Internal, error.to_string(), None))?)
}

/// What was read of a block of an evaluation set.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct EvaluationQuestions(Mutex<EvaluationPart>);

#[pymethods]
impl EvaluationQuestions {
    /// How many questions it has.
    #[getter]
    fn questions(&self) -> usize {
        self.part().questions.len()
    }
}

impl EvaluationQuestions {
    fn part(&self) -> std::sync::MutexGuard<'_, EvaluationPart> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Evaluation sets that were read whole.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct EvaluationSets {
    evaluation: Arc<Evaluation>,
    rules: DecodeRules,
}

#[pymethods]
impl EvaluationSets {
    /// Puts sets together: of each the name, the paths of its files as reports have them, and what was read of its blocks,
    /// in order. `images` are the settings of the recipe's images, `masks` those that the readers had.
    #[new]
    #[pyo3(signature = (sets, images: "dict[str, typing.Any]", masks: "collections.abc.Sequence[collections.abc.Sequence[str]]"))]
    fn new(
        sets: Vec<(String, Vec<String>, Vec<Bound<'_, EvaluationQuestions>>)>,
        images: &Bound<'_, PyDict>,
        masks: Vec<Vec<String>>,
    ) -> Result<Self> {
        let images = ImageSettings::from_json(&as_json(images.as_any())?)?;
        let masks = masks.iter().map(|kinds| kinds_of(kinds));
        let mut evaluation = Evaluation {
            masks: masks.collect::<Result<_>>()?,
            ..Evaluation::default()
        };
        for (name, files, parts) in sets {
            let mut whole = EvaluationPart::default();
            for part in parts {
                whole.extend(std::mem::take(&mut part.get().part()));
            }
            whole.add_to(&mut evaluation, name, files);
        }
        Ok(Self {
            evaluation: Arc::new(evaluation),
            rules: images.rules(),
        })
    }

    /// Questions of each set.
    #[getter]
    fn questions(&self) -> Vec<u64> {
        let mut counts = vec![0; self.evaluation.sets.len()];
        for question in &self.evaluation.questions {
            counts[question.set as usize] += 1;
        }
        counts
    }
}

impl EvaluationSets {
    /// The sets, for one selection, which ends early once `cancel` is set.
    pub fn against(&self, threads: usize, cancel: Arc<AtomicBool>) -> Arc<Against> {
        Arc::new(Against {
            evaluation: Arc::clone(&self.evaluation),
            threads,
            cancel,
            rules: self.rules,
            found: OnceLock::new(),
        })
    }
}

/// Whether each of the training questions leaves for one of the evaluation questions, by one shared n-gram of words:
/// where templates are ignored, and where they are kept.
#[pyfunction]
#[pyo3(signature = (evaluation, training, ngram))]
pub fn contaminated_questions(
    py: Python<'_>,
    evaluation: Vec<String>,
    training: Vec<String>,
    ngram: usize,
) -> PyResult<Vec<(bool, bool)>> {
    // Without options a question is its words.
    let id = |stem: &str| octomed_trace::question_id(&normalised(stem), [], None);
    leave(py, || {
        let questions = evaluation.iter().map(|stem| Question {
            set: 0,
            id: id(stem),
            stem,
            images: 0,
        });
        let index = NgramIndex::new(ngram, Rule::Any, questions);
        let mut matcher = Matcher::new(&index);
        let mut leaves = |stem: &String| {
            let found = matcher.find(&Asked {
                id: id(stem),
                stem,
                images: 0,
            });
            (!found.ignoring.is_empty(), !found.keeping.is_empty())
        };
        Ok::<_, Error>(training.iter().map(&mut leaves).collect())
    })
}
