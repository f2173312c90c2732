//! Questions that share words with those of evaluation sets.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicBool;

use octomed_index::{BlockIndex, Index};
use octomed_ngrams::{Asked, Contact, Found, Matcher, NgramIndex, Phrase, Question, Rule, Shared};
use octomed_responses::Limits;

use crate::CurateError;
use crate::against::Against;
use crate::contamination::{Leaving, Reason};
use crate::decontaminate::{Decontaminate, SharedWords, Templates};
use crate::evaluation::Evaluation;
use crate::in_parallel::in_parallel;
use crate::sources::Sources;

/// What was found of all sources.
pub(crate) struct WordFindings {
    pub sources: Vec<SourceWords>,
    pub names: Vec<String>,
    pub leaving: Vec<Leaving>,
    /// Questions of which not all places of their n-grams were looked at.
    pub bounded: u64,
}

/// What was found of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceWords {
    pub questions: u64,
    pub untestable: u64,
    pub equal_but_short: u64,
    /// Ids of the questions that leave for each set, where templates are ignored.
    pub ignoring: Vec<Vec<u64>>,
    /// The same where they count.
    pub keeping: Vec<Vec<u64>>,
}

impl SourceWords {
    /// The ids of the questions that leave for a set.
    pub fn of_set(&self, templates: Templates, set: usize) -> HashSet<u64> {
        let ids = match templates {
            Templates::Ignore => &self.ignoring[set],
            Templates::Keep => &self.keeping[set],
        };
        ids.iter().copied().collect()
    }

    /// The ids of the questions that leave for any set; one that leaves for several comes several times.
    pub fn leaving(&self, templates: Templates) -> impl Iterator<Item = u64> {
        let sets = match templates {
            Templates::Ignore => &self.ignoring,
            Templates::Keep => &self.keeping,
        };
        sets.iter().flatten().copied()
    }
}

/// The n-grams of evaluation sets, in each way in which sources have data masked.
pub(crate) struct Ngrams {
    indexes: Vec<NgramIndex>,
    /// For each source, by which of them its questions are looked up.
    of_sources: Vec<usize>,
}

impl Ngrams {
    /// Knows the evaluation questions as each of the sources would have them.
    pub(crate) fn of(
        settings: &Decontaminate,
        limits: &BTreeMap<String, Limits>,
        against: &Against,
        sources: &Sources,
    ) -> Result<Self, CurateError> {
        let evaluation = &against.evaluation;
        let mask = |source: &String| {
            let mask = limits.get(source).and_then(Limits::mask)?;
            evaluation.masks.iter().position(|known| *known == mask)
        };
        let mut masks: Vec<Option<usize>> = Vec::new();
        let mut of_sources = Vec::new();
        for source in &sources.names {
            let mask = mask(source);
            let known = masks.iter().position(|known| *known == mask);
            of_sources.push(known.unwrap_or(masks.len()));
            if known.is_none() {
                masks.push(mask);
            }
        }
        if masks.is_empty() {
            masks.push(None);
        }
        let made = masks.into_iter().map(|mask| {
            let index = ngram_index(settings, evaluation, mask, &against.cancel);
            against.check().map(|()| index)
        });
        let indexes = made.collect::<Result<_, _>>()?;
        Ok(Self {
            indexes,
            of_sources,
        })
    }

    fn of_source(&self, source: u32) -> &NgramIndex {
        let place = self.of_sources.get(source as usize);
        &self.indexes[place.copied().unwrap_or(0)]
    }

    /// The templates, as the first source has them.
    pub(crate) fn phrases(&self, most: usize) -> (u64, Vec<Phrase>) {
        self.indexes[0].phrases(most)
    }
}

fn ngram_index(
    settings: &Decontaminate,
    evaluation: &Evaluation,
    mask: Option<usize>,
    cancel: &AtomicBool,
) -> NgramIndex {
    let rule = match settings.rule {
        SharedWords::Any => Rule::Any,
        SharedWords::Coverage(share) => Rule::Coverage(share),
    };
    let questions = evaluation.questions.iter().map(|question| Question {
        set: question.set,
        id: question.question_id,
        stem: question.stem(mask),
        images: question.images,
    });
    NgramIndex::cancellable(settings.ngram, rule, questions, cancel)
}

/// What was found of a block.
#[derive(Default)]
struct BlockWords {
    /// Its questions: id, whether it is too short, and whether it is equal to one that is.
    questions: Vec<(u64, bool, bool)>,
    /// What those that share words share, by id, with their rows.
    found: HashMap<u64, (u32, Found)>,
    /// Rows of these whose traces have identifying data.
    flagged: HashSet<u32>,
    /// Questions whose n-grams stand in more places than were looked at.
    bounded: u64,
}

/// Looks all questions up.
pub(crate) fn find_words(
    index: &Index,
    sources: &Sources,
    ngrams: &Ngrams,
    settings: &Decontaminate,
    against: &Against,
) -> Result<WordFindings, CurateError> {
    let blocks = in_parallel(against.threads, index.blocks.len(), |number| {
        let ngrams = ngrams.of_source(sources.of_blocks[number]);
        block_words(&index.blocks[number], ngrams, against)
    })?;
    let sets = against.evaluation.sets.len();
    let mut findings = WordFindings {
        sources: Vec::new(),
        names: sources.names.clone(),
        leaving: Vec::new(),
        bounded: blocks.iter().map(|block| block.bounded).sum(),
    };
    let none = SourceWords {
        ignoring: vec![Vec::new(); sets],
        keeping: vec![Vec::new(); sets],
        ..SourceWords::default()
    };
    findings.sources = vec![none; sources.names.len()];
    let mut seen: Vec<HashSet<u64>> = vec![HashSet::new(); sources.names.len()];
    for ((block, words), &source) in index.blocks.iter().zip(blocks).zip(&sources.of_blocks) {
        let seen = &mut seen[source as usize];
        for &(id, is_short, equals) in &words.questions {
            if !seen.insert(id) {
                continue;
            }
            let counts = &mut findings.sources[source as usize];
            counts.questions += 1;
            counts.untestable += u64::from(is_short);
            counts.equal_but_short += u64::from(equals);
            let Some((ordinal, found)) = words.found.get(&id) else {
                continue;
            };
            add_ids(&mut counts.ignoring, &found.ignoring, id);
            add_ids(&mut counts.keeping, &found.keeping, id);
            let contacts = match settings.templates {
                Templates::Ignore => &found.ignoring,
                Templates::Keep => &found.keeping,
            };
            let is_flagged = words.flagged.contains(ordinal);
            let leaving = contacts.iter().map(|contact| Leaving {
                source,
                file: block.header.file.clone(),
                row: block.first_row + u64::from(*ordinal),
                question_id: id,
                ..leaving(contact, is_flagged)
            });
            findings.leaving.extend(leaving);
        }
    }
    Ok(findings)
}

fn add_ids(sets: &mut [Vec<u64>], contacts: &[Contact], id: u64) {
    for contact in contacts {
        sets[contact.set as usize].push(id);
    }
}

/// A line without its place.
fn leaving(contact: &Contact, is_flagged: bool) -> Leaving {
    let reason = match contact.shared {
        Shared::Whole => Reason::Question,
        Shared::Ngram(_) => Reason::Words,
    };
    Leaving {
        source: 0,
        file: String::new(),
        row: 0,
        question_id: 0,
        evaluation: contact.question,
        reason,
        words: contact.words.split(' ').count() as u32,
        text: (!is_flagged).then(|| contact.words.clone()),
        picture: 0,
    }
}

/// Looks the questions of a block up, each once.
fn block_words(
    block: &BlockIndex,
    ngrams: &NgramIndex,
    against: &Against,
) -> Result<BlockWords, CurateError> {
    let mut words = BlockWords::default();
    let mut seen: HashSet<u64> = HashSet::new();
    let mut matcher = Matcher::new(ngrams);
    for question in block.questions()?.iter() {
        against.check()?;
        let id = question.question_id;
        if !seen.insert(id) {
            continue;
        }
        let found = matcher.find(&Asked {
            id,
            stem: question.stem,
            images: question.images,
        });
        let is_short = found.words < ngrams.n();
        words.bounded += u64::from(found.is_bounded);
        words.questions.push((id, is_short, found.equals_short));
        if !found.keeping.is_empty() || !found.ignoring.is_empty() {
            words.found.insert(id, (question.ordinal, found));
        }
    }
    if !words.found.is_empty() {
        words.flagged = block.flagged_rows()?;
    }
    Ok(words)
}
