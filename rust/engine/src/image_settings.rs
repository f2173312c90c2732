//! What the recipe says of images, spelled as the recipe spells it.

use std::path::PathBuf;

use octomed_vision::{Alpha, Codec, DecodeRules, Family, Gray16};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::EngineError;

/// What the recipe says of a source's images.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSettings {
    /// The family of models that the images are for.
    #[serde(deserialize_with = "family")]
    pub family: &'static Family,
    /// Fewest pixels that an image is enlarged to.
    pub min_pixels: u64,
    /// Most pixels that an image is reduced to.
    pub max_pixels: u64,
    /// How much of an image is looked at.
    pub verify: Verify,
    /// What is kept of an image.
    pub store: Store,
    /// As what a resized image is kept.
    #[serde(deserialize_with = "codec")]
    pub codec: Codec,
    /// What becomes of transparency.
    #[serde(deserialize_with = "alpha")]
    pub alpha: Alpha,
    /// What becomes of an image with 16 bits of grey.
    #[serde(deserialize_with = "gray16")]
    pub gray16: Gray16,
    /// Pixels of the largest image that is taken.
    pub max_source_pixels: u64,
    /// What becomes of metadata in a file that is kept.
    pub metadata: Metadata,
    /// Whether a path of a row may lead out of the folder of images.
    pub outside_root: OutsideRoot,
    /// Whether an image is fetched from where a row says.
    pub urls: Urls,
    /// The folders and archives that paths of rows begin in: none, one or a list.
    #[serde(rename = "root", deserialize_with = "roots")]
    pub roots: Vec<PathBuf>,
    /// Whether images get a hash of their gradients, which wants them decoded.
    #[serde(default)]
    pub dhash: bool,
    /// The folder of the working store in which fetched images are kept; nothing where none are.
    #[serde(default)]
    pub fetched: Option<PathBuf>,
}

/// How much of an image is looked at before it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// All of it.
    Decode,
    /// What its header says.
    Header,
}

/// What is kept of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// The bytes as they came.
    Original,
    /// The image in the model's size, where that is smaller.
    Resized,
}

/// What becomes of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metadata {
    /// It stays.
    Keep,
    /// What says who or what an image is of is taken out.
    Strip,
}

/// Whether a path of a row may lead out of the folder of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutsideRoot {
    /// Such a row is refused.
    Refuse,
    /// It may.
    Allow,
}

/// Whether an image is fetched from where a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urls {
    /// Such a row is refused.
    Refuse,
    /// It is.
    Fetch,
}

impl ImageSettings {
    /// Reads the settings from JSON.
    ///
    /// # Errors
    /// When a key is missing, unknown or of another type: the recipe's own check has let it pass.
    pub fn from_json(json: &str) -> Result<Self, EngineError> {
        serde_json::from_str(json)
            .map_err(|error| EngineError::Internal(format!("settings of images: {error}")))
    }

    /// By which rules an image is decoded.
    #[must_use]
    pub fn rules(&self) -> DecodeRules {
        DecodeRules {
            alpha: self.alpha,
            gray16: self.gray16,
            max_source_pixels: self.max_source_pixels,
        }
    }

    /// Whether each distinct image is decoded.
    #[must_use]
    pub fn decodes(&self) -> bool {
        self.verify == Verify::Decode || self.store == Store::Resized || self.dhash
    }

    /// A hash of all that decides what is found out about an image from its bytes.
    pub(crate) fn hash(&self) -> u64 {
        let Self {
            family,
            min_pixels,
            max_pixels,
            verify,
            store,
            metadata,
            dhash,
            ..
        } = self;
        let rules = self.rules();
        let parts = (
            family.name,
            min_pixels,
            max_pixels,
            verify,
            store,
            metadata,
            dhash,
        );
        xxh3_64(format!("{parts:?} {rules:?}").as_bytes())
    }
}

fn family<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Family, D::Error> {
    let name = String::deserialize(deserializer)?;
    Family::named(&name)
        .ok_or_else(|| D::Error::custom(format!("no family of models is called `{name}`")))
}

fn roots<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Roots {
        One(PathBuf),
        Several(Vec<PathBuf>),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Roots::One(root)) => vec![root],
        Some(Roots::Several(roots)) => roots,
    })
}

/// One of a few words, each with what it means.
fn one_of<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    words: &[(&str, T)],
) -> Result<T, D::Error> {
    let word = String::deserialize(deserializer)?;
    let found = words.iter().find(|(known, _)| *known == word);
    let (_, meaning) = found.ok_or_else(|| D::Error::custom(format!("`{word}` is not known")))?;
    Ok(*meaning)
}

fn codec<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Codec, D::Error> {
    let words = Codec::ALL.map(|codec| (codec.name(), codec));
    one_of(deserializer, &words)
}

fn alpha<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Alpha, D::Error> {
    one_of(
        deserializer,
        &[("drop", Alpha::Drop), ("white", Alpha::White)],
    )
}

fn gray16<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Gray16, D::Error> {
    one_of(
        deserializer,
        &[("reject", Gray16::Reject), ("window", Gray16::Window)],
    )
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(crate) const RECIPE: &str = r#"{
        "family": "qwen2.5-vl", "min_pixels": 3136, "max_pixels": 262144, "verify": "decode",
        "store": "original", "codec": "webp", "alpha": "drop", "gray16": "reject",
        "max_source_pixels": 100000000, "metadata": "keep", "outside_root": "refuse", "urls": "refuse",
        "root": null
    }"#;

    #[test]
    fn settings_are_spelled_as_the_recipe_spells_them() {
        let settings = ImageSettings::from_json(RECIPE).unwrap();
        assert_eq!(settings.family.name, "qwen2.5-vl");
        assert_eq!(
            (settings.verify, settings.store),
            (Verify::Decode, Store::Original)
        );
        assert_eq!(settings.rules(), DecodeRules::default());
        assert!(settings.roots.is_empty());
        for (root, expected) in [("\"a\"", &["a"][..]), ("[\"a\", \"b\"]", &["a", "b"])] {
            let settings = ImageSettings::from_json(&RECIPE.replace("null", root)).unwrap();
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(settings.roots, expected);
        }
    }

    #[test]
    fn a_word_that_nobody_knows_is_a_fault_of_ours() {
        for (word, other) in [
            ("\"qwen2.5-vl\"", "\"llava\""),
            ("\"decode\"", "\"look\""),
            ("\"webp\"", "\"gif\""),
            ("\"drop\"", "\"black\""),
            ("\"min_pixels\": 3136,", ""),
            ("\"root\": null", "\"root\": null, \"depth\": 1"),
        ] {
            let error = ImageSettings::from_json(&RECIPE.replace(word, other)).unwrap_err();
            assert!(matches!(error, EngineError::Internal(_)), "{error}");
        }
    }

    #[test]
    fn what_is_found_out_depends_on_what_decides_it() {
        let hash = |word: &str, other: &str| {
            let settings = ImageSettings::from_json(&RECIPE.replace(word, other));
            settings.unwrap().hash()
        };
        let plain = hash("", "");
        for (word, other) in [
            ("qwen2.5-vl", "qwen3-vl"),
            ("262144", "262145"),
            ("3136", "3137"),
            ("decode", "header"),
            ("original", "resized"),
            ("drop", "white"),
            ("\"reject\"", "\"window\""),
            ("100000000", "100000001"),
            ("keep", "strip"),
        ] {
            assert_ne!(plain, hash(word, other), "{word}");
        }
        assert_eq!(plain, hash("null", "\"images\""));
    }
}
