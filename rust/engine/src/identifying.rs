//! Where traces have data that tell who somebody is: kind, field and place, never the value.

use std::sync::Arc;

use arrow_array::builder::UInt32Builder;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use octomed_index::{IDENTIFYING_FIELDS, IDENTIFYING_KINDS, MEASURES, TraceMeasures};

use crate::error::EngineError;
use crate::select::Selection;

/// A find: the trace's row in the block, field, kind; with a trace's first where the first of its field begins.
type Find = (usize, &'static str, &'static str, Option<u32>);

/// The finds of block `number`, in source order: source, file, row, sample, field, kind, and `at`, the byte of its field
/// at which a trace's first begins; and whether the trace is packed.
///
/// # Errors
/// When what was measured of the block cannot be read.
pub fn identifying(selection: &Selection, number: usize) -> Result<RecordBatch, EngineError> {
    let block = &selection.index.blocks[number];
    let mut finds: Vec<Find> = Vec::new();
    if block.header.measures {
        let measures = block.read_side(MEASURES)?;
        for row in 0..block.len() {
            add_finds(row, &TraceMeasures::of(&measures, row), &mut finds);
        }
    }
    let traces = &block.traces;
    finds.sort_by_key(|(row, ..)| (traces.ordinal[*row], traces.sample[*row]));
    let source_row = |row: usize| block.first_row + u64::from(traces.ordinal[row]);
    let texts = |of: fn(&Find) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(finds.iter().map(of)))
    };
    let same = |value: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(finds.iter().map(|_| value)))
    };
    let rows = finds.iter().map(|(row, ..)| source_row(*row));
    let samples = finds.iter().map(|(row, ..)| traces.sample[*row]);
    let packed: Vec<bool> = finds.iter().map(|(row, ..)| block.is_kept(*row)).collect();
    let mut places = UInt32Builder::with_capacity(finds.len());
    finds.iter().for_each(|(.., at)| places.append_option(*at));
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("source", same(&block.header.source), false),
        ("file", same(&block.header.file), false),
        ("row", Arc::new(UInt64Array::from_iter_values(rows)), false),
        (
            "sample",
            Arc::new(UInt32Array::from_iter_values(samples)),
            false,
        ),
        ("field", texts(|(_, field, ..)| field), false),
        ("kind", texts(|(_, _, kind, _)| kind), false),
        ("at", Arc::new(places.finish()), true),
        ("packed", Arc::new(BooleanArray::from(packed)), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns)
        .map_err(|error| EngineError::Internal(format!("a table cannot be made: {error}")))
}

/// Adds what a trace has, field by field.
fn add_finds(row: usize, measures: &TraceMeasures, finds: &mut Vec<Find>) {
    let mut first = Some(measures.identifying_at);
    for (field, name) in IDENTIFYING_FIELDS.into_iter().enumerate() {
        let mut of_field = first;
        for (kind, word) in IDENTIFYING_KINDS.into_iter().enumerate() {
            if measures.identifying >> (IDENTIFYING_KINDS.len() * field + kind) & 1 == 1 {
                finds.push((row, name, word, of_field.take()));
                first = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_find_has_kind_and_field_and_the_first_a_place() {
        let measures = TraceMeasures {
            identifying: 1 << 1 | 1 << 2 | 1 << 10,
            identifying_at: 40,
            ..TraceMeasures::default()
        };
        let mut finds = Vec::new();
        add_finds(3, &measures, &mut finds);
        let expected = [
            (3, "question", "phone", Some(40)),
            (3, "question", "national_id", None),
            (3, "answer", "email", None),
        ];
        assert_eq!(finds, expected);
    }
}
