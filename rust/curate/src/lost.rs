//! Sources that lose much of what they have to evaluation sets: a run ends with that, unless the recipe expects it.

use std::fmt;

/// Share of its questions that a source may lose where the recipe says nothing.
pub const MOST_LOST: f64 = 0.2;

/// Sources that lose more than they may.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lost {
    /// Each of them.
    pub sources: Vec<LostSource>,
}

/// A source that loses more than it may.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LostSource {
    /// Its name.
    pub source: String,
    /// Its questions of which the scan left a trace in.
    pub questions: u64,
    /// Whether it has others besides: what they would lose is lost already.
    pub has_others: bool,
    /// Those that leave.
    pub lost: u64,
    /// The share that it may lose.
    pub allowed: f64,
    /// Stretches of words that questions leave for, with how many leave for each, the most first.
    pub words: Vec<(String, u64)>,
    /// Pictures that it shares with evaluation sets.
    pub pictures: Vec<SharedPictures>,
}

/// Pictures that a source and an evaluation set share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedPictures {
    /// Name of the set.
    pub set: String,
    /// Pictures that both have.
    pub shared: u64,
    /// All of the source.
    pub of_source: u64,
    /// All of the set.
    pub of_set: u64,
}

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, source) in self.sources.iter().enumerate() {
            let join = if number == 0 { "" } else { "; " };
            write!(formatter, "{join}{source}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LostSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            questions,
            has_others,
            lost,
            ..
        } = self;
        let share = percent(*lost, *questions);
        let of = if *has_others {
            " that have a trace so far"
        } else {
            ""
        };
        write!(
            formatter,
            "source `{source}` would lose {lost} of its {questions} questions{of} ({share}) to evaluation sets"
        )?;
        for pictures in &self.pictures {
            let SharedPictures {
                set,
                shared,
                of_source,
                of_set,
            } = pictures;
            write!(
                formatter,
                "; {shared} of its {of_source} pictures ({}) are in `{set}`, which has {of_set} ({})",
                percent(*shared, *of_source),
                percent(*shared, *of_set)
            )?;
        }
        for (words, questions) in &self.words {
            write!(formatter, "; {questions} have the words \"{words}\"")?;
        }
        Ok(())
    }
}

impl Lost {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let allowed = self.sources.iter().map(|source| {
            let share = source.lost as f64 / source.questions.max(1) as f64;
            // Rounded up: the share that is written lets this loss pass.
            format!("{}: {}", source.source, (share * 100.0).ceil() / 100.0)
        });
        let allowed: Vec<String> = allowed.collect();
        format!(
            "see whether these words are a template and whether a test split is among the sources; where the loss is meant, set `curate.decontaminate.allow_loss: {{{}}}`",
            allowed.join(", ")
        )
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_pictures_and_what_to_write_are_named() {
        let source = LostSource {
            source: "vqa-rad".to_owned(),
            questions: 300,
            has_others: false,
            lost: 100,
            allowed: MOST_LOST,
            words: vec![("what is shown in this picture".to_owned(), 7)],
            pictures: vec![SharedPictures {
                set: "vqa-rad-test".to_owned(),
                shared: 203,
                of_source: 314,
                of_set: 203,
            }],
        };
        let lost = Lost {
            sources: vec![source],
        };
        assert_eq!(
            lost.to_string(),
            "source `vqa-rad` would lose 100 of its 300 questions (33.3 %) to evaluation sets; 203 of its 314 pictures \
             (64.6 %) are in `vqa-rad-test`, which has 203 (100.0 %); 7 have the words \"what is shown in this picture\""
        );
        assert!(lost.hint().contains("allow_loss: {vqa-rad: 0.34}"));
        let part = LostSource {
            has_others: true,
            ..lost.sources[0].clone()
        };
        assert!(
            part.to_string()
                .contains("100 of its 300 questions that have a trace so far (33.3 %)")
        );
    }
}
