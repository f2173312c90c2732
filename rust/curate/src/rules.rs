//! The list of rules.

use std::sync::Arc;

use octomed_index::Needs;

use crate::excluded::Excluded;
use crate::mix::Mix;
use crate::one_answer::OneAnswer;
use crate::pass_rate::ByPassRate;
use crate::questions::SharedQuestions;
use crate::strata::Strata;
use crate::traces_per_question::TracesPerQuestion;
use crate::{
    Contaminated, ContaminatedPictures, Curate, ExactDuplicates, Links, NearDuplicates, NearWork,
    OverLong, OverPatches, Pictures, Rule, Thresholds,
};

/// What a pack holds at most: a trace that is more by itself has no place in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackLimits {
    /// Tokens.
    pub capacity: u32,
    /// Patches of distinct images, if they are bounded.
    pub max_patches: Option<u64>,
    /// Seed of what is drawn.
    pub seed: u64,
}

/// The rules that the recipe asks for, in the order in which they run. That of near duplicates is among them where there
/// is what it works with, too.
#[must_use]
pub fn rules<'w>(
    curate: &Curate,
    limits: &PackLimits,
    near: Option<&NearWork<'w>>,
) -> Vec<Box<dyn Rule + 'w>> {
    let (questions, links) = (SharedQuestions::default(), Links::default());
    let mut rules: Vec<Box<dyn Rule + 'w>> = Vec::new();
    if !curate.limits.is_empty() {
        rules.push(Box::new(Thresholds {
            limits: curate.limits.clone(),
        }));
    }
    if !curate.exclude.is_empty() {
        rules.push(Box::new(Excluded {
            exclusions: curate.exclude.clone(),
        }));
    }
    rules.extend(decontamination(curate));
    rules.push(Box::new(OverLong {
        capacity: limits.capacity,
        policy: curate.over_long,
    }));
    if let Some(max_patches) = limits.max_patches {
        rules.push(Box::new(OverPatches {
            max_patches,
            policy: curate.over_long,
        }));
    }
    if curate.duplicates.exact {
        rules.push(Box::new(ExactDuplicates));
    }
    if let (Some(settings), Some(work)) = (&curate.duplicates.near, near) {
        rules.push(Box::new(NearDuplicates {
            settings: settings.clone(),
            work: work.clone(),
            links: links.clone(),
        }));
    }
    if let Some(settings) = curate.pass_rate.clone() {
        let questions = questions.clone();
        rules.push(Box::new(ByPassRate {
            settings,
            questions,
        }));
    }
    if let Some(keep) = curate.traces_per_question {
        rules.push(Box::new(TracesPerQuestion {
            keep,
            seed: limits.seed,
            questions: questions.clone(),
        }));
    }
    if let Some(settings) = curate.stratify.clone() {
        rules.push(Box::new(Strata {
            settings,
            seed: limits.seed,
            questions: questions.clone(),
        }));
    }
    if curate.validation.is_some() || !curate.mix.is_empty() {
        rules.push(Box::new(Mix {
            groups: curate.mix.clone(),
            validation: curate.validation.clone(),
            seed: limits.seed,
            questions: questions.clone(),
            links,
        }));
    }
    if curate.one_answer {
        rules.push(Box::new(OneAnswer { questions }));
    }
    rules
}

/// The rules about evaluation sets, once these are read.
fn decontamination(curate: &Curate) -> Vec<Box<dyn Rule>> {
    let settings = curate.decontaminate.as_ref();
    let Some((settings, against)) = settings.zip(settings.and_then(|one| one.against.clone()))
    else {
        return Vec::new();
    };
    let mut rules: Vec<Box<dyn Rule>> = vec![Box::new(Contaminated {
        settings: settings.clone(),
        limits: curate.limits.clone(),
        against: Arc::clone(&against),
    })];
    if settings.images != Pictures::Off {
        rules.push(Box::new(ContaminatedPictures { against }));
    }
    rules
}

/// All that the rules need.
#[must_use]
pub fn needs(rules: &[Box<dyn Rule + '_>]) -> Needs {
    let mut all = Needs::default();
    for needs in rules.iter().map(|rule| rule.needs()) {
        // A column that several rules read is taken by none of them.
        for column in needs.columns {
            if !all.columns.contains(&column) {
                all.columns.push(column);
            }
        }
        for side in needs.side {
            if !all.side.contains(&side) {
                all.side.push(side);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use octomed_index::{Column, Verdict};

    use super::*;

    fn everything() -> Vec<Box<dyn Rule>> {
        let curate = r#"{
            "duplicates": {"exact": true, "images": "report"},
            "over_long": "error",
            "exclude": [{"line": "list:1", "ids": [7]}],
            "pass_rate": {"least": 0.1, "most": 0.9},
            "traces_per_question": {"keep": 4, "by": "random"},
            "stratify": {"sources": [["a", null]], "per_class": "min", "repeat": false},
            "validation": {"share": 0.1},
            "one_answer": true,
            "mix": [{"group": "text", "sources": ["a"], "epochs": 0.5}]
        }"#;
        let curate = serde_json::from_str(curate).unwrap();
        rules(&curate, &limits(Some(9)), None)
    }

    fn limits(max_patches: Option<u64>) -> PackLimits {
        PackLimits {
            capacity: 64,
            max_patches,
            seed: 17,
        }
    }

    #[test]
    fn rules_run_in_the_order_of_the_verdicts() {
        let verdicts: Vec<Verdict> = everything().iter().map(|rule| rule.verdict()).collect();
        let of_the_index: Vec<Verdict> = Verdict::ALL
            .into_iter()
            .filter(|verdict| verdicts.contains(verdict))
            .collect();
        assert_eq!(verdicts, of_the_index);
        let expected = [
            Verdict::Excluded,
            Verdict::OverLong,
            Verdict::OverPatches,
            Verdict::Duplicate,
            Verdict::PassRate,
            Verdict::TracesPerQuestion,
            Verdict::NotDrawn,
            Verdict::NotInMix,
            Verdict::OneAnswer,
        ];
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn each_column_that_rules_need_is_named_once() {
        let needs = needs(&everything());
        for (number, column) in needs.columns.iter().enumerate() {
            assert!(!column.is_always_loaded(), "{column:?}");
            assert!(!needs.columns[..number].contains(column), "{column:?}");
        }
        assert_eq!(
            needs.columns,
            [Column::hash_high, Column::hash_low, Column::question_id]
        );
        assert_eq!(needs.side, []);
    }

    #[test]
    fn a_rule_that_is_not_asked_for_is_not_in_the_list() {
        let rules = rules(&Curate::default(), &limits(None), None);
        assert_eq!(rules.len(), 1);
        assert_eq!(needs(&rules), Needs::default());
    }

    #[test]
    fn a_key_without_a_rule_is_an_error() {
        for curate in [
            r#"{"duplicates": {"exact": true}, "over_long": "cut"}"#,
            r#"{"duplicates": {"exact": true, "near": 1}, "over_long": "error"}"#,
            r#"{"duplicates": {"exact": true, "images": "remove"}, "over_long": "error"}"#,
            r#"{"duplicates": {"exact": true}, "over_long": "error", "length": 3}"#,
            r#"{"duplicates": {}, "over_long": "error"}"#,
            r"{}",
        ] {
            assert!(serde_json::from_str::<Curate>(curate).is_err(), "{curate}");
        }
    }
}
