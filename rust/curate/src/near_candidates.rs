//! Which traces may be near duplicates of which: by the band keys that the scan has made of their responses.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use octomed_index::{BlockIndex, Index, IndexError, MEASURES, TraceLocation, TraceMeasures, bands};
use octomed_minhash::{Band, Groups};

use crate::in_parallel::in_parallel;
use crate::{CurateError, NearScope, NearSettings};

/// Responses of fewer words are compared with those to the same question only: short answers are alike by nature.
pub const FEW_WORDS: u32 = 50;

/// Bytes of the bands that are looked at together. The band keys of eight million traces are 1.3 GB, of which there is
/// never more in memory than this.
const BANDS_BYTES: usize = 256 << 20;

/// What is compared with what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reach {
    /// With responses to all questions.
    wide: bool,
    /// With responses to the same question.
    narrow: bool,
}

/// The traces that are kept so far, each with what two have to have in common before their texts are compared. Traces
/// have numbers: those of all blocks on end.
#[derive(Debug, Default)]
pub struct Members {
    /// The number of each block's first trace.
    starts: Vec<u32>,
    /// Images and answer as one hash.
    contexts: Vec<u64>,
    words: Vec<u32>,
    reach: Vec<Reach>,
}

/// A trace that shares a band key with another.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Where it is.
    pub trace: TraceLocation,
    /// Words of its response.
    pub words: u32,
    context: u64,
    question: u64,
    is_wide: bool,
}

impl Candidate {
    /// Whether two traces may be near duplicates: the same images, the same answer, and the same question unless both
    /// are compared beyond it.
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.context == other.context
            && (self.question == other.question || (self.is_wide && other.is_wide))
    }
}

impl Members {
    /// Looks at all traces that are kept so far.
    ///
    /// # Errors
    /// When what was measured of a block's responses cannot be read, or there are more traces than numbers.
    pub fn of(index: &Index, settings: &NearSettings) -> Result<Self, CurateError> {
        let traces = index.blocks.iter().map(BlockIndex::len).sum();
        if u32::try_from(traces).is_err() {
            let message = format!(
                "near duplicates are looked for among 4,294,967,295 traces at most, and there are {traces}"
            );
            return Err(CurateError::Internal(message));
        }
        let mut members = Self {
            contexts: Vec::with_capacity(traces),
            words: Vec::with_capacity(traces),
            reach: Vec::with_capacity(traces),
            ..Self::default()
        };
        let mut narrow = Vec::new();
        for block in &index.blocks {
            members.add(block, settings, &mut narrow)?;
        }
        narrow.sort_unstable();
        narrow.dedup();
        members.widen(index, &narrow);
        Ok(members)
    }

    /// Adds the traces of a block, and to `narrow` the questions of those that are compared with no other.
    fn add(
        &mut self,
        block: &BlockIndex,
        settings: &NearSettings,
        narrow: &mut Vec<u64>,
    ) -> Result<(), IndexError> {
        self.starts.push(self.reach.len() as u32);
        let measures = block.read_side(MEASURES)?;
        let is_all = settings.scope_of(&block.header.source) == NearScope::All;
        for row in 0..block.len() {
            let measures = TraceMeasures::of(&measures, row);
            let mut reach = Reach::default();
            if block.is_kept(row) {
                reach.wide = is_all && measures.response_words >= FEW_WORDS;
                reach.narrow = !reach.wide;
            }
            if reach.narrow {
                narrow.push(block.traces.question_id[row]);
            }
            self.contexts.push(context(block, row, measures.option));
            self.words.push(measures.response_words);
            self.reach.push(reach);
        }
        Ok(())
    }

    /// Has a long response be compared with the short ones to its question, too, where there are any.
    fn widen(&mut self, index: &Index, narrow: &[u64]) {
        let questions = index
            .blocks
            .iter()
            .flat_map(|block| &block.traces.question_id);
        for (reach, question) in self.reach.iter_mut().zip(questions) {
            reach.narrow |= reach.wide && narrow.binary_search(question).is_ok();
        }
    }

    /// The groups of traces that share a band key and may be compared, by number; a few bands at a time, each of which is
    /// sorted by a thread.
    ///
    /// # Errors
    /// When the band keys of a block cannot be read.
    pub fn groups(
        &self,
        index: &Index,
        settings: &NearSettings,
        threads: usize,
    ) -> Result<Groups, CurateError> {
        let of_reach = |reach: &Reach| usize::from(reach.wide) + usize::from(reach.narrow);
        let entries: usize = self.reach.iter().map(of_reach).sum();
        let at_once = (BANDS_BYTES / (8 * entries.max(1))).max(1);
        let mut groups = Groups::default();
        let mut first = 0;
        while first < settings.bands as usize {
            let end = (first + at_once).min(settings.bands as usize);
            let bands = self.read_bands(index, settings.bands, first..end, entries)?;
            for band in grouped(bands, threads) {
                groups.append(&band);
            }
            first = end;
        }
        Ok(groups)
    }

    /// Reads these bands of every block.
    fn read_bands(
        &self,
        index: &Index,
        count: u32,
        range: std::ops::Range<usize>,
        entries: usize,
    ) -> Result<Vec<Band>, CurateError> {
        let mut found: Vec<Band> = range.clone().map(|_| Band::new(self.reach.len())).collect();
        found.iter_mut().for_each(|band| band.reserve(entries));
        for (block, &start) in index.blocks.iter().zip(&self.starts) {
            if block.header.bands != count {
                let what = format!(
                    "it has {} band keys a trace, not {count}",
                    block.header.bands
                );
                return Err(IndexError::damaged(&block.path, what).into());
            }
            let column = bands(count);
            let values = block.read_side(column)?;
            for row in 0..block.len() {
                let number = start + row as u32;
                let reach = self.reach[number as usize];
                if reach == Reach::default() {
                    continue;
                }
                let (keys, _) = column.value(&values, row).as_chunks::<8>();
                let context = self.contexts[number as usize];
                let question = mixed(context ^ NARROW, block.traces.question_id[row]);
                for (band, key) in found.iter_mut().zip(&keys[range.clone()]) {
                    let key = u64::from_le_bytes(*key);
                    if reach.wide {
                        band.add(number, key, context);
                    }
                    if reach.narrow {
                        band.add(number, key, question);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The trace of a number.
    pub fn candidate(&self, index: &Index, number: u32) -> Candidate {
        let block = self.starts.partition_point(|&start| start <= number) - 1;
        // Blocks without a trace have the number of the next one: the last of them has it.
        let trace = TraceLocation {
            block: block as u32,
            row: number - self.starts[block],
        };
        let at = number as usize;
        Candidate {
            trace,
            words: self.words[at],
            context: self.contexts[at],
            question: index.blocks[block].traces.question_id[trace.row as usize],
            is_wide: self.reach[at].wide,
        }
    }
}

/// What makes the context inside a question another one than that beyond it.
const NARROW: u64 = 0x5851_F42D_4C95_7F2D;

/// Images, in their order, and answer of a trace as one hash.
fn context(block: &BlockIndex, row: usize, option: u64) -> u64 {
    let images = block.image_refs(row).iter();
    images.fold(option, |context, &image| {
        mixed(context, block.images.hash[image as usize])
    })
}

fn mixed(one: u64, other: u64) -> u64 {
    let product = (one.rotate_left(23) ^ other).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

/// The groups of some bands, in their order.
fn grouped(bands: Vec<Band>, threads: usize) -> Vec<Groups> {
    let left: Vec<_> = bands
        .into_iter()
        .map(|band| Mutex::new(Some(band)))
        .collect();
    let groups_of = |number: usize| {
        let mut left = left[number].lock().unwrap_or_else(PoisonError::into_inner);
        Ok::<_, Infallible>(left.take().map(Band::groups).unwrap_or_default())
    };
    let Ok(groups) = in_parallel(threads, left.len(), groups_of);
    groups
}
