//! The tables of a run: where each packed trace comes from, and what was left out and why.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringDictionaryBuilder, UInt32Builder, UInt64Builder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use octomed_index::{BlockIndex, IndexFile, MEASURES, TraceLocation, Verdict, read_index};

use crate::error::EngineError;
use crate::range_packs::RangePacks;
use crate::select::Selection;

/// Where a range's packs begin in a stream.
#[derive(Clone, Debug)]
pub struct StreamStart<'a> {
    /// Name of the stream.
    pub name: &'a str,
    /// Row of the stream of the range's first pack.
    pub first_pack: u64,
    /// Number of the range's first shard.
    pub first_shard: u32,
    /// Packs of each of the range's shards.
    pub shards: &'a [u32],
}

/// Provenance of a range's packs in one stream: a row a trace, in the order of the shards. Where the run has images a
/// column says which each trace shows, by the hashes of their bytes, in the order of the placeholders, and another how
/// many patches the model takes each in: by these a training knows what a pack costs.
///
/// # Errors
/// Only when a column does not fit Arrow's limits.
pub fn provenance(
    selection: &Selection,
    packs: &RangePacks,
    stream: usize,
    start: &StreamStart<'_>,
) -> Result<RecordBatch, EngineError> {
    let mut table = Provenance {
        images: selection.has_images().then(Default::default),
        ..Provenance::default()
    };
    let stream = &packs.streams[stream];
    let mut pack = 0;
    for (shard, &count) in (start.first_shard..).zip(start.shards) {
        for _ in 0..count {
            let mut offset = 0;
            for (document, &entry) in (0..).zip(stream.pack(pack)) {
                let from = packs.traces[entry as usize];
                table.copy.push(packs.copy(entry));
                let row = (shard, start.first_pack + pack as u64, document, offset);
                offset += table.push(selection, from, row);
            }
            pack += 1;
        }
    }
    table.finish(start.name).map_err(arrow)
}

#[derive(Default)]
struct Provenance {
    trace_id: Vec<u64>,
    copy: Vec<u32>,
    source: StringDictionaryBuilder<Int32Type>,
    file: StringDictionaryBuilder<Int32Type>,
    row: Vec<u64>,
    sample: Vec<u32>,
    shard: Vec<u32>,
    pack: Vec<u64>,
    document: Vec<u32>,
    offset: Vec<u32>,
    length: Vec<u32>,
    images: Option<(ListBuilder<UInt64Builder>, ListBuilder<UInt32Builder>)>,
}

impl Provenance {
    fn push(
        &mut self,
        selection: &Selection,
        from: TraceLocation,
        at: (u32, u64, u32, u32),
    ) -> u32 {
        let block = selection.index.block(from);
        let (traces, row) = (&block.traces, from.row as usize);
        let (shard, pack, document, offset) = at;
        self.trace_id.push(traces.trace_id[row]);
        self.source.append_value(&block.header.source);
        self.file.append_value(&block.header.file);
        self.row
            .push(block.first_row + u64::from(traces.ordinal[row]));
        self.sample.push(traces.sample[row]);
        self.shard.push(shard);
        self.pack.push(pack);
        self.document.push(document);
        self.offset.push(offset);
        self.length.push(traces.tokens[row]);
        if let Some((images, patches)) = &mut self.images {
            let table = &block.images;
            let hash = |&image: &u32| Some(table.hash[image as usize]);
            let size = |&image: &u32| {
                let image = image as usize;
                Some(u32::from(table.grid_h[image]) * u32::from(table.grid_w[image]))
            };
            images.append_value(block.image_refs(row).iter().map(hash));
            patches.append_value(block.image_refs(row).iter().map(size));
        }
        traces.tokens[row]
    }

    fn finish(mut self, stream: &str) -> Result<RecordBatch, ArrowError> {
        let count = self.trace_id.len();
        let mut streams = StringDictionaryBuilder::<Int32Type>::new();
        for _ in 0..count {
            streams.append_value(stream);
        }
        let short = |values: Vec<u32>| -> ArrayRef { Arc::new(UInt32Array::from(values)) };
        let long = |values: Vec<u64>| -> ArrayRef { Arc::new(UInt64Array::from(values)) };
        let mut columns = vec![
            ("trace_id", long(self.trace_id), false),
            ("copy", short(self.copy), false),
            ("source", Arc::new(self.source.finish()), false),
            ("file", Arc::new(self.file.finish()), false),
            ("row", long(self.row), false),
            ("sample", short(self.sample), false),
            ("stream", Arc::new(streams.finish()), false),
            ("shard", short(self.shard), false),
            ("pack", long(self.pack), false),
            ("document", short(self.document), false),
            ("offset", short(self.offset), false),
            ("length", short(self.length), false),
        ];
        if let Some((mut images, mut patches)) = self.images {
            columns.push(("images", Arc::new(images.finish()), false));
            columns.push(("image_patches", Arc::new(patches.finish()), false));
        }
        batch(columns)
    }
}

/// What block `number` left out, in source order: source, file, row, sample, reason, detail. Where the run has images a
/// column says which each trace shows, as in the provenance; of a row that is refused the detail names the image.
///
/// # Errors
/// When the block's index cannot be read.
pub fn rejects(selection: &Selection, number: usize) -> Result<RecordBatch, EngineError> {
    let block = &selection.index.blocks[number];
    let IndexFile {
        refusals, filtered, ..
    } = read_index(&block.path.with_extension("index"))?;
    let measures = match block.header.measures {
        true => block.read_side(MEASURES)?,
        false => Vec::new(),
    };
    let mut rows: Vec<Reject<'_>> = Vec::new();
    for (row, ordinal) in refusals.ordinal.iter().enumerate() {
        rows.push(Reject {
            ordinal: *ordinal,
            sample: None,
            reason: refusals.reason_of(row),
            detail: Cow::Borrowed(refusals.detail_of(row)),
            trace: None,
        });
    }
    for row in 0..block.len() {
        if let Some(verdict) = Verdict::from_code(block.traces.verdict[row])
            .filter(|verdict| *verdict != Verdict::Kept)
        {
            let trace = TraceLocation {
                block: number as u32,
                row: row as u32,
            };
            let (ordinal, sample) = (block.traces.ordinal[row], block.traces.sample[row]);
            let own = (verdict == Verdict::Filtered)
                .then(|| filtered.of(ordinal, sample))
                .flatten();
            let (reason, detail) = match own {
                Some((filter, detail)) => (filter, Cow::Borrowed(detail)),
                None => {
                    let detail = selection.curation_detail(block, &measures, row);
                    let detail = detail.unwrap_or_else(|| selection.detail(trace, verdict));
                    (verdict.as_str(), Cow::Owned(detail))
                }
            };
            rows.push(Reject {
                ordinal,
                sample: Some(sample),
                reason,
                detail,
                trace: Some(row),
            });
        }
    }
    rows.sort_by_key(|reject| (reject.ordinal, reject.sample));
    let images = selection.has_images().then(|| images_of(block, &rows));
    rejects_batch(block, &rows, images).map_err(arrow)
}

/// A line of the rejects.
struct Reject<'r> {
    ordinal: u32,
    sample: Option<u32>,
    reason: &'r str,
    /// Kind and place, never a value.
    detail: Cow<'r, str>,
    /// Its number in the block, of a trace.
    trace: Option<usize>,
}

/// The hashes of the images that each of these traces shows; none of a row.
fn images_of(block: &BlockIndex, rows: &[Reject<'_>]) -> ListArray {
    let mut images = ListBuilder::<UInt64Builder>::default();
    for reject in rows {
        let refs = reject.trace.map_or(&[][..], |row| block.image_refs(row));
        let hash = |&image: &u32| Some(block.images.hash[image as usize]);
        images.append_value(refs.iter().map(hash));
    }
    images.finish()
}

fn rejects_batch(
    block: &BlockIndex,
    rows: &[Reject<'_>],
    images: Option<ListArray>,
) -> Result<RecordBatch, ArrowError> {
    let mut samples = UInt32Builder::with_capacity(rows.len());
    rows.iter()
        .for_each(|reject| samples.append_option(reject.sample));
    let same = |value: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|_| value)))
    };
    let numbers = rows
        .iter()
        .map(|reject| block.first_row + u64::from(reject.ordinal));
    let mut columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("source", same(&block.header.source), false),
        ("file", same(&block.header.file), false),
        (
            "row",
            Arc::new(UInt64Array::from_iter_values(numbers)),
            false,
        ),
        ("sample", Arc::new(samples.finish()), true),
        (
            "reason",
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|reject| reject.reason),
            )),
            false,
        ),
        (
            "detail",
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|reject| &reject.detail),
            )),
            false,
        ),
    ];
    if let Some(images) = images {
        columns.push(("images", Arc::new(images), false));
    }
    batch(columns)
}

/// A table of columns, of which some may be null.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef, bool)>) -> Result<RecordBatch, ArrowError> {
    let field = |(name, array, nullable): &(&str, ArrayRef, bool)| {
        let kind: &DataType = array.data_type();
        Field::new(*name, kind.clone(), *nullable)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(
        Arc::new(schema),
        columns.into_iter().map(|(_, array, _)| array).collect(),
    )
}

/// A table that cannot be made.
pub(crate) fn arrow(error: ArrowError) -> EngineError {
    EngineError::Internal(format!("a table cannot be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrow_refuses_is_a_fault_of_ours_and_not_of_the_recipe() {
        let error = arrow(ArrowError::DictionaryKeyOverflowError);
        assert!(matches!(error, EngineError::Internal(_)), "{error}");
    }
}
