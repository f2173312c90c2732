//! What the recipe says of evaluation sets, and what is known of them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use octomed_vision::DecodeRules;
use serde::Deserialize;

use crate::contamination::Contamination;

/// The recipe's section `curate.decontaminate`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decontaminate {
    /// Words of an n-gram.
    pub ngram: usize,
    /// Whether one shared n-gram is enough.
    pub rule: SharedWords,
    /// Whether n-grams that many questions share count.
    pub templates: Templates,
    /// How pictures are compared.
    pub images: Pictures,
    /// What becomes of pictures that are nearly those of an evaluation set.
    pub near_images: NearPictures,
    /// The largest share of its questions that a source may lose, where that is more than a fifth.
    #[serde(default)]
    pub allow_loss: BTreeMap<String, f64>,
    /// The evaluation sets, which whoever reads them adds.
    #[serde(skip)]
    pub against: Option<Arc<Against>>,
}

impl PartialEq for Decontaminate {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.against, &other.against) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let values = |one: &Self| {
            (
                one.ngram,
                one.rule,
                one.templates,
                one.images,
                one.near_images,
            )
        };
        same && values(self) == values(other) && self.allow_loss == other.allow_loss
    }
}

/// When words that are shared are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedWords {
    /// One n-gram is enough.
    #[default]
    Any,
    /// N-grams cover more than this share of the evaluation question.
    Coverage(f64),
}

/// What becomes of n-grams that many questions share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Templates {
    /// They prove nothing.
    #[default]
    Ignore,
    /// They count as others.
    Keep,
}

/// How pictures are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pictures {
    /// Not at all.
    #[default]
    Off,
    /// By the bytes of their files.
    Bytes,
    /// By their upright pixels.
    Pixels,
}

/// What becomes of pictures that are nearly the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NearPictures {
    /// Nobody looks for them.
    #[default]
    Off,
    /// They are listed.
    Report,
    /// Their questions leave.
    Drop,
}

/// Evaluation sets, and what was found of them in what is trained on.
#[derive(Debug)]
pub struct Against {
    /// The sets.
    pub evaluation: Arc<Evaluation>,
    /// Threads that look.
    pub threads: usize,
    /// By which rules pictures of the store are decoded.
    pub rules: DecodeRules,
    /// What was found; empty until the rules have run.
    pub found: OnceLock<Contamination>,
}

/// Questions and pictures of evaluation sets.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// The sets, in the recipe's order.
    pub sets: Vec<EvaluationSet>,
    /// Their questions, set by set, in the order of their files.
    pub questions: Vec<EvaluationQuestion>,
    /// Their pictures, each once a set.
    pub pictures: Vec<EvaluationPicture>,
}

/// An evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluationSet {
    /// Its name.
    pub name: String,
    /// Paths of its files, as reports have them.
    pub files: Vec<String>,
    /// Rows without a question.
    pub rows_without_question: u64,
    /// Questions of which a picture was not read, because pictures are not compared and it was not there.
    pub pictures_not_read: u64,
}

/// A question of an evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluationQuestion {
    /// Number of its set.
    pub set: u32,
    /// Number of its file in the set.
    pub file: u32,
    /// Its row's number in the file.
    pub row: u64,
    /// Hash of the question with its options and pictures.
    pub question_id: u64,
    /// Its text alone.
    pub stem: String,
    /// Hash of its pictures; 0 for none.
    pub images: u64,
}

/// A picture of an evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluationPicture {
    /// Number of the first question that shows it.
    pub question: u32,
    /// Hash of the bytes of its file.
    pub hash: u64,
    /// Hash of its upright pixels; 0 where nobody decoded it.
    pub pixel_hash: u64,
    /// Hash of its gradients, where near pictures are looked for.
    pub dhash: Option<u64>,
    /// The picture in grey, [`GRAY_SIDE`] pixels a side; empty where near pictures are not looked for.
    pub gray: Vec<u8>,
}

/// Sides of the grey pictures that are compared.
pub const GRAY_SIDE: u32 = 64;

impl Evaluation {
    /// Where a question stands: file and row.
    #[must_use]
    pub fn describe(&self, question: u32) -> String {
        let question = &self.questions[question as usize];
        let set = &self.sets[question.set as usize];
        let file = set.files.get(question.file as usize);
        format!("{} row {}", file.map_or("", String::as_str), question.row)
    }
}
