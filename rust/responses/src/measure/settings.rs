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
        Self { max_ngram_share: None, ngram: 10, max_line_share: None, max_loop_words: None }
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

impl MeasureSettings {
    /// Whether all that `other` measures is measured here, and alike.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let holds = [(self.lines, other.lines), (self.loops, other.loops), (self.refusals, other.refusals), (self.markup, other.markup)];
        holds.iter().all(|(own, other)| *own || !*other)
            && (other.format.is_empty() || self.format == other.format)
            && (other.ngram.is_none() || self.ngram == other.ngram)
            && (other.script.is_none() || self.script == other.script)
            && self.identifying.holds(other.identifying)
    }
}

impl Limits {
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
            identifying: self.identifying.map_or(Kinds::none(), |identifying| identifying.kinds),
        }
    }

    /// Whether what these limits left stands under `other`: each response that these reject, `other` rejects too, and both
    /// leave the same texts. What `other` needs measured is asked of [`MeasureSettings::covers`].
    ///
    /// ```
    /// use octomed_responses::Limits;
    ///
    /// let limits = |most| serde_json::from_str(&format!(r#"{{"repetition": {{"max_loop_words": {most}}}}}"#));
    /// let (loose, strict): (Limits, Limits) = (limits(50)?, limits(20)?);
    /// assert!(loose.allows(&strict) && !strict.allows(&loose));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn allows(&self, other: &Self) -> bool {
        let filters = |limits: &Self| [limits.unfinished, limits.refusals, limits.empty_reasoning, limits.markup];
        let is_looser = |(own, other)| !is_on(own) || is_on(other);
        self.format.iter().all(|format| other.format.contains(format))
            && filters(self).into_iter().zip(filters(other)).all(is_looser)
            && self.length.unwrap_or_default().allows(other.length.unwrap_or_default())
            && self.repetition.unwrap_or_default().allows(other.repetition.unwrap_or_default())
            && self.language.is_none_or(|own| other.language.is_some_and(|other| own.allows(other)))
            && self.identifying_allows(other)
    }

    fn identifying_allows(&self, other: &Self) -> bool {
        let masked = |limits: &Self| limits.identifying.filter(|own| own.action == Action::Mask).map(|own| own.kinds);
        let rejected = |limits: &Self| match limits.identifying {
            Some(Identifying { kinds, action: Action::Reject }) => kinds,
            _ => Kinds::none(),
        };
        masked(self) == masked(other) && rejected(other).holds(rejected(self))
    }
}

impl Language {
    fn allows(self, other: Self) -> bool {
        self.script == other.script && ten_thousandths(self.min_share) <= ten_thousandths(other.min_share)
    }
}

impl Length {
    fn allows(self, other: Self) -> bool {
        holds(self.reasoning_words, other.reasoning_words) && holds(self.response_words, other.response_words)
    }
}

impl Repetition {
    fn allows(self, other: Self) -> bool {
        let [ngrams, lines] = [|one: Self| one.max_ngram_share, |one: Self| one.max_line_share]
            .map(|share| at_most(share(self).map(ten_thousandths), share(other).map(ten_thousandths)));
        let is_same_ngram = self.max_ngram_share.is_none() || self.ngram == other.ngram;
        ngrams && is_same_ngram && lines && at_most(self.max_loop_words, other.max_loop_words)
    }
}

fn is_on(filter: Option<Filter>) -> bool {
    filter == Some(Filter::Reject)
}

fn holds(own: Option<(u32, u32)>, other: Option<(u32, u32)>) -> bool {
    let all = (0, u32::MAX);
    let ((own_least, own_most), (least, most)) = (own.unwrap_or(all), other.unwrap_or(all));
    own_least <= least && most <= own_most
}

fn at_most<T: PartialOrd>(own: Option<T>, other: Option<T>) -> bool {
    match (own, other) {
        (None, _) => true,
        (Some(own), Some(other)) => own >= other,
        (Some(_), None) => false,
    }
}

/// A share of the recipe as shares are stored.
pub(super) fn ten_thousandths(share: f64) -> u16 {
    // Between 0 and 10,000, and 0 where it is no number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
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
