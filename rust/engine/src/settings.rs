//! The recipe's sections that decide over selection, layout and shards, spelled as the recipe spells them.

use octomed_curate::{Curate, PackLimits};
use octomed_files::Access;
use octomed_pack::PackBounds;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::error::EngineError;

/// What the recipe says of all that comes after the scan.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    /// Traces that share their first image and a pack, at most; a recipe from before there were images does not say.
    #[serde(default = "one", deserialize_with = "traces_per_image")]
    pub traces_per_image: u32,
    /// Patches of a pack's distinct images at most, if they are bounded.
    #[serde(default, deserialize_with = "max_patches")]
    pub max_patches: Option<u64>,
}

/// The most traces of an image that share a pack on purpose.
const MOST_TRACES_PER_IMAGE: u32 = 16;

impl Pack {
    /// What packing has to know.
    #[must_use]
    pub fn bounds(&self) -> PackBounds {
        PackBounds {
            capacity: self.capacity,
            traces_per_image: self.traces_per_image,
            max_patches: self.max_patches,
        }
    }

    /// What a single trace may not pass.
    #[must_use]
    pub fn limits(&self) -> PackLimits {
        PackLimits {
            capacity: self.capacity,
            max_patches: self.max_patches,
        }
    }
}

fn one() -> u32 {
    1
}

fn traces_per_image<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let traces = u32::deserialize(deserializer)?;
    if (1..=MOST_TRACES_PER_IMAGE).contains(&traces) {
        return Ok(traces);
    }
    Err(D::Error::custom(format!(
        "`traces_per_image` lies between 1 and {MOST_TRACES_PER_IMAGE}, and is {traces}"
    )))
}

fn max_patches<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<u64>::deserialize(deserializer)? {
        Some(0) => Err(D::Error::custom("`max_patches` is above 0, or null")),
        most => Ok(most),
    }
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
        assert_eq!(settings.pack.traces_per_image, 1);
        assert_eq!(settings.pack.max_patches, None);
        assert_eq!(settings.output.compression, None);
        assert_eq!(settings.output.mode, Access::Group);
    }

    #[test]
    fn what_images_take_of_a_pack_has_limits() {
        let with = |keys: &str| {
            let recipe = RECIPE.replace("\"seed\": 17", &format!("\"seed\": 17, {keys}"));
            Settings::from_json(&recipe).map(|settings| settings.pack)
        };
        let pack = with(r#""traces_per_image": 16, "max_patches": 5000"#).unwrap();
        assert_eq!((pack.traces_per_image, pack.max_patches), (16, Some(5000)));
        assert_eq!(with(r#""max_patches": null"#).unwrap().max_patches, None);
        for keys in [
            r#""traces_per_image": 0"#,
            r#""traces_per_image": 17"#,
            r#""traces_per_image": null"#,
            r#""max_patches": 0"#,
            r#""max_patches": -1"#,
        ] {
            assert!(with(keys).is_err(), "{keys}");
        }
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
