//! The recipe's sections that decide over selection, layout and shards, spelled as the recipe spells them.

use octomed_curate::Curate;
use octomed_files::Access;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::error::EngineError;

/// What the recipe says of all that comes after the scan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which traces stay.
    pub curate: Curate,
    /// How traces become packs.
    pub pack: Pack,
    /// How packs become shards.
    pub output: Output,
}

/// How traces become packs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Tokens that a pack holds at most.
    pub capacity: u32,
    /// Inner upper edges of the buckets.
    pub buckets: Vec<u32>,
    /// Seed of the order of ranges, and of traces inside one.
    pub seed: u64,
}

/// How packs become shards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// `zstd:1`, … or none.
    pub compression: Option<String>,
    /// Digests of each file.
    pub hashes: Vec<String>,
    /// Largest raw shard in bytes.
    pub shard_size: u64,
    /// Who may read them.
    #[serde(deserialize_with = "access")]
    pub mode: Access,
}

impl Settings {
    /// Reads the sections from JSON.
    ///
    /// # Errors
    /// When a key is missing, unknown or of another type: the recipe's own check has let it pass.
    pub fn from_json(json: &str) -> Result<Self, EngineError> {
        serde_json::from_str(json)
            .map_err(|error| EngineError::Internal(format!("settings of a layout: {error}")))
    }
}

fn access<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Access, D::Error> {
    let name = String::deserialize(deserializer)?;
    Access::from_name(&name).ok_or_else(|| {
        D::Error::custom(format!(
            "`mode` is `owner`, `group` or `umask`, not `{name}`"
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use octomed_curate::OverLongPolicy;

    use super::*;

    const RECIPE: &str = r#"{
        "curate": {"duplicates": {"exact": true}, "over_long": "error"},
        "pack": {"capacity": 64, "buckets": [8, 24], "seed": 17},
        "output": {"compression": null, "hashes": ["xxh3_64"], "shard_size": 1500, "mode": "group"}
    }"#;

    #[test]
    fn settings_are_spelled_as_the_recipe_spells_them() {
        let settings = Settings::from_json(RECIPE).unwrap();
        assert!(settings.curate.duplicates.exact);
        assert_eq!(settings.curate.over_long, OverLongPolicy::Error);
        assert_eq!(settings.pack.buckets, [8, 24]);
        assert_eq!(settings.output.compression, None);
        assert_eq!(settings.output.mode, Access::Group);
    }

    #[test]
    fn a_key_that_nobody_reads_is_a_fault_of_ours() {
        for (key, other) in [
            ("\"seed\": 17", "\"seed\": 17, \"order\": 1"),
            (", \"mode\": \"group\"", ""),
            ("\"group\"", "\"everybody\""),
            ("\"error\"", "\"cut\""),
            ("\"duplicates\"", "\"doubles\""),
        ] {
            let error = Settings::from_json(&RECIPE.replace(key, other)).unwrap_err();
            assert!(matches!(error, EngineError::Internal(_)), "{error}");
        }
    }
}
