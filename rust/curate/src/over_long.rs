//! Traces that are longer than a pack: they are never cut.

use octomed_index::{Index, TraceLocation, Verdict};

use crate::{CurateError, OverLongPolicy, Rejects, Rule};

/// Leaves out what no pack holds, or calls it an error.
#[derive(Clone, Copy, Debug)]
pub struct OverLong {
    /// Tokens that a pack holds.
    pub capacity: u32,
    /// What becomes of such a trace.
    pub policy: OverLongPolicy,
}

impl Rule for OverLong {
    fn verdict(&self) -> Verdict {
        Verdict::OverLong
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let capacity = self.capacity;
        for block in &mut index.blocks {
            for row in 0..block.len() {
                let tokens = block.traces.tokens[row];
                if tokens <= capacity || !block.is_kept(row) {
                    continue;
                }
                if self.policy == OverLongPolicy::Error {
                    let trace = block.describe(row);
                    return Err(CurateError::OverLong {
                        trace,
                        tokens,
                        capacity,
                    });
                }
                block.traces.verdict[row] = Verdict::OverLong as u8;
            }
        }
        let detail = move |index: &Index, trace: TraceLocation| {
            let tokens = index.block(trace).traces.tokens[trace.row as usize];
            format!("{tokens} tokens, a pack holds {capacity}")
        };
        Ok(Rejects::new(Verdict::OverLong, detail))
    }
}
