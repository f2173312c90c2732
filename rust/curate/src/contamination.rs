//! What was found of evaluation sets in what is trained on: for tables and for the summary.

use octomed_ngrams::Phrase;

use crate::evaluation::Evaluation;

/// Why a question leaves for one of an evaluation set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// They are one question, word for word.
    Question,
    /// They share words.
    Words,
    /// They show one picture.
    Picture,
    /// They show pictures that are nearly the same.
    NearPicture,
}

impl Reason {
    /// The name used in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Words => "words",
            Self::Picture => "picture",
            Self::NearPicture => "near_picture",
        }
    }
}

/// A question that leaves, and the question of an evaluation set for which it does: one of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Number of the source.
    pub source: u32,
    /// The file of its first row.
    pub file: String,
    /// That row's number in the file.
    pub row: u64,
    /// Hash of the question.
    pub question_id: u64,
    /// Number of the evaluation question.
    pub evaluation: u32,
    /// Why.
    pub reason: Reason,
    /// How many words both have; 0 for pictures.
    pub words: u32,
    /// The words; nothing where the row is flagged for identifying data, and for pictures.
    pub text: Option<String>,
    /// Hash of the bytes of the picture that the row shows; 0 for words.
    pub picture: u64,
}

/// A source beside all evaluation sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceContamination {
    /// Its name.
    pub source: String,
    /// Its questions.
    pub questions: u64,
    /// Those with fewer words than an n-gram.
    pub untestable: u64,
    /// Those of them that have the words of an evaluation question and other options.
    pub equal_but_short: u64,
    /// Those that leave for words where templates are ignored.
    pub ignoring_templates: u64,
    /// Those that leave for words where templates count.
    pub keeping_templates: u64,
    /// Those that leave for a picture.
    pub by_picture: u64,
    /// Those that leave.
    pub lost: u64,
    /// Those of which the scan left a trace in, whatever the reason why others have none: what a source can lose.
    pub with_traces: u64,
    /// Those of them that leave.
    pub lost_with_traces: u64,
    /// The same by evaluation set.
    pub sets: Vec<Shared>,
}

/// What a source and an evaluation set share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Questions of the source that leave for words where templates are ignored.
    pub ignoring_templates: u64,
    /// The same where templates count.
    pub keeping_templates: u64,
    /// Questions of the source that leave for a picture.
    pub by_picture: u64,
    /// Questions of the source that leave.
    pub lost: u64,
    /// Pictures that both have.
    pub pictures: u64,
    /// Distinct pictures of the source.
    pub pictures_of_source: u64,
}

/// An evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetCounts {
    /// Its questions.
    pub questions: u64,
    /// Those with fewer words than an n-gram.
    pub untestable: u64,
    /// Its distinct pictures.
    pub pictures: u64,
}

/// Two pictures that are nearly the same.
#[derive(Clone, Debug, PartialEq)]
pub struct NearPair {
    /// Number of the source.
    pub source: u32,
    /// The file of the first row that shows it.
    pub file: String,
    /// That row's number in the file.
    pub row: u64,
    /// Hash of the bytes of its picture.
    pub picture: u64,
    /// The path of the picture's file, where it was read from a folder.
    pub name: Option<String>,
    /// Number of the evaluation picture.
    pub evaluation: u32,
    /// Bits in which the hashes of their gradients differ.
    pub distance: u32,
    /// How far their pixels are apart, in grey levels on average.
    pub difference: f32,
    /// The source's picture in grey, 64 pixels a side.
    pub gray: Vec<u8>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Contamination {
    /// Sources, in source order.
    pub sources: Vec<SourceContamination>,
    /// Evaluation sets, in the recipe's order.
    pub sets: Vec<SetCounts>,
    /// Questions that leave, in source order, those for words first.
    pub leaving: Vec<Leaving>,
    /// Pictures that are nearly those of an evaluation set, in source order.
    pub near: Vec<NearPair>,
    /// Templates of the evaluation sets: how many there are, and those that most questions have.
    pub templates: (u64, Vec<Phrase>),
    /// Questions of which not all places that their n-grams have in evaluation questions were looked at.
    pub bounded: u64,
    /// Ids of the questions that leave for a picture, sorted, each with its line of [`Self::leaving`].
    pub(crate) by_picture: Vec<(u64, u32)>,
}

impl Leaving {
    /// Why the question leaves, in words without any of the row's.
    pub(crate) fn detail(&self, evaluation: &Evaluation) -> String {
        let place = evaluation.describe(self.evaluation);
        match self.reason {
            Reason::Question => format!("it is the question of {place}"),
            Reason::Words => format!("shares {} words with {place}", self.words),
            Reason::Picture => format!("shows a picture of {place}"),
            Reason::NearPicture => format!("shows nearly a picture of {place}"),
        }
    }
}
