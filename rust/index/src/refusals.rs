//! The source rows of a block that gave no trace.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, RecordBatch, StringArray, UInt8Array, UInt32Array,
    UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use octomed_trace::Reason;

/// The source rows of a block that gave no trace, in source order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalColumns {
    /// Position in the file.
    pub position: Vec<u64>,
    /// Row number in the task.
    pub ordinal: Vec<u32>,
    /// [`Reason::code`] of the reason.
    pub reason: Vec<u8>,
    /// Number of the detail in `details`: a million rows mostly have a handful of faults.
    pub detail: Vec<u32>,
    /// Kind and place of a fault, never the value; each once.
    pub details: Vec<String>,
}

impl RefusalColumns {
    /// The name of a refusal's reason.
    #[must_use]
    pub fn reason_of(&self, row: usize) -> &'static str {
        Reason::from_code(self.reason[row]).map_or("unknown", Reason::as_str)
    }

    /// The detail of a refusal.
    #[must_use]
    pub fn detail_of(&self, row: usize) -> &str {
        &self.details[self.detail[row] as usize]
    }
}

impl RefusalColumns {
    pub(crate) fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        let details: ArrayRef = Arc::new(StringArray::from_iter_values(&self.details));
        let detail =
            DictionaryArray::<UInt32Type>::try_new(UInt32Array::from(self.detail), details)?;
        let schema = Schema::new(vec![
            Field::new("position", DataType::UInt64, false),
            Field::new("ordinal", DataType::UInt32, false),
            Field::new("reason", DataType::UInt8, false),
            Field::new("detail", detail.data_type().clone(), false),
        ]);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(self.position)),
            Arc::new(UInt32Array::from(self.ordinal)),
            Arc::new(UInt8Array::from(self.reason)),
            Arc::new(detail),
        ];
        RecordBatch::try_new(Arc::new(schema), arrays)
    }

    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Option<()> {
        let position = batch
            .column_by_name("position")?
            .as_primitive_opt::<UInt64Type>()?;
        self.position.extend_from_slice(position.values());
        let ordinal = batch
            .column_by_name("ordinal")?
            .as_primitive_opt::<UInt32Type>()?;
        self.ordinal.extend_from_slice(ordinal.values());
        let reason = batch
            .column_by_name("reason")?
            .as_primitive_opt::<UInt8Type>()?;
        self.reason.extend_from_slice(reason.values());
        let detail = batch
            .column_by_name("detail")?
            .as_dictionary_opt::<UInt32Type>()?;
        let details = detail.values().as_string_opt::<i32>()?;
        let first = u32::try_from(self.details.len()).ok()?;
        let numbers = detail.keys().values().iter();
        let numbers: Option<Vec<u32>> = numbers.map(|number| first.checked_add(*number)).collect();
        self.detail.extend(numbers?);
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        self.details.extend(details.iter().map(text));
        let known = |number: &u32| (*number as usize) < self.details.len();
        let codes = |code: &u8| Reason::from_code(*code).is_some();
        (self.detail.iter().all(known) && self.reason.iter().all(codes)).then_some(())
    }
}
