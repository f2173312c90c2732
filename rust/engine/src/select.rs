//! SELECT: every global decision, taken on the indexes alone.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use octomed_curate::{
    ClassCount, Curate, NearClusters, NearFound, NearWork, Rejects, Renamed, Texts, detail, needs,
    rename_collisions, rules,
};
use octomed_index::{BlockIndex, BlockRef, Index, TraceLocation, TraceMeasures, Verdict};
use octomed_pack::Buckets;
use octomed_responses::Limits;
use octomed_text::Tokenizer;

use crate::error::EngineError;
use crate::parallel::in_parallel;
use crate::ranges::KeySpace;
use crate::response_texts::ResponseTexts;
use crate::settings::Pack;
use crate::split::{RangeId, Split};

/// The selection: which traces of which blocks stay, and how keys are cut into ranges.
pub struct Selection {
    /// How traces become packs.
    pub pack: Pack,
    /// Buckets of the layout.
    pub buckets: Buckets,
    /// The blocks' indexes, with what became of each trace.
    pub index: Index,
    /// What each rule left out.
    pub rejects: Vec<Rejects>,
    /// Traces whose id collided with an earlier one's.
    pub renamed: Vec<Renamed>,
    /// Ranges of the shuffle keys of what is trained on.
    pub key_space: KeySpace,
    /// Ranges of those of what is kept for validation, if there is any.
    pub validation: Option<KeySpace>,
    /// What was found of near duplicates, where they were looked for.
    pub near: Option<NearClusters>,
    /// Thresholds of each source that has any.
    pub limits: BTreeMap<String, Limits>,
    /// Conditions of each source that has any, in words.
    pub conditions: BTreeMap<String, Vec<String>>,
}

impl Selection {
    /// Reads the indexes on some threads, and decides by what needs no text.
    ///
    /// # Errors
    /// When a block is missing or damaged, a rule calls what it found an error, or `cancel` is set.
    pub fn new(
        blocks: &[BlockRef],
        curate: &Curate,
        pack: Pack,
        threads: usize,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        Self::with_tokenizer(blocks, curate, pack, None, threads, cancel)
    }

    /// The same, with the tokenizer that reads texts out of the blocks: rules that compare texts want it.
    ///
    /// # Errors
    /// As [`Self::new`], and when it is wanted and not there.
    pub fn with_tokenizer(
        blocks: &[BlockRef],
        curate: &Curate,
        pack: Pack,
        tokenizer: Option<&Tokenizer>,
        threads: usize,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let buckets = Buckets::new(&pack.buckets, pack.capacity)
            .map_err(|error| EngineError::Settings(error.to_string()))?;
        if curate.duplicates.near.is_some() && tokenizer.is_none() && !blocks.is_empty() {
            let message = "near duplicates cannot be looked for without a tokenizer";
            return Err(EngineError::Internal(message.to_owned()));
        }
        let texts = tokenizer.map(|tokenizer| ResponseTexts::new(tokenizer, cancel));
        let near = texts.as_ref().map(|texts| NearWork {
            texts: texts as &dyn Texts,
            threads,
            found: NearFound::default(),
        });
        let rules = rules(curate, &pack.limits(), near.as_ref());
        let needs = needs(&rules);
        let blocks = in_parallel(threads, blocks.len(), cancel, |number| {
            Ok(BlockIndex::load(&blocks[number], &needs)?)
        })?;
        let mut index = Index { blocks };
        let rejects = rules
            .iter()
            .map(|rule| rule.apply(&mut index))
            .collect::<Result<_, _>>()?;
        index.release();
        let validates = index.blocks.iter().any(|block| {
            let mut rows = Split::Validation.rows(block);
            rows.next().is_some()
        });
        Ok(Self {
            renamed: rename_collisions(&mut index),
            key_space: KeySpace::cut(&index, Split::Train),
            validation: validates.then(|| KeySpace::cut(&index, Split::Validation)),
            near: near.and_then(|near| near.found.take()),
            limits: curate.limits.clone(),
            conditions: curate.conditions.clone(),
            pack,
            buckets,
            index,
            rejects,
        })
    }

    /// Why a trace was left out by one of the rules; nothing where the scan left it out.
    #[must_use]
    pub fn detail(&self, trace: TraceLocation, verdict: Verdict) -> String {
        let mut rejects = self.rejects.iter();
        let of_rule = rejects.find(|rejects| rejects.verdict == verdict);
        of_rule.map_or_else(String::new, |rejects| rejects.detail(&self.index, trace))
    }

    /// Why curation left out a trace of a block, from what was measured of its response; nothing where another reason did.
    #[must_use]
    pub fn curation_detail(
        &self,
        block: &BlockIndex,
        measures: &[u8],
        row: usize,
    ) -> Option<String> {
        let verdict = Verdict::from_code(block.traces.verdict[row])?;
        let of_curation = Verdict::NotKept as u8..=Verdict::Identifying as u8;
        if !of_curation.contains(&(verdict as u8)) {
            return None;
        }
        let none = Limits::default();
        let limits = self.limits.get(&block.header.source).unwrap_or(&none);
        let conditions = self.conditions.get(&block.header.source);
        let conditions = conditions.map_or(&[][..], Vec::as_slice);
        let measures = TraceMeasures::of(measures, row);
        Some(detail(verdict, &measures, limits, conditions))
    }

    /// Traces of each verdict, in the order of [`Verdict::ALL`].
    #[must_use]
    pub fn counts(&self) -> [u64; Verdict::ALL.len()] {
        let mut counts = [0; Verdict::ALL.len()];
        let blocks = self.index.blocks.iter();
        for code in blocks.flat_map(|block| &block.traces.verdict) {
            let known = Verdict::ALL
                .iter()
                .position(|verdict| *verdict as u8 == *code);
            if let Some(index) = known {
                counts[index] += 1;
            }
        }
        counts
    }

    /// Names of the streams, empty ones included: one for each bucket, then that of validation if there is any.
    #[must_use]
    pub fn streams(&self) -> Vec<String> {
        let mut names = self.buckets.names();
        names.extend(self.validation.is_some().then(|| VALIDATION.to_owned()));
        names
    }

    /// The ranges in the order in which they are written: all of training, then those of validation.
    #[must_use]
    pub fn order(&self) -> Vec<RangeId> {
        let spaces = [
            (Split::Train, Some(&self.key_space)),
            (Split::Validation, self.validation.as_ref()),
        ];
        let ranges = spaces.into_iter().flat_map(|(split, space)| {
            let numbers = space.map_or_else(Vec::new, |space| space.permuted(self.pack.seed));
            let range = move |number| RangeId { split, number };
            numbers.into_iter().map(range)
        });
        ranges.collect()
    }

    /// The rows of sorted `keys` that lie in a range.
    #[must_use]
    pub fn rows(&self, keys: &[u64], range: RangeId) -> std::ops::Range<usize> {
        match (range.split, &self.validation) {
            (Split::Validation, Some(space)) => space.rows(keys, range.number),
            _ => self.key_space.rows(keys, range.number),
        }
    }

    /// Traces that are trained on, those of validation, and copies of the first beyond one of each.
    #[must_use]
    pub fn written(&self) -> Written {
        let mut written = Written::default();
        for block in &self.index.blocks {
            written.add(block);
        }
        written
    }

    /// What rules want said besides the counts.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let notes = self.rejects.iter().flat_map(|rejects| &rejects.notes);
        notes.cloned().collect()
    }

    /// What became of each class of questions, where they are drawn by class.
    #[must_use]
    pub fn classes(&self) -> Vec<ClassCount> {
        let classes = self.rejects.iter().flat_map(|rejects| &rejects.classes);
        classes.cloned().collect()
    }

    /// How many questions have so many packed traces, where a rule asked for questions.
    #[must_use]
    pub fn per_question(&self) -> BTreeMap<u64, u64> {
        let mut counted = self.rejects.iter().map(|rejects| &rejects.per_question);
        let last = counted.rfind(|counts| !counts.is_empty());
        last.cloned().unwrap_or_default()
    }

    /// Whether any block has images.
    #[must_use]
    pub fn has_images(&self) -> bool {
        let mut blocks = self.index.blocks.iter();
        blocks.any(BlockIndex::shows_images)
    }

    /// Lengths of what is written, in index order: of the traces that are trained on, each as often as it is, and of
    /// those of validation, which share no pack with them.
    #[must_use]
    pub fn written_lengths(&self) -> [Vec<u32>; 2] {
        [Split::Train, Split::Validation].map(|split| {
            let mut lengths = Vec::new();
            for block in &self.index.blocks {
                for row in split.rows(block) {
                    let copies = usize::from(split.copies(block, row));
                    lengths.extend(std::iter::repeat_n(block.traces.tokens[row], copies));
                }
            }
            lengths
        })
    }
}

/// Name of the stream of what is kept for validation.
pub const VALIDATION: &str = "validation";

/// What is written of a selection, or of a part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Traces that are trained on.
    pub train: u64,
    /// Traces of validation.
    pub validation: u64,
    /// Copies of traces beyond the first.
    pub copies: u64,
    /// Tokens of all of these.
    pub tokens: u64,
    /// Tokens of all of these that carry loss.
    pub supervised: u64,
}

impl Written {
    /// Adds what is written of a block.
    pub fn add(&mut self, block: &BlockIndex) {
        for row in block.kept_rows() {
            let copies = u64::from(block.copies(row));
            self.train += u64::from(copies > 0);
            self.validation += u64::from(copies == 0);
            self.copies += copies.saturating_sub(1);
            let times = copies.max(1);
            self.tokens += times * u64::from(block.traces.tokens[row]);
            self.supervised += times * u64::from(block.traces.supervised[row]);
        }
    }
}
