//! SELECT: every global decision, taken on the indexes alone.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use octomed_curate::{Curate, Rejects, Renamed, detail, needs, rename_collisions, rules};
use octomed_index::{BlockIndex, BlockRef, Index, TraceLocation, TraceMeasures, Verdict};
use octomed_pack::Buckets;
use octomed_responses::Limits;

use crate::error::EngineError;
use crate::parallel::in_parallel;
use crate::ranges::KeySpace;
use crate::settings::Pack;

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
    /// Ranges of shuffle keys.
    pub key_space: KeySpace,
    /// Thresholds of each source that has any.
    pub limits: BTreeMap<String, Limits>,
}

impl Selection {
    /// Reads the indexes on some threads, and decides.
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
        let buckets = Buckets::new(&pack.buckets, pack.capacity)
            .map_err(|error| EngineError::Settings(error.to_string()))?;
        let rules = rules(curate, &pack.limits());
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
        Ok(Self {
            renamed: rename_collisions(&mut index),
            key_space: KeySpace::cut(&index),
            limits: curate.limits.clone(),
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
        Some(detail(verdict, &TraceMeasures::of(measures, row), limits))
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

    /// Whether any block has images.
    #[must_use]
    pub fn has_images(&self) -> bool {
        let mut blocks = self.index.blocks.iter();
        blocks.any(|block| !block.images.is_empty())
    }

    /// Lengths of the kept traces, in index order.
    #[must_use]
    pub fn kept_lengths(&self) -> Vec<u32> {
        let mut lengths = Vec::new();
        for block in &self.index.blocks {
            lengths.extend(block.kept_rows().map(|row| block.traces.tokens[row]));
        }
        lengths
    }

    /// Tokens, and supervised tokens, of the kept traces.
    #[must_use]
    pub fn kept_tokens(&self) -> (u64, u64) {
        let (mut tokens, mut supervised) = (0, 0);
        for block in &self.index.blocks {
            for row in block.kept_rows() {
                tokens += u64::from(block.traces.tokens[row]);
                supervised += u64::from(block.traces.supervised[row]);
            }
        }
        (tokens, supervised)
    }
}
