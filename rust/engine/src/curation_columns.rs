//! Conditions on what a row has in columns beside its trace, and on what is measured of a response.

use octomed_index::TraceMeasures;
use octomed_trace::{Asked, Reason};
use serde_json::Value;

use crate::curation_settings::CurationSettings;
use crate::error::EngineError;
use crate::row_images::RowFault;

/// The conditions of a source.
#[derive(Debug, Default)]
pub struct Conditions {
    columns: Vec<(usize, Wanted)>,
    /// By the place of a value among [`TraceMeasures::figures`].
    measured: Vec<(usize, Wanted)>,
    /// Names of the asked columns, for messages.
    names: Vec<String>,
}

/// What a value must be.
#[derive(Debug)]
enum Wanted {
    /// A number between these, both included.
    Between(f64, f64),
    /// One of these.
    OneOf(Vec<Plain>),
}

#[derive(Debug)]
enum Plain {
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Conditions {
    /// The conditions that the recipe writes.
    ///
    /// # Errors
    /// When one names a column that nobody asked for, or says of a value what no value can be.
    pub fn new(settings: &CurationSettings) -> Result<Self, EngineError> {
        let place = |column: &str| {
            let found = settings.asked.iter().position(|name| name == column);
            found.ok_or_else(|| fault(format!("column `{column}` is not asked for")))
        };
        let mut conditions = Self {
            names: settings.asked.clone(),
            ..Self::default()
        };
        for keep in &settings.keep {
            let wanted = Wanted::OneOf(vec![plain(&keep.is)?]);
            conditions.columns.push((place(&keep.column)?, wanted));
        }
        for (name, values) in &settings.conditions {
            let wanted = Wanted::new(values)?;
            let figures = TraceMeasures::default().figures();
            match figures.iter().position(|(figure, _)| figure == name) {
                Some(figure) => conditions.measured.push((figure, wanted)),
                None => conditions.columns.push((place(name)?, wanted)),
            }
        }
        Ok(conditions)
    }

    /// Looks at a row of so many responses before any of them: a list must have a value for each.
    ///
    /// # Errors
    /// When it has not.
    pub fn check(&self, asked: &[Asked<'_>], responses: usize) -> Result<(), RowFault> {
        for (place, _) in &self.columns {
            if let Some(Asked::Many(values)) = asked.get(*place)
                && values.len() != responses
            {
                let (name, values) = (&self.names[*place], values.len());
                let detail = format!("values in {name}: {values}, responses: {responses}");
                return Err(RowFault::new(Reason::WrongType, detail));
            }
        }
        Ok(())
    }

    /// The number of the first condition that does not hold for a response of the row, from 1: those of columns come
    /// first, as they are written, then those of what is measured.
    pub fn first_unmet(
        &self,
        asked: &[Asked<'_>],
        sample: usize,
        measures: &TraceMeasures,
    ) -> Option<u32> {
        let of_column = |(place, wanted): &(usize, Wanted)| {
            let value = match asked.get(*place) {
                Some(Asked::One(value)) => Some(&**value),
                Some(Asked::Many(values)) => values.get(sample).and_then(|value| value.as_deref()),
                Some(Asked::None) | None => None,
            };
            value.is_some_and(|value| wanted.is_met(value))
        };
        let unmet = self.columns.iter().position(|one| !of_column(one));
        let unmet = unmet.or_else(|| {
            let figures = (!self.measured.is_empty()).then(|| measures.figures())?;
            let is_met = |(figure, wanted): &(usize, Wanted)| wanted.is_met_by(figures[*figure].1);
            let place = self.measured.iter().position(|one| !is_met(one))?;
            Some(self.columns.len() + place)
        });
        unmet.map(|place| place as u32 + 1)
    }
}

fn fault(what: String) -> EngineError {
    EngineError::Internal(format!("settings of curation: {what}"))
}

fn plain(value: &Value) -> Result<Plain, EngineError> {
    match value {
        Value::Bool(value) => Ok(Plain::Bool(*value)),
        Value::Number(number) => Ok(Plain::Number(number.as_f64().unwrap_or(f64::NAN))),
        Value::String(text) => Ok(Plain::Text(text.clone())),
        other => Err(fault(format!("`{other}` is no value of a column"))),
    }
}

impl Wanted {
    fn new(values: &[Value]) -> Result<Self, EngineError> {
        let plain: Vec<Plain> = values.iter().map(plain).collect::<Result<_, _>>()?;
        Ok(match plain[..] {
            [Plain::Number(least), Plain::Number(most)] => Self::Between(least, most),
            _ => Self::OneOf(plain),
        })
    }

    fn is_met(&self, value: &str) -> bool {
        match self {
            Self::Between(least, most) => {
                number(value).is_some_and(|one| *least <= one && one <= *most)
            }
            Self::OneOf(values) => values.iter().any(|one| one.is(value)),
        }
    }

    fn is_met_by(&self, value: f64) -> bool {
        match self {
            Self::Between(least, most) => *least <= value && value <= *most,
            Self::OneOf(values) => values
                .iter()
                .any(|one| matches!(one, Plain::Number(number) if *number == value)),
        }
    }
}

impl Plain {
    fn is(&self, value: &str) -> bool {
        match self {
            // Python writes `True`, JSON `true`.
            Self::Bool(wanted) => {
                value.eq_ignore_ascii_case(if *wanted { "true" } else { "false" })
            }
            Self::Number(wanted) => number(value).is_some_and(|one| one == *wanted),
            Self::Text(wanted) => wanted == value,
        }
    }
}

fn number(value: &str) -> Option<f64> {
    value
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::borrow::Cow;

    use super::*;

    fn conditions(json: &str) -> Conditions {
        let settings = CurationSettings::from_json(json).unwrap();
        Conditions::new(&settings).unwrap()
    }

    fn one(value: &str) -> Asked<'_> {
        Asked::One(Cow::Borrowed(value))
    }

    fn holds(wanted: &str, value: Asked<'_>, sample: usize) -> bool {
        let json = format!("{{\"where\": {{\"c\": {wanted}}}, \"asked\": [\"c\"]}}");
        let conditions = conditions(&json);
        let unmet = conditions.first_unmet(&[value], sample, &TraceMeasures::default());
        unmet.is_none()
    }

    #[test]
    fn a_column_must_be_one_of_its_values_or_in_its_range() {
        for (wanted, value, holds_so) in [
            ("[3, 6]", "3", true),
            ("[3, 6]", "6.0", true),
            ("[3, 6]", "6.1", false),
            ("[3, 6]", "four", false),
            ("[3, 6]", "nan", false),
            ("[\"3\", \"6\"]", "6", true),
            ("[\"3\", \"6\"]", "4", false),
            ("[\"cardiology\"]", "cardiology", true),
            ("[\"cardiology\"]", "Cardiology", false),
            ("[true]", "True", true),
            ("[true]", "1", false),
            ("[false]", "false", true),
            ("[5]", "5", true),
            ("[5]", "5.0", true),
        ] {
            assert_eq!(holds(wanted, one(value), 0), holds_so, "{wanted} {value}");
        }
        assert!(!holds("[true]", Asked::None, 0));
    }

    #[test]
    fn a_list_has_a_value_for_each_response() {
        let list = || {
            Asked::Many(vec![
                Some(Cow::Borrowed("true")),
                None,
                Some(Cow::Borrowed("false")),
            ])
        };
        let found: Vec<bool> = (0..4)
            .map(|sample| holds("[true]", list(), sample))
            .collect();
        assert_eq!(found, [true, false, false, false]);
        let keep = conditions(r#"{"keep": [{"column": "c", "is": true}], "asked": ["x", "c"]}"#);
        assert!(keep.check(&[Asked::None, list()], 3).is_ok());
        let fault = keep.check(&[Asked::None, list()], 2).unwrap_err();
        assert_eq!(
            (fault.reason, &*fault.detail),
            (Reason::WrongType, "values in c: 3, responses: 2")
        );
        assert!(
            keep.check(&[list(), one("true")], 2).is_ok(),
            "nobody asks of `x`"
        );
    }

    #[test]
    fn what_is_measured_is_named_as_in_tables() {
        let measures = TraceMeasures {
            reasoning_words: 50,
            ngram_share: 2_500,
            ..TraceMeasures::default()
        };
        let holds = |wanted: &str| {
            let conditions = conditions(&format!("{{\"where\": {{{wanted}}}}}"));
            conditions.first_unmet(&[], 0, &measures).is_none()
        };
        assert!(holds(
            "\"reasoning_words\": [50, 60], \"ngram_share\": [0, 0.25]"
        ));
        assert!(!holds("\"reasoning_words\": [51, 60]") && !holds("\"ngram_share\": [0, 0.2499]"));
        for (name, _) in measures.figures() {
            assert!(TraceMeasures::NAMES.contains(&name), "{name}");
        }
    }

    #[test]
    fn the_first_condition_that_does_not_hold_is_numbered() {
        let wanted = conditions(
            r#"{"keep": [{"column": "c", "is": true}], "asked": ["c", "b", "a"],
                "where": {"b": [3, 6], "reasoning_words": [1, 9], "a": ["x"]}}"#,
        );
        let measures = |reasoning_words| TraceMeasures {
            reasoning_words,
            ..TraceMeasures::default()
        };
        let unmet =
            |c, b, a, words| wanted.first_unmet(&[one(c), one(b), one(a)], 0, &measures(words));
        assert_eq!(unmet("true", "3", "x", 1), None);
        assert_eq!(unmet("false", "9", "y", 0), Some(1));
        assert_eq!(unmet("true", "9", "y", 0), Some(2), "in the order of names");
        assert_eq!(unmet("true", "9", "x", 0), Some(3));
        assert_eq!(unmet("true", "3", "x", 0), Some(4));
    }

    #[test]
    fn a_column_that_nobody_reads_is_a_fault_of_ours() {
        let settings = CurationSettings::from_json(r#"{"where": {"c": [1]}}"#).unwrap();
        assert!(Conditions::new(&settings).is_err());
        let settings = CurationSettings::from_json(r#"{"where": {"c": [[1]]}, "asked": ["c"]}"#);
        assert!(Conditions::new(&settings.unwrap()).is_err());
    }
}
