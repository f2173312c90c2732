//! Traces of a question that have little in common, by the bands of their responses.

use octomed_index::{Index, TraceLocation, bands};

use crate::CurateError;
use crate::questions::{Groups, Questions};

/// Comparisons of a question beyond which further traces are taken by lot: one with a million traces ends, too.
const MOST_COMPARED: usize = 1 << 24;
/// Traces of a question that are always chosen by comparison.
const LEAST_CHOSEN: usize = 16;

/// A few bytes of each trace: of two traces, those at one place are equal where the band of their responses is.
pub struct Sketches {
    bytes: Vec<u8>,
    width: usize,
}

impl Sketches {
    /// The sketches of the kept traces, in the order of their groups.
    ///
    /// # Errors
    /// When the bands of a block cannot be read.
    pub fn of(index: &Index, questions: &Questions, groups: &Groups) -> Result<Self, CurateError> {
        let widths = index.blocks.iter().map(|block| block.header.bands as usize);
        let width = widths.max().unwrap_or(0);
        let mut next: Vec<usize> = (0..groups.len()).map(|one| groups.start(one)).collect();
        let mut bytes = vec![0; width * groups.total()];
        for (number, block) in index.blocks.iter().enumerate() {
            let column = bands(block.header.bands);
            let values = block.read_side(column)?;
            for row in block.kept_rows() {
                let question = questions.of_block(number)[row] as usize;
                let place = &mut bytes[width * next[question]..][..width];
                next[question] += 1;
                // A band is a hash: any byte of it tells two apart as well as another.
                let keys = column.value(&values, row).chunks(8);
                place
                    .iter_mut()
                    .zip(keys)
                    .for_each(|(byte, key)| *byte = key[0]);
            }
        }
        Ok(Self { bytes, width })
    }

    fn of_trace(&self, place: usize) -> &[u8] {
        &self.bytes[self.width * place..self.width * (place + 1)]
    }

    /// How many bands two traces have in common.
    fn equal(&self, one: usize, other: usize) -> u16 {
        let pairs = self.of_trace(one).iter().zip(self.of_trace(other));
        pairs.map(|(one, other)| u16::from(one == other)).sum()
    }

    /// The traces of a question that do not stay: the first of those that do is drawn, and each further one has the least
    /// in common with any before it. `lot` decides where it is the same.
    pub fn left_out(
        &self,
        groups: &Groups,
        question: usize,
        keep: usize,
        lot: impl Fn(TraceLocation) -> u64,
    ) -> Vec<TraceLocation> {
        let (start, traces) = (groups.start(question), groups.traces(question));
        // Of each trace that is not chosen: what it has most in common with a chosen one, its lot, its place.
        let mut rest: Vec<(u16, u64, usize)> = (0..)
            .zip(traces)
            .map(|(place, &trace)| (0, lot(trace), place))
            .collect();
        let compared = (MOST_COMPARED / traces.len().max(1)).max(LEAST_CHOSEN);
        for _ in 0..keep.min(compared) {
            let least = (0..rest.len()).min_by_key(|&at| rest[at]);
            let Some(chosen) = least.map(|at| rest.swap_remove(at).2) else {
                break;
            };
            for one in &mut rest {
                one.0 = one.0.max(self.equal(start + chosen, start + one.2));
            }
        }
        let more = keep.saturating_sub(compared).min(rest.len());
        if more > 0 && more < rest.len() {
            rest.select_nth_unstable_by_key(more, |one| one.1);
        }
        rest[more..].iter().map(|one| traces[one.2]).collect()
    }
}
