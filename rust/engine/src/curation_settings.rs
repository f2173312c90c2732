//! What the recipe says of a source's responses, spelled as the recipe spells it.

use std::collections::BTreeMap;

use octomed_minhash::Near;
use octomed_responses::{Kinds, Limits, MeasureSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::EngineError;

/// What is decided and measured of a source's responses.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CurationSettings {
    /// Which responses are accepted by their answers, if any is compared.
    pub accept: Option<Accept>,
    /// Values that columns must have.
    pub keep: Vec<Keep>,
    /// Ranges or values of columns, or of what is measured.
    #[serde(rename = "where")]
    pub conditions: BTreeMap<String, Vec<Value>>,
    /// Thresholds of what is measured.
    pub limits: Limits,
    /// Columns that rules read, in the order in which a row has them.
    pub asked: Vec<String>,
    /// How band keys of near duplicates are made, if they are looked for.
    pub near: Option<Near>,
    /// Whether a rule reads the questions.
    pub questions: bool,
    /// Whether a rule asks which pictures they show.
    pub pictures: bool,
    /// What is learned of a row.
    pub target: Target,
}

/// What is learned of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Its responses.
    #[default]
    Trace,
    /// Its right answer, where a response is accepted.
    Answer,
}

/// Which responses are accepted by their answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// Which answers are.
    pub answer: AcceptedAnswer,
    /// How an answer is compared with the right one.
    #[serde(rename = "match")]
    pub rule: MatchRule,
    /// Whether an answer that only has to be there is compared all the same, because a rule asks whether it is right.
    #[serde(default)]
    pub compare: bool,
}

/// Which answers are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AcceptedAnswer {
    /// The right one.
    Match,
    /// Any.
    Present,
    /// Whatever the response says; it is compared all the same.
    Off,
}

/// How an answer is compared with the right one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchRule {
    /// As one of the options.
    Options,
    /// As free text, whole.
    Exact,
    /// As free text that contains it.
    Contains,
    /// As free text, by the F1 of the words of both.
    #[serde(untagged)]
    TokenF1 {
        /// The least F1.
        token_f1: f32,
    },
}

/// A value that a column must have.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The column.
    pub column: String,
    /// True or false, a number, or text.
    pub is: Value,
}

/// Of what is measured, all that decides which values a block holds: its part of a task's key.
#[derive(Debug, Serialize)]
struct Measured<'s> {
    measures: &'s MeasureSettings,
    /// Kinds of data that are masked, which changes texts.
    mask: Option<Kinds>,
}

impl CurationSettings {
    /// Reads the settings from JSON.
    ///
    /// # Errors
    /// When a key is unknown or of another type: the recipe's own check has let it pass.
    pub fn from_json(json: &str) -> Result<Self, EngineError> {
        let fault = |what: String| EngineError::Internal(format!("settings of curation: {what}"));
        let settings: Self =
            serde_json::from_str(json).map_err(|error| fault(error.to_string()))?;
        if let Some(near) = &settings.near {
            near.check().map_err(|error| fault(error.to_string()))?;
        }
        Ok(settings)
    }

    /// Whether a rule of the scan or of the selection reads what is measured of responses, or what became of their answers.
    /// Where none does, nothing is measured and nothing of it is stored.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        let of_scan = self.accept.is_some() || !self.keep.is_empty() || !self.conditions.is_empty();
        let of_selection = self.limits != Limits::default() || self.near.is_some();
        of_scan || of_selection || self.target == Target::Answer
    }

    /// What has to be measured of a response.
    #[must_use]
    pub fn measures(&self) -> MeasureSettings {
        let mut measures = self.limits.settings();
        for name in self.conditions.keys() {
            match name.as_str() {
                "ngram_share" => measures.ngram = Some(measures.ngram.unwrap_or(NGRAM)),
                "line_share" => measures.lines = true,
                "loop_words" => measures.loops = true,
                _ => {}
            }
        }
        measures
    }

    /// Kinds of identifying data that are masked.
    #[must_use]
    pub fn mask(&self) -> Option<Kinds> {
        self.limits.mask()
    }

    /// As JSON, what of the thresholds decides which values a block holds: `null` where it holds none, because no rule
    /// reads them. The thresholds themselves do not: a block of looser ones holds all that stricter ones let pass.
    ///
    /// # Errors
    /// Never, as far as JSON can hold it.
    pub fn measured(&self) -> Result<String, EngineError> {
        let measures = self.measures();
        let measured = self.is_measured().then(|| Measured {
            measures: &measures,
            mask: self.mask(),
        });
        serde_json::to_string(&measured).map_err(|error| EngineError::Internal(error.to_string()))
    }
}

/// Words of an n-gram where the recipe does not say.
const NGRAM: u32 = 10;

/// Whether a block that was scanned with the thresholds `held` has all that those `asked` for let pass; both as JSON, and
/// nothing where there are none.
///
/// # Errors
/// When one of them cannot be read.
pub fn limits_allow(held: &str, asked: &str) -> Result<bool, EngineError> {
    let read = |json: &str| -> Result<Limits, EngineError> {
        if json.is_empty() {
            return Ok(Limits::default());
        }
        serde_json::from_str(json)
            .map_err(|error| EngineError::Internal(format!("limits of a block: {error}")))
    };
    Ok(read(held)?.allows(&read(asked)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RECIPE: &str = r#"{
        "accept": {"answer": "match", "match": {"token_f1": 0.5}},
        "keep": [{"column": "correct", "is": true}],
        "where": {"difficulty": [3, 6], "loop_words": [0, 9]},
        "limits": {"length": {"reasoning_words": [2, 9], "response_words": null}, "refusals": "reject"},
        "asked": ["correct", "difficulty"], "near": {"ngram": 5, "bands": 20, "rows": 6}, "questions": true
    }"#;

    #[test]
    fn settings_are_spelled_as_the_recipe_spells_them() {
        let settings = CurationSettings::from_json(RECIPE).unwrap();
        let accept = settings.accept.as_ref().unwrap();
        assert_eq!(accept.answer, AcceptedAnswer::Match);
        assert_eq!(accept.rule, MatchRule::TokenF1 { token_f1: 0.5 });
        assert!(settings.measures().loops && settings.measures().refusals);
        assert_eq!(settings.mask(), None);
        for (word, rule) in [
            ("\"options\"", MatchRule::Options),
            ("\"exact\"", MatchRule::Exact),
            ("\"contains\"", MatchRule::Contains),
        ] {
            let recipe = RECIPE.replace("{\"token_f1\": 0.5}", word);
            let accept = CurationSettings::from_json(&recipe).unwrap().accept;
            assert_eq!(accept.unwrap().rule, rule);
        }
        assert_eq!(
            CurationSettings::from_json("{}").unwrap(),
            CurationSettings::default()
        );
    }

    #[test]
    fn a_word_that_nobody_knows_is_a_fault_of_ours() {
        for (word, other) in [
            ("\"match\": {\"token_f1\": 0.5}", "\"match\": \"near\""),
            ("\"answer\": \"match\"", "\"answer\": \"right\""),
            ("\"questions\"", "\"question\""),
            ("\"bands\": 20", "\"bands\": 0"),
            ("\"refusals\"", "\"refusal\""),
        ] {
            let error = CurationSettings::from_json(&RECIPE.replace(word, other)).unwrap_err();
            assert!(
                matches!(error, EngineError::Internal(_)),
                "{other}: {error}"
            );
        }
    }

    #[test]
    fn what_is_measured_does_not_depend_on_thresholds() {
        let measured = |word: &str, other: &str| {
            let settings = CurationSettings::from_json(&RECIPE.replace(word, other));
            settings.unwrap().measured().unwrap()
        };
        let plain = measured("", "");
        assert_eq!(plain, measured("[2, 9]", "[3, 8]"));
        assert_eq!(
            plain,
            measured(
                "\"refusals\": \"reject\"",
                "\"unfinished\": \"reject\", \"refusals\": \"reject\""
            )
        );
        assert_ne!(plain, measured(", \"refusals\": \"reject\"", ""));
        let identifying = |action: &str| {
            let word = "\"refusals\": \"reject\"";
            let keys = format!(
                "{word}, \"identifying\": {{\"kinds\": [\"email\"], \"action\": \"{action}\"}}"
            );
            measured(word, &keys)
        };
        assert_eq!(identifying("reject"), identifying("report"));
        assert_ne!(identifying("reject"), identifying("mask"));
        assert_ne!(identifying("reject"), plain);
    }

    #[test]
    fn what_no_rule_reads_is_not_measured_and_blocks_of_it_have_another_key() {
        let settings = |json: &str| CurationSettings::from_json(json).unwrap();
        let unread = settings(r#"{"questions": true, "pictures": true, "asked": ["level"]}"#);
        assert!(!unread.is_measured());
        assert_eq!(unread.measured().unwrap(), "null");
        for read in [
            r#""accept": {"answer": "off", "match": "options"}"#,
            r#""keep": [{"column": "correct", "is": true}]"#,
            r#""where": {"reasoning_words": [1, 9]}"#,
            r#""limits": {"length": {"response_words": [1, 9]}}"#,
            r#""limits": {"unfinished": "reject"}"#,
            r#""limits": {"identifying": {"kinds": ["email"], "action": "report"}}"#,
            r#""near": {"ngram": 5, "bands": 20, "rows": 6}"#,
            r#""target": "answer""#,
        ] {
            let settings = settings(&format!("{{\"questions\": true, {read}}}"));
            assert!(settings.is_measured(), "{read}");
            assert_ne!(settings.measured().unwrap(), "null", "{read}");
        }
    }

    #[test]
    fn looser_limits_allow_stricter_ones() {
        let limits = |most: u32| format!("{{\"length\": {{\"reasoning_words\": [1, {most}]}}}}");
        assert!(limits_allow(&limits(9), &limits(8)).unwrap());
        assert!(!limits_allow(&limits(8), &limits(9)).unwrap());
        assert!(limits_allow("", &limits(9)).unwrap());
        assert!(!limits_allow(&limits(9), "").unwrap());
        assert!(limits_allow("{", "").is_err());
    }
}
