//! The recipe's section `curate.duplicates.near`.

use std::collections::BTreeMap;

use octomed_minhash::Near;
use serde::Deserialize;

/// What becomes of a trace whose response nearly equals another's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearSettings {
    /// Whether they go.
    pub action: NearAction,
    /// Words of a run.
    pub ngram: u32,
    /// Band keys of a response.
    pub bands: u32,
    /// Smallest values that make a key.
    pub rows: u32,
    /// The share of all runs from which on two responses are near to each other.
    pub threshold: f64,
    /// Which traces are compared.
    pub scope: NearScope,
    /// Which trace of several stays.
    pub keep: NearKeep,
    /// The sources whose group, or they themselves, say otherwise than `scope`.
    #[serde(default)]
    pub scopes: BTreeMap<String, NearScope>,
    /// Whether the report may show texts.
    #[serde(default = "yes")]
    pub samples: bool,
}

fn yes() -> bool {
    true
}

impl NearSettings {
    /// How texts are compared.
    #[must_use]
    pub fn near(&self) -> Near {
        Near {
            ngram: self.ngram,
            bands: self.bands,
            rows: self.rows,
        }
    }

    /// With which traces those of a source are compared.
    #[must_use]
    pub fn scope_of(&self, source: &str) -> NearScope {
        self.scopes.get(source).copied().unwrap_or(self.scope)
    }
}

/// What becomes of near duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NearAction {
    /// They are counted and listed.
    Report,
    /// All but the one that stays go.
    Drop,
}

/// Which traces are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NearScope {
    /// Those of one question.
    Question,
    /// All.
    All,
}

/// Which trace of several that are near to each other stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NearKeep {
    /// The first in source order.
    First,
    /// The one of the most words; of equal ones the first in source order.
    Longest,
    /// The one of the fewest words; of equal ones the first in source order.
    Shortest,
}
