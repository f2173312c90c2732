//! The recipe's section `curate`.

use std::collections::BTreeMap;

use octomed_responses::Limits;
use serde::Deserialize;

use crate::decontaminate::Decontaminate;
use crate::{Exclusion, GroupMix, KeepTraces, NearSettings, PassRate, Stratify, Validation};

/// Which traces stay. A key that no rule knows is an error: the recipe's own check has let it pass.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curate {
    /// Which copies go.
    pub duplicates: Duplicates,
    /// What becomes of a trace longer than the capacity.
    pub over_long: OverLongPolicy,
    /// What a list names that is to go.
    #[serde(default)]
    pub exclude: Vec<Exclusion>,
    /// Which questions stay by the share of their responses that are right.
    #[serde(default)]
    pub pass_rate: Option<PassRate>,
    /// How many traces of a question stay.
    #[serde(default)]
    pub traces_per_question: Option<KeepTraces>,
    /// How questions are drawn by class.
    #[serde(default)]
    pub stratify: Option<Stratify>,
    /// What is kept out of training: the recipe's `validation`.
    #[serde(default)]
    pub validation: Option<Validation>,
    /// Whether one trace of a question stays, because all learn its right answer: the recipe's `target`.
    #[serde(default)]
    pub one_answer: bool,
    /// How often each group is trained on: the recipe's `mix`.
    #[serde(default)]
    pub mix: Vec<GroupMix>,
    /// Which questions leave because an evaluation set has them.
    #[serde(default)]
    pub decontaminate: Option<Decontaminate>,
    /// Thresholds of each source that has any.
    #[serde(default)]
    pub limits: BTreeMap<String, Limits>,
    /// What each condition of `keep` and `where` is not where it does not hold, in words, of each source that has any.
    #[serde(default)]
    pub conditions: BTreeMap<String, Vec<String>>,
    /// Columns that rules read of a source's rows, in the order in which its questions have them.
    #[serde(default)]
    pub asked: BTreeMap<String, Vec<String>>,
}

/// Which copies go.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicates {
    /// Whether a trace goes that equals an earlier one in all its text.
    pub exact: bool,
    /// What becomes of images that several sources show; a recipe from before there were images does not say.
    #[serde(default)]
    pub images: ImageDuplicates,
    /// What becomes of a trace whose response nearly equals another's.
    #[serde(default)]
    pub near: Option<NearSettings>,
}

/// What becomes of images that occur more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageDuplicates {
    /// Nothing is said of them.
    #[default]
    Off,
    /// They are listed; no trace is left out.
    Report,
}

/// What becomes of a trace that no pack holds: longer than the capacity, or with images of more patches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverLongPolicy {
    /// It is left out.
    #[default]
    Reject,
    /// The run ends.
    Error,
}
