//! Questions that evaluation sets have, by their words or by their pictures: they leave with all their traces.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use octomed_index::{Index, Needs, TraceLocation, Verdict};
use octomed_ngrams::MOST_PLACES;
use octomed_responses::Limits;

use crate::against::Against;
use crate::contaminated_pictures::{PictureFindings, find_pictures};
use crate::contaminated_words::{Ngrams, WordFindings, find_words};
use crate::contamination::{
    Contamination, Leaving, Reason, SetCounts, Shared, SourceContamination,
};
use crate::decontaminate::{Decontaminate, Templates};
use crate::lost::{Lost, LostSource, MOST_LOST, SharedPictures};
use crate::sources::{Sources, sources_of};
use crate::{CurateError, Rejects, Rule};

/// Stretches of words that are named of a source that loses too much.
const MOST_WORDS: usize = 3;
/// Templates that are listed.
const MOST_TEMPLATES: usize = 1000;

/// Leaves out what shares words with an evaluation question, and finds out what shows a picture of one.
#[derive(Clone, Debug)]
pub struct Contaminated {
    /// What the recipe says.
    pub settings: Decontaminate,
    /// Thresholds of each source that has any: which data are masked in its questions.
    pub limits: BTreeMap<String, Limits>,
    /// The evaluation sets.
    pub against: Arc<Against>,
}

/// Leaves out what shows a picture of an evaluation set, once [`Contaminated`] has found it.
#[derive(Clone, Debug)]
pub struct ContaminatedPictures {
    /// The evaluation sets.
    pub against: Arc<Against>,
}

impl Rule for Contaminated {
    fn verdict(&self) -> Verdict {
        Verdict::Contaminated
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let sources = sources_of(index);
        let ngrams = Ngrams::of(&self.settings, &self.limits, &self.against, &sources)?;
        let words = find_words(index, &sources, &ngrams, &self.settings, &self.against)?;
        let pictures = find_pictures(index, &sources, &self.settings, &self.against)?;
        let by_words = ids(&words.leaving, 0);
        let left = questions_with_traces(index, &sources);
        let found = self.contamination(&sources, &ngrams, &left, words, pictures)?;
        let notes = bounded_note(found.bounded);
        let rejects = leave_out(
            index,
            by_words,
            Verdict::Contaminated,
            &found,
            &self.against,
        );
        // What was found before was found of the same blocks.
        let _ = self.against.found.set(found);
        Ok(rejects.with_notes(notes))
    }
}

impl Rule for ContaminatedPictures {
    fn verdict(&self) -> Verdict {
        Verdict::ContaminatedImage
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let verdict = Verdict::ContaminatedImage;
        let Some(found) = self.against.found.get() else {
            return Ok(Rejects::new(verdict, |_, _| String::new()));
        };
        let by_picture = found.by_picture.clone();
        Ok(leave_out(index, by_picture, verdict, found, &self.against))
    }
}

/// The questions of each source of which the scan left a trace in; lists of exclusions, which come before, do not count.
fn questions_with_traces(index: &Index, sources: &Sources) -> Vec<HashSet<u64>> {
    let mut questions = vec![HashSet::new(); sources.names.len()];
    for (block, &source) in index.blocks.iter().zip(&sources.of_blocks) {
        let is_in = |code: u8| code == Verdict::Kept as u8 || code == Verdict::Excluded as u8;
        let rows = block.traces.verdict.iter().zip(&block.traces.question_id);
        let ids = rows.filter(|(code, _)| is_in(**code)).map(|(_, id)| *id);
        questions[source as usize].extend(ids);
    }
    questions
}

/// What is said of questions of which not all was looked at.
fn bounded_note(questions: u64) -> Vec<String> {
    if questions == 0 {
        return Vec::new();
    }
    vec![format!(
        "`curate.decontaminate.rule`: n-grams of {questions} questions stand in more than {MOST_PLACES} places of evaluation \
         questions; those that fewest of these have were looked up"
    )]
}

/// The ids of questions with the first line of each, sorted.
fn ids(leaving: &[Leaving], first: usize) -> Vec<(u64, u32)> {
    let lines = (first as u32..).zip(leaving);
    let mut ids: Vec<(u64, u32)> = lines.map(|(line, one)| (one.question_id, line)).collect();
    ids.sort_unstable();
    ids.dedup_by_key(|one| one.0);
    ids
}

/// Leaves out all kept traces of some questions.
fn leave_out(
    index: &mut Index,
    ids: Vec<(u64, u32)>,
    verdict: Verdict,
    found: &Contamination,
    against: &Against,
) -> Rejects {
    let mut rejected: Vec<(TraceLocation, u32)> = Vec::new();
    for (number, block) in (0..).zip(&mut index.blocks) {
        for row in 0..block.len() {
            let id = block.traces.question_id[row];
            let place = ids.binary_search_by_key(&id, |one| one.0);
            if let (true, Ok(place)) = (block.is_kept(row), place) {
                block.traces.verdict[row] = verdict as u8;
                let row = row as u32;
                let trace = TraceLocation { block: number, row };
                rejected.push((trace, ids[place].1));
            }
        }
    }
    let details: HashMap<u32, String> = ids
        .iter()
        .map(|&(_, line)| {
            (
                line,
                found.leaving[line as usize].detail(&against.evaluation),
            )
        })
        .collect();
    let detail = move |_: &Index, trace: TraceLocation| {
        let place = rejected.binary_search_by_key(&trace, |one| one.0);
        let detail = place.map(|place| details.get(&rejected[place].1).cloned());
        detail.ok().flatten().unwrap_or_default()
    };
    Rejects::new(verdict, detail)
}

impl Contaminated {
    fn contamination(
        &self,
        sources: &Sources,
        ngrams: &Ngrams,
        left: &[HashSet<u64>],
        words: WordFindings,
        pictures: PictureFindings,
    ) -> Result<Contamination, CurateError> {
        let evaluation = &self.against.evaluation;
        let mut counted = Vec::new();
        let mut lost = Lost::default();
        for (number, name) in sources.names.iter().enumerate() {
            let of_words = &words.sources[number];
            let of_pictures = &pictures.sources[number];
            let mut leaving: HashSet<u64> = of_words.leaving(self.settings.templates).collect();
            let by_picture: HashSet<u64> =
                of_pictures.questions.iter().flatten().copied().collect();
            leaving.extend(&by_picture);
            let sets = (0..evaluation.sets.len()).map(|set| Shared {
                ignoring_templates: of_words.ignoring[set].len() as u64,
                keeping_templates: of_words.keeping[set].len() as u64,
                by_picture: of_pictures.questions[set].len() as u64,
                lost: of_words
                    .of_set(self.settings.templates, set)
                    .union(&of_pictures.questions[set])
                    .count() as u64,
                pictures: of_pictures.shared[set].len() as u64,
                pictures_of_source: of_pictures.pictures,
            });
            let source = SourceContamination {
                source: name.clone(),
                questions: of_words.questions,
                untestable: of_words.untestable,
                equal_but_short: of_words.equal_but_short,
                ignoring_templates: of_words
                    .leaving(Templates::Ignore)
                    .collect::<HashSet<_>>()
                    .len() as u64,
                keeping_templates: of_words
                    .leaving(Templates::Keep)
                    .collect::<HashSet<_>>()
                    .len() as u64,
                by_picture: by_picture.len() as u64,
                lost: leaving.len() as u64,
                with_traces: left[number].len() as u64,
                lost_with_traces: leaving.intersection(&left[number]).count() as u64,
                sets: sets.collect(),
            };
            lost.sources
                .extend(self.loss(&source, &words, pictures.set_pictures.as_slice()));
            counted.push(source);
        }
        if !lost.sources.is_empty() {
            return Err(CurateError::Lost(Box::new(lost)));
        }
        let by_picture = ids(&pictures.leaving, words.leaving.len());
        Ok(Contamination {
            bounded: words.bounded,
            sets: self.set_counts(&pictures.set_pictures),
            sources: counted,
            leaving: words.leaving.into_iter().chain(pictures.leaving).collect(),
            near: pictures.near,
            templates: ngrams.phrases(MOST_TEMPLATES),
            by_picture,
        })
    }

    fn set_counts(&self, pictures: &[u64]) -> Vec<SetCounts> {
        let mut counts: Vec<SetCounts> = pictures
            .iter()
            .map(|&pictures| SetCounts {
                pictures,
                ..SetCounts::default()
            })
            .collect();
        for question in &self.against.evaluation.questions {
            let counts = &mut counts[question.set as usize];
            counts.questions += 1;
            let words = octomed_ngrams::Words::of(&question.stem).len();
            counts.untestable += u64::from(words < self.settings.ngram);
        }
        counts
    }

    /// What a source loses, where that is more than it may.
    fn loss(
        &self,
        source: &SourceContamination,
        words: &WordFindings,
        set_pictures: &[u64],
    ) -> Option<LostSource> {
        let own = self.settings.allow_loss.get(&source.source);
        let allowed = own.map_or(MOST_LOST, |own| own.max(MOST_LOST));
        // Words are found of every question, pictures of those that have a trace: only of these both are known.
        if source.lost_with_traces as f64 <= allowed * source.with_traces as f64 {
            return None;
        }
        let sets = &self.against.evaluation.sets;
        let shared = source.sets.iter().zip(sets).zip(set_pictures);
        let pictures = shared.filter(|((shared, _), _)| shared.by_picture > 0);
        let pictures = pictures.map(|((shared, set), &of_set)| SharedPictures {
            set: set.name.clone(),
            shared: shared.pictures,
            of_source: shared.pictures_of_source,
            of_set,
        });
        Some(LostSource {
            source: source.source.clone(),
            questions: source.with_traces,
            has_others: source.with_traces < source.questions,
            lost: source.lost_with_traces,
            allowed,
            words: most_common(words, &source.source, MOST_WORDS),
            pictures: pictures.collect(),
        })
    }
}

/// The stretches of words for which most questions of a source leave.
fn most_common(words: &WordFindings, source: &str, most: usize) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let of_source = words.leaving.iter().filter(|one| {
        let is_words = matches!(one.reason, Reason::Question | Reason::Words);
        is_words && words.names[one.source as usize] == source
    });
    for text in of_source.filter_map(|one| one.text.as_deref()) {
        *counts.entry(text).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|&(text, count)| (std::cmp::Reverse(count), text));
    let counts = counts.into_iter().take(most);
    counts
        .map(|(text, count)| (text.to_owned(), count))
        .collect()
}
