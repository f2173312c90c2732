//! What was found of evaluation sets, as tables and as counts.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Float32Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::ArrowError;
use octomed_curate::{Against, Contamination, Evaluation, SourceContamination};
use serde_json::{Map, Value, json};

use crate::error::EngineError;

/// What n-grams do not see.
const PARAPHRASES: &str =
    "N-grams find shared words: a question that says the same in other words is not found.";

/// A line for each question that leaves and each evaluation set that it leaves for.
///
/// # Errors
/// Only when a column does not fit Arrow's limits.
pub fn contaminated(against: &Against, shows_texts: bool) -> Result<RecordBatch, EngineError> {
    let none = Contamination::default();
    let found = against.found.get().unwrap_or(&none);
    let lines = || found.leaving.iter();
    let place = Place::of(&against.evaluation, lines().map(|line| line.evaluation));
    let words = lines().map(|line| (line.words > 0).then_some(line.words));
    let texts = lines().map(|line| line.text.clone().filter(|_| shows_texts));
    let pictures = lines().map(|line| (line.picture != 0).then_some(line.picture));
    batch(vec![
        (
            "source",
            names(found, lines().map(|line| line.source)),
            false,
        ),
        (
            "file",
            strings(lines().map(|line| line.file.as_str())),
            false,
        ),
        ("row", long(lines().map(|line| line.row)), false),
        (
            "question_id",
            long(lines().map(|line| line.question_id)),
            false,
        ),
        (
            "reason",
            strings(lines().map(|line| line.reason.as_str())),
            false,
        ),
        ("evaluation_set", place.set, false),
        ("evaluation_file", place.file, false),
        ("evaluation_row", place.row, false),
        ("word_count", Arc::new(words.collect::<UInt32Array>()), true),
        ("words", Arc::new(texts.collect::<StringArray>()), true),
        ("picture", Arc::new(pictures.collect::<UInt64Array>()), true),
    ])
}

/// A line for each picture that is nearly one of an evaluation set, with both in grey.
///
/// # Errors
/// Only when a column does not fit Arrow's limits.
pub fn near_pictures(against: &Against, shows_pictures: bool) -> Result<RecordBatch, EngineError> {
    let none = Contamination::default();
    let found = against.found.get().unwrap_or(&none);
    let pictures = &against.evaluation.pictures;
    let pairs = || found.near.iter();
    let other = |pair: &octomed_curate::NearPair| &pictures[pair.evaluation as usize];
    let place = Place::of(
        &against.evaluation,
        pairs().map(|pair| other(pair).question),
    );
    let gray = |bytes: &[u8]| shows_pictures.then(|| bytes.to_vec());
    let mine = pairs().map(|pair| gray(&pair.gray));
    let theirs = pairs().map(|pair| gray(&other(pair).gray));
    let file_names = pairs().map(|pair| pair.name.clone());
    batch(vec![
        (
            "source",
            names(found, pairs().map(|pair| pair.source)),
            false,
        ),
        (
            "file",
            strings(pairs().map(|pair| pair.file.as_str())),
            false,
        ),
        ("row", long(pairs().map(|pair| pair.row)), false),
        ("picture", long(pairs().map(|pair| pair.picture)), false),
        ("name", Arc::new(file_names.collect::<StringArray>()), true),
        ("evaluation_set", place.set, false),
        ("evaluation_file", place.file, false),
        ("evaluation_row", place.row, false),
        (
            "evaluation_picture",
            long(pairs().map(|pair| other(pair).hash)),
            false,
        ),
        (
            "distance",
            Arc::new(
                pairs()
                    .map(|pair| Some(pair.distance))
                    .collect::<UInt32Array>(),
            ),
            false,
        ),
        (
            "difference",
            Arc::new(
                pairs()
                    .map(|pair| Some(pair.difference))
                    .collect::<Float32Array>(),
            ),
            false,
        ),
        ("gray", Arc::new(mine.collect::<BinaryArray>()), true),
        (
            "evaluation_gray",
            Arc::new(theirs.collect::<BinaryArray>()),
            true,
        ),
    ])
}

/// Where evaluation questions stand.
struct Place {
    set: ArrayRef,
    file: ArrayRef,
    row: ArrayRef,
}

impl Place {
    fn of(evaluation: &Evaluation, questions: impl Iterator<Item = u32>) -> Self {
        let questions: Vec<_> = questions
            .map(|question| &evaluation.questions[question as usize])
            .collect();
        let set = |set: u32| &evaluation.sets[set as usize];
        let file = |number: u32, of: u32| {
            let file = set(of).files.get(number as usize);
            file.map_or("", String::as_str)
        };
        let sets = questions
            .iter()
            .map(|question| set(question.set).name.as_str());
        let files = questions
            .iter()
            .map(|question| file(question.file, question.set));
        Self {
            set: strings(sets),
            file: strings(files),
            row: long(questions.iter().map(|question| question.row)),
        }
    }
}

fn names(found: &Contamination, sources: impl Iterator<Item = u32>) -> ArrayRef {
    strings(sources.map(|source| found.sources[source as usize].source.as_str()))
}

fn strings<'t>(texts: impl Iterator<Item = &'t str>) -> ArrayRef {
    Arc::new(texts.map(Some).collect::<StringArray>())
}

fn long(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<UInt64Array>())
}

fn batch(columns: Vec<(&str, ArrayRef, bool)>) -> Result<RecordBatch, EngineError> {
    let made: Result<RecordBatch, ArrowError> = RecordBatch::try_from_iter_with_nullable(columns);
    made.map_err(|error| EngineError::Internal(error.to_string()))
}

/// What was counted: of each evaluation set, of each source, and of each source beside each set.
#[must_use]
pub fn contamination_counts(against: &Against, ngram: usize) -> Value {
    let none = Contamination::default();
    let found = against.found.get().unwrap_or(&none);
    let sets = against.evaluation.sets.iter().zip(&found.sets).enumerate();
    let sets = sets.map(|(number, (set, counts))| {
        let sum = |value: fn(&octomed_curate::Shared) -> u64| -> u64 {
            found
                .sources
                .iter()
                .map(|source| value(&source.sets[number]))
                .sum()
        };
        let values = json!({
            "files": set.files,
            "questions": counts.questions,
            "untestable": counts.untestable,
            "rows_without_question": set.rows_without_question,
            "pictures": counts.pictures,
            "pictures_not_read": set.pictures_not_read,
            "left": sum(|shared| shared.lost),
            "contaminated": {
                "templates_ignored": sum(|shared| shared.ignoring_templates),
                "templates_kept": sum(|shared| shared.keeping_templates),
                "by_picture": sum(|shared| shared.by_picture),
            },
        });
        (set.name.clone(), values)
    });
    let sources = found.sources.iter();
    let sources = sources.map(|source| (source.source.clone(), of_source(against, source)));
    let (templates, listed) = &found.templates;
    let phrases: Vec<Value> = listed
        .iter()
        .map(|phrase| {
            json!({
                "words": phrase.words,
                "stems": phrase.stems,
                "of_pictures_alone": phrase.of_pictures_alone,
            })
        })
        .collect();
    json!({
        "ngram": ngram,
        "note": PARAPHRASES,
        "sets": sets.collect::<Map<String, Value>>(),
        "sources": sources.collect::<Map<String, Value>>(),
        "near_pictures": found.near.len(),
        "not_looked_at_everywhere": found.bounded,
        "templates": {"count": templates, "largest": phrases},
    })
}

fn of_source(against: &Against, source: &SourceContamination) -> Value {
    let sets = against.evaluation.sets.iter().zip(&source.sets);
    let sets = sets.map(|(set, shared)| {
        let values = json!({
            "templates_ignored": shared.ignoring_templates,
            "templates_kept": shared.keeping_templates,
            "by_picture": shared.by_picture,
            "pictures_shared": shared.pictures,
            "left": shared.lost,
        });
        (set.name.clone(), values)
    });
    let pictures = source
        .sets
        .first()
        .map_or(0, |shared| shared.pictures_of_source);
    json!({
        "questions": source.questions,
        "untestable": source.untestable,
        "untestable_but_equal": source.equal_but_short,
        "pictures": pictures,
        "contaminated": {
            "templates_ignored": source.ignoring_templates,
            "templates_kept": source.keeping_templates,
            "by_picture": source.by_picture,
        },
        "left": source.lost,
        "with_traces": source.with_traces,
        "left_with_traces": source.lost_with_traces,
        "sets": sets.collect::<Map<String, Value>>(),
    })
}
