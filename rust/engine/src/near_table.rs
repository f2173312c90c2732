//! The table of near duplicates: what the report shows clusters by.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder, StringDictionaryBuilder, UInt64Builder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use octomed_curate::{NearCluster, NearMember};
use octomed_index::TraceLocation;

use crate::error::EngineError;
use crate::select::Selection;
use crate::tables::{arrow, batch};

/// Members of a cluster that are listed: one of 100,000 equal rows is no list that anybody reads.
const MOST_MEMBERS: usize = 1000;

/// Members of all clusters that are listed.
const MOST_ROWS: usize = 1 << 20;

/// The clusters of near duplicates, the largest first, a row a trace: the first of a cluster is one that stays. `kept`
/// says whether it stays, `jaccard` how near it is to the trace `near_to` that stays for it, `text` how the response
/// begins of a few members of the largest clusters. Of a cluster 1,000 members are listed, and of all about a million.
///
/// # Errors
/// Only when a column does not fit Arrow's limits.
pub fn near_duplicates(selection: &Selection) -> Result<RecordBatch, EngineError> {
    let mut table = NearTable::default();
    let found = selection.near.as_ref();
    let clusters = found.map_or(&[][..], |found| &found.clusters);
    for (number, cluster) in (0..).zip(clusters) {
        if table.cluster.len() >= MOST_ROWS {
            break;
        }
        table.push_cluster(selection, number, cluster);
    }
    table.finish()
}

#[derive(Default)]
struct NearTable {
    cluster: Vec<u32>,
    size: Vec<u32>,
    trace_id: Vec<u64>,
    source: StringDictionaryBuilder<Int32Type>,
    file: StringDictionaryBuilder<Int32Type>,
    row: Vec<u64>,
    sample: Vec<u32>,
    kept: Vec<bool>,
    jaccard: Float64Builder,
    near_to: UInt64Builder,
    text: StringBuilder,
}

impl NearTable {
    fn push_cluster(&mut self, selection: &Selection, number: u32, cluster: &NearCluster) {
        for member in cluster.members.iter().take(MOST_MEMBERS) {
            self.cluster.push(number);
            self.size.push(cluster.members.len() as u32);
            self.push_member(selection, member);
        }
    }

    fn push_member(&mut self, selection: &Selection, member: &NearMember) {
        let index = &selection.index;
        let (block, row) = (index.block(member.trace), member.trace.row as usize);
        let id = |trace: TraceLocation| index.block(trace).traces.trace_id[trace.row as usize];
        self.trace_id.push(id(member.trace));
        self.source.append_value(&block.header.source);
        self.file.append_value(&block.header.file);
        let ordinal = u64::from(block.traces.ordinal[row]);
        self.row.push(block.first_row + ordinal);
        self.sample.push(block.traces.sample[row]);
        self.kept.push(member.kept.is_none());
        self.jaccard
            .append_option(member.kept.map(|(_, jaccard)| jaccard));
        self.near_to
            .append_option(member.kept.map(|(kept, _)| id(kept)));
        self.text.append_option(member.text.as_deref());
    }

    fn finish(mut self) -> Result<RecordBatch, EngineError> {
        let short = |values: Vec<u32>| -> ArrayRef { Arc::new(UInt32Array::from(values)) };
        let long = |values: Vec<u64>| -> ArrayRef { Arc::new(UInt64Array::from(values)) };
        let columns = vec![
            ("cluster", short(self.cluster), false),
            ("size", short(self.size), false),
            ("trace_id", long(self.trace_id), false),
            ("source", Arc::new(self.source.finish()) as ArrayRef, false),
            ("file", Arc::new(self.file.finish()), false),
            ("row", long(self.row), false),
            ("sample", short(self.sample), false),
            ("kept", Arc::new(BooleanArray::from(self.kept)), false),
            ("jaccard", Arc::new(self.jaccard.finish()), true),
            ("near_to", Arc::new(self.near_to.finish()), true),
            ("text", Arc::new(self.text.finish()), true),
        ];
        batch(columns).map_err(arrow)
    }
}
