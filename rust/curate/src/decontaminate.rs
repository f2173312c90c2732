//! What the recipe says of evaluation sets, and what is known of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::against::Against;

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
