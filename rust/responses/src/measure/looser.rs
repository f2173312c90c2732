//! Whether what was scanned under some limits stands under others.

use super::settings::{
    Action, Identifying, Language, Length, Limits, MeasureSettings, Repetition, is_on,
    ten_thousandths,
};
use crate::identifying::Kinds;

impl MeasureSettings {
    /// Whether all that `other` measures is measured here, and alike.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let holds = [
            (self.lines, other.lines),
            (self.loops, other.loops),
            (self.refusals, other.refusals),
            (self.markup, other.markup),
        ];
        holds.iter().all(|(own, other)| *own || !*other)
            && (other.format.is_empty() || self.format == other.format)
            && (other.ngram.is_none() || self.ngram == other.ngram)
            && (other.script.is_none() || self.script == other.script)
            && self.identifying.holds(other.identifying)
    }
}

impl Limits {
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
        let filters = |limits: &Self| {
            [
                limits.unfinished,
                limits.refusals,
                limits.empty_reasoning,
                limits.markup,
            ]
        };
        let is_looser = |(own, other)| !is_on(own) || is_on(other);
        self.format
            .iter()
            .all(|format| other.format.contains(format))
            && filters(self).into_iter().zip(filters(other)).all(is_looser)
            && self
                .length
                .unwrap_or_default()
                .allows(other.length.unwrap_or_default())
            && self
                .repetition
                .unwrap_or_default()
                .allows(other.repetition.unwrap_or_default())
            && self
                .language
                .is_none_or(|own| other.language.is_some_and(|other| own.allows(other)))
            && self.identifying_allows(other)
    }

    fn identifying_allows(&self, other: &Self) -> bool {
        let masked = |limits: &Self| {
            limits
                .identifying
                .filter(|own| own.action == Action::Mask)
                .map(|own| own.kinds)
        };
        let rejected = |limits: &Self| match limits.identifying {
            Some(Identifying {
                kinds,
                action: Action::Reject,
            }) => kinds,
            _ => Kinds::none(),
        };
        masked(self) == masked(other) && rejected(other).holds(rejected(self))
    }
}

impl Language {
    fn allows(self, other: Self) -> bool {
        self.script == other.script
            && ten_thousandths(self.min_share) <= ten_thousandths(other.min_share)
    }
}

impl Length {
    fn allows(self, other: Self) -> bool {
        holds(self.reasoning_words, other.reasoning_words)
            && holds(self.response_words, other.response_words)
    }
}

impl Repetition {
    fn allows(self, other: Self) -> bool {
        let [ngrams, lines] = [
            |one: Self| one.max_ngram_share,
            |one: Self| one.max_line_share,
        ]
        .map(|share| {
            at_most(
                share(self).map(ten_thousandths),
                share(other).map(ten_thousandths),
            )
        });
        let is_same_ngram = self.max_ngram_share.is_none() || self.ngram == other.ngram;
        ngrams && is_same_ngram && lines && at_most(self.max_loop_words, other.max_loop_words)
    }
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
