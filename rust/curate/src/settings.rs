//! The recipe's section `curate`.

use serde::Deserialize;

/// Which traces stay. A key that no rule knows is an error: the recipe's own check has let it pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curate {
    /// Which copies go.
    pub duplicates: Duplicates,
    /// What becomes of a trace longer than the capacity.
    pub over_long: OverLongPolicy,
}

/// Which copies go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicates {
    /// Whether a trace goes that equals an earlier one in all its text.
    pub exact: bool,
}

/// What becomes of a trace longer than the capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverLongPolicy {
    /// It is left out.
    #[default]
    Reject,
    /// The run ends.
    Error,
}
