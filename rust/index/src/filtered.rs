//! The traces of a block that filters of the user's own left out, with what they say of each.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, Schema};

/// Traces that filters left out, in reading order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilteredColumns {
    ordinal: Vec<u32>,
    sample: Vec<u32>,
    filter: Words,
    detail: Words,
}

/// Texts of which a few come again and again: each once, and its number for each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Words {
    lines: Vec<u32>,
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Words {
    fn push(&mut self, text: &str) {
        let number = match self.numbers.get(text) {
            Some(&number) => number,
            None => {
                let number = self.texts.len() as u32;
                self.texts.push(text.to_owned());
                self.numbers.insert(text.to_owned(), number);
                number
            }
        };
        self.lines.push(number);
    }

    fn get(&self, line: usize) -> &str {
        &self.texts[self.lines[line] as usize]
    }

    fn array(&self) -> Result<ArrayRef, ArrowError> {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(&self.texts));
        let lines = UInt32Array::from(self.lines.clone());
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(
            lines, texts,
        )?))
    }

    fn append(&mut self, column: &dyn Array) -> Option<()> {
        let column = column.as_dictionary_opt::<UInt32Type>()?;
        let texts = column.values().as_string_opt::<i32>()?;
        for &number in column.keys().values() {
            let number = number as usize;
            (number < texts.len()).then_some(())?;
            self.push(texts.value(number));
        }
        Some(())
    }
}

impl FilteredColumns {
    /// Adds a trace that a filter left out.
    pub fn push(&mut self, ordinal: u32, sample: u32, filter: &str, detail: &str) {
        self.ordinal.push(ordinal);
        self.sample.push(sample);
        self.filter.push(filter);
        self.detail.push(detail);
    }

    /// Number of traces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ordinal.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ordinal.is_empty()
    }

    /// The name of the filter that left a trace out, and what it says of it.
    #[must_use]
    pub fn of(&self, ordinal: u32, sample: u32) -> Option<(&str, &str)> {
        let first = self.ordinal.partition_point(|&one| one < ordinal);
        let end = self.ordinal.partition_point(|&one| one <= ordinal);
        let line = first + self.sample[first..end].binary_search(&sample).ok()?;
        Some((self.filter.get(line), self.detail.get(line)))
    }

    pub(crate) fn to_batch(&self) -> Result<RecordBatch, ArrowError> {
        let words = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
        let schema = Schema::new(vec![
            Field::new("ordinal", DataType::UInt32, false),
            Field::new("sample", DataType::UInt32, false),
            Field::new("filter", words.clone(), false),
            Field::new("detail", words, false),
        ]);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(self.ordinal.clone())),
            Arc::new(UInt32Array::from(self.sample.clone())),
            self.filter.array()?,
            self.detail.array()?,
        ];
        RecordBatch::try_new(Arc::new(schema), arrays)
    }

    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Option<()> {
        let numbers = |name| batch.column_by_name(name)?.as_primitive_opt::<UInt32Type>();
        self.ordinal.extend_from_slice(numbers("ordinal")?.values());
        self.sample.extend_from_slice(numbers("sample")?.values());
        self.filter.append(batch.column_by_name("filter")?)?;
        self.detail.append(batch.column_by_name("detail")?)?;
        let places = self.ordinal.iter().zip(&self.sample);
        places.is_sorted_by(|one, next| one < next).then_some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn columns() -> FilteredColumns {
        let mut columns = FilteredColumns::default();
        columns.push(3, 0, "short", "2 words");
        columns.push(3, 2, "short", "3 words");
        columns.push(7, 0, "advice", "");
        columns.push(7, 1, "short", "2 words");
        columns
    }

    #[test]
    fn a_trace_is_found_by_its_place() {
        let columns = columns();
        assert_eq!(columns.of(3, 2), Some(("short", "3 words")));
        assert_eq!(columns.of(7, 0), Some(("advice", "")));
        assert_eq!((columns.of(3, 1), columns.of(5, 0)), (None, None));
        assert_eq!(columns.detail.texts.len(), 3, "each text once");
    }

    #[test]
    fn columns_come_back_and_disorder_does_not() {
        let written = columns();
        let mut read = FilteredColumns::default();
        assert!(read.append(&written.to_batch().unwrap()).is_some());
        assert_eq!(read, written);
        assert!(read.append(&written.to_batch().unwrap()).is_none());
    }
}
