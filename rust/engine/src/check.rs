//! Checks packs against what a pack has to be, and reads them back for `inspect`.

use std::path::Path;

use octomed_mds::{Reader, RowBytes};

use crate::error::EngineError;

/// A pack read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackContent {
    /// Token ids of all traces.
    pub input_ids: Vec<u32>,
    /// Tokens of each trace.
    pub lengths: Vec<u32>,
    /// Supervised spans, half-open, in pack coordinates.
    pub loss_spans: Vec<[u32; 2]>,
    /// Id of each trace.
    pub trace_ids: Vec<u64>,
}

impl PackContent {
    fn read(row: &RowBytes<'_>) -> Result<Self, EngineError> {
        let spans = row.array("loss_spans")?.to_u32()?;
        Ok(Self {
            input_ids: row.array("input_ids")?.to_u32()?,
            lengths: row.array("lengths")?.to_u32()?,
            loss_spans: spans.as_chunks::<2>().0.to_vec(),
            trace_ids: row.array("trace_ids")?.to_u64()?,
        })
    }

    /// What is wrong with the pack, in words; empty when nothing is.
    #[must_use]
    pub fn faults(&self, vocabulary: u32, capacity: u32) -> Vec<String> {
        let mut faults = Vec::new();
        let total: u64 = self.lengths.iter().map(|&length| u64::from(length)).sum();
        if total != self.input_ids.len() as u64 {
            faults.push(format!(
                "lengths sum to {total}, there are {} ids",
                self.input_ids.len()
            ));
        }
        if self.input_ids.len() > capacity as usize {
            faults.push(format!(
                "{} ids, a pack holds {capacity}",
                self.input_ids.len()
            ));
        }
        if let Some(id) = self.input_ids.iter().find(|&&id| id >= vocabulary) {
            faults.push(format!("id {id} is outside the vocabulary of {vocabulary}"));
        }
        if self.trace_ids.len() != self.lengths.len() {
            faults.push(format!(
                "{} trace ids for {} traces",
                self.trace_ids.len(),
                self.lengths.len()
            ));
        }
        faults.extend(self.span_fault());
        faults
    }

    /// Spans ascend, are not empty, and each lies inside one trace; every trace has one.
    fn span_fault(&self) -> Option<String> {
        let mut spans = self.loss_spans.iter().peekable();
        let mut begin = 0_u32;
        let mut last = 0;
        for (document, length) in self.lengths.iter().enumerate() {
            let end = begin.saturating_add(*length);
            if spans.peek().is_none_or(|span| span[0] >= end) {
                return Some(format!(
                    "trace {document} of the pack has no supervised token"
                ));
            }
            while let Some(span) = spans.next_if(|span| span[0] < end) {
                if span[0] < begin.max(last) || span[1] <= span[0] || span[1] > end {
                    return Some(format!(
                        "span {}..{} does not fit trace {document}",
                        span[0], span[1]
                    ));
                }
                last = span[1];
            }
            begin = end;
        }
        spans
            .next()
            .map(|span| format!("span {}..{} lies outside the pack", span[0], span[1]))
    }
}

/// What the packs of a shard hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardCheck {
    /// Row of the shard and what is wrong with it.
    pub faults: Vec<(u64, String)>,
    /// Packs.
    pub packs: u64,
    /// Tokens.
    pub tokens: u64,
    /// Id of every trace, pack after pack.
    pub trace_ids: Vec<u64>,
    /// Length of every trace, pack after pack.
    pub lengths: Vec<u32>,
    /// Traces of each pack.
    pub documents: Vec<u32>,
}

/// Checks every pack of shard `shard` of the stream in `directory`, as the run wrote it.
///
/// # Errors
/// When the shard cannot be read at all.
pub fn check_shard(
    directory: &Path,
    shard: usize,
    vocabulary: u32,
    capacity: u32,
) -> Result<ShardCheck, EngineError> {
    let reader = Reader::open(directory)?;
    let shard = reader.written_shard(shard)?;
    let mut check = ShardCheck {
        packs: shard.len() as u64,
        ..ShardCheck::default()
    };
    for row in 0..shard.len() {
        let pack = PackContent::read(&shard.row(row)?)?;
        let faults = pack.faults(vocabulary, capacity);
        check
            .faults
            .extend(faults.into_iter().map(|fault| (row as u64, fault)));
        check.tokens += pack.input_ids.len() as u64;
        check.documents.push(pack.lengths.len() as u32);
        check.trace_ids.extend(pack.trace_ids);
        check.lengths.extend(pack.lengths);
    }
    Ok(check)
}

/// Reads pack `pack` of the stream in `directory` from the shard that the run wrote.
///
/// # Errors
/// When there is no such pack, or its shard is missing or not what the index says.
pub fn read_pack(directory: &Path, pack: usize) -> Result<PackContent, EngineError> {
    let reader = Reader::open(directory)?;
    let (shard, row) = reader.locate(pack)?;
    reader.check_written(shard)?;
    PackContent::read(&reader.written_shard(shard)?.row(row)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack() -> PackContent {
        PackContent {
            input_ids: vec![1, 2, 3, 4, 5],
            lengths: vec![2, 3],
            loss_spans: vec![[1, 2], [2, 3], [4, 5]],
            trace_ids: vec![7, 8],
        }
    }

    #[test]
    fn a_good_pack_has_no_faults() {
        assert_eq!(pack().faults(6, 5), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_seen() {
        assert_eq!(pack().faults(5, 5), ["id 5 is outside the vocabulary of 5"]);
        assert_eq!(pack().faults(6, 4), ["5 ids, a pack holds 4"]);
        let short = PackContent {
            lengths: vec![2, 2],
            ..pack()
        };
        assert!(short.faults(6, 5)[0].starts_with("lengths sum to 4"));
        let ids = PackContent {
            trace_ids: vec![7],
            ..pack()
        };
        assert_eq!(ids.faults(6, 5), ["1 trace ids for 2 traces"]);
        for (spans, fault) in [
            (vec![[1, 2]], "trace 1 of the pack has no supervised token"),
            (vec![[1, 3], [4, 5]], "span 1..3 does not fit trace 0"),
            (vec![[1, 1], [4, 5]], "span 1..1 does not fit trace 0"),
            (
                vec![[1, 2], [2, 4], [3, 5]],
                "span 3..5 does not fit trace 1",
            ),
            (
                vec![[1, 2], [2, 4], [5, 6]],
                "span 5..6 lies outside the pack",
            ),
        ] {
            let wrong = PackContent {
                loss_spans: spans,
                ..pack()
            };
            assert_eq!(wrong.faults(6, 5), [fault]);
        }
    }
}
