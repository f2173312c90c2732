//! What was read of evaluation sets.

use octomed_responses::Kinds;

/// Questions and pictures of evaluation sets.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// The sets, in the recipe's order.
    pub sets: Vec<EvaluationSet>,
    /// Their questions, set by set, in the order of their files.
    pub questions: Vec<EvaluationQuestion>,
    /// Their pictures, each once a set.
    pub pictures: Vec<EvaluationPicture>,
    /// Kinds of identifying data that sources have masked in their texts: a variant of each stem for each.
    pub masks: Vec<Kinds>,
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
    /// The text with data masked, for each of [`Evaluation::masks`]; nothing where that changes nothing.
    pub masked: Vec<Option<String>>,
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

impl EvaluationQuestion {
    /// The text as sources have it whose data are masked so, by the number of the mask.
    #[must_use]
    pub fn stem(&self, mask: Option<usize>) -> &str {
        let masked = mask.and_then(|mask| self.masked.get(mask)?.as_deref());
        masked.unwrap_or(&self.stem)
    }
}

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
