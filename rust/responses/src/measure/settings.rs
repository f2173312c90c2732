//! Filters of a source as the recipe spells them, and what has to be measured for them.

use serde::{Deserialize, Deserializer, Serialize};

use super::format::Format;
use super::script::Script;
use crate::identifying::Kinds;

/// The filters of one source, resolved from the recipe's `curate`. What is absent, null or `off` is off.
///
/// ```
/// use octomed_responses::Limits;
///
/// let limits: Limits = serde_json::from_str(r#"{"length": {"reasoning_words": [16, 8192]}, "refusals": "reject"}"#)?;
/// assert_eq!(limits.length.and_then(|length| length.reasoning_words), Some((16, 8192)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Formats that a response must have: the recipe's `accept.format`.
    pub format: Vec<Format>,
    /// Least and most words.
    #[serde(deserialize_with = "unless_off")]
    pub length: Option<Length>,
    /// What may be said again.
    #[serde(deserialize_with = "unless_off")]
    pub repetition: Option<Repetition>,
    /// Responses without an end.
    pub unfinished: Option<Filter>,
    /// Refusals.
    pub refusals: Option<Filter>,
    /// Markers of reasoning that hold none.
    pub empty_reasoning: Option<Filter>,
    /// Tags out of balance, control tokens, fences and boxes left open.
    pub markup: Option<Filter>,
    /// The script of a response.
    #[serde(deserialize_with = "unless_off")]
    pub language: Option<Language>,
    /// Data that identify a person.
    #[serde(deserialize_with = "unless_off")]
    pub identifying: Option<Identifying>,
}

/// A filter that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// What it finds is no trace.
    Reject,
    /// It finds nothing.
    Off,
}

/// Least and most words, both allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Length {
    /// Of the reasoning.
    pub reasoning_words: Option<(u32, u32)>,
    /// Of the reasoning and the answer together.
    pub response_words: Option<(u32, u32)>,
}

/// The most that may be said again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Repetition {
    /// The largest share of n-grams of words that occurred before.
    pub max_ngram_share: Option<f64>,
    /// How many words an n-gram has.
    pub ngram: u32,
    /// The largest share of lines that occurred before.
    pub max_line_share: Option<f64>,
    /// The longest loop at the end, in words.
    pub max_loop_words: Option<u32>,
}

impl Default for Repetition {
    fn default() -> Self {
        Self {
            max_ngram_share: None,
            ngram: 10,
            max_line_share: None,
            max_loop_words: None,
        }
    }
}

/// A script, and the least share of the letters that are of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// The script.
    pub script: Script,
    /// The least share.
    pub min_share: f64,
}

/// Which identifying data are looked for, and what becomes of a response that has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifying {
    /// All kinds where none is named.
    #[serde(default = "Kinds::all")]
    pub kinds: Kinds,
    /// What becomes of it.
    pub action: Action,
}

/// What becomes of a response with identifying data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is no trace.
    Reject,
    /// Names of kinds stand in the place of the data.
    Mask,
    /// It is counted and stays as it is.
    Report,
}

/// What is measured: of the filters, which are on, without their thresholds. Measures are compared only where these agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeasureSettings {
    /// Formats that are looked for.
    pub format: Vec<Format>,
    /// How many words an n-gram has; `None`: not measured.
    pub ngram: Option<u32>,
    /// Whether repeated lines are counted.
    pub lines: bool,
    /// Whether loops are looked for.
    pub loops: bool,
    /// Whether refusals are looked for.
    pub refusals: bool,
    /// Whether damaged markup is looked for.
    pub markup: bool,
    /// The script whose share is measured.
    pub script: Option<Script>,
    /// Kinds of identifying data that are looked for.
    pub identifying: Kinds,
}

impl MeasureSettings {
    /// Everything, with 10-grams, Latin letters and no format.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            format: Vec::new(),
            ngram: Some(10),
            lines: true,
            loops: true,
            refusals: true,
            markup: true,
            script: Some(Script::Latin),
            identifying: Kinds::all(),
        }
    }
}

impl Limits {
    /// Kinds of identifying data that are masked, if any are.
    #[must_use]
    pub fn mask(&self) -> Option<Kinds> {
        let identifying = self.identifying?;
        (identifying.action == Action::Mask).then_some(identifying.kinds)
    }

    /// What has to be measured to decide. Words, and whether there is reasoning and an end, are always.
    #[must_use]
    pub fn settings(&self) -> MeasureSettings {
        let repetition = self.repetition.unwrap_or_default();
        MeasureSettings {
            format: self.format.clone(),
            ngram: repetition.max_ngram_share.map(|_| repetition.ngram.max(1)),
            lines: repetition.max_line_share.is_some(),
            loops: repetition.max_loop_words.is_some(),
            refusals: is_on(self.refusals),
            markup: is_on(self.markup),
            script: self.language.map(|language| language.script),
            identifying: self
                .identifying
                .map_or(Kinds::none(), |identifying| identifying.kinds),
        }
    }
}

pub(super) fn is_on(filter: Option<Filter>) -> bool {
    filter == Some(Filter::Reject)
}

/// A share of the recipe as shares are stored.
pub(super) fn ten_thousandths(share: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 10,000; no number is 0"
    )]
    let rounded = (share.clamp(0.0, 1.0) * 10_000.0).round() as u16;
    rounded
}

/// Settings, or `off`, or nothing.
fn unless_off<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Off {
        Off,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Setting<T> {
        Off(Off),
        On(T),
    }
    Ok(match Option::<Setting<T>>::deserialize(deserializer)? {
        Some(Setting::On(settings)) => Some(settings),
        Some(Setting::Off(Off::Off)) | None => None,
    })
}
