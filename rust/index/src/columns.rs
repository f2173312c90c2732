//! The columns of the index: one table, from which everything that handles all of them follows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, ArrowNativeTypeOp, PrimitiveArray, RecordBatch};
use arrow_schema::{ArrowError, Field, Schema};

/// Declares the columns: `name: type, when it is in memory`.
macro_rules! columns {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty, $when:ident;)+) => {
        /// A column of the index, by the name that it has in the file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(non_camel_case_types, reason = "a column has one name everywhere")]
        pub enum Column {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Column {
            /// All columns, in the order of the file.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in the file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            fn when(self) -> When {
                match self {
                    $(Self::$name => When::$when,)+
                }
            }
        }

        /// What the index says of one trace.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct TraceEntry {
            $($(#[doc = $doc])+ pub $name: $kind,)+
        }

        /// The traces of a block, a vector for each column, in the block's order.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct TraceColumns {
            $($(#[doc = $doc])+ pub $name: Vec<$kind>,)+
        }

        /// Bytes of a trace's row in the index.
        pub const INDEX_ROW_BYTES: u64 = 0 $(+ size_of::<$kind>() as u64)+;

        impl TraceColumns {
            /// Adds a trace.
            pub fn push(&mut self, entry: &TraceEntry) {
                $(self.$name.push(entry.$name);)+
            }

            /// The rows in another order.
            #[must_use]
            pub fn reordered(&self, order: &[u32]) -> Self {
                Self { $($name: reordered(&self.$name, order),)+ }
            }

            /// Frees the columns of which `is_kept` says no.
            pub(crate) fn retain(&mut self, is_kept: impl Fn(Column) -> bool) {
                $(if !is_kept(Column::$name) {
                    self.$name = Vec::new();
                })+
            }

            fn into_arrays(self) -> Vec<ArrayRef> {
                vec![$(array(self.$name)),+]
            }

            /// Adds the rows of a batch; `None` if it lacks a column.
            pub(crate) fn append(&mut self, batch: &RecordBatch) -> Option<()> {
                $(append(&mut self.$name, stringify!($name), batch)?;)+
                Some(())
            }
        }
    };
}

/// When a column is in memory after the index was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// As long as the index is.
    Always,
    /// While rules run that ask for it.
    Asked,
}

// A new column is a line here, a value where the scan makes a `TraceEntry`, and another `SCAN_VERSION`.
columns! {
    /// Hash of the identity.
    trace_id: u64, Always;
    /// What the block is sorted by.
    shuffle_key: u64, Always;
    /// High half of the hash of the whole trace.
    hash_high: u64, Asked;
    /// Low half of the hash of the whole trace.
    hash_low: u64, Asked;
    /// Hash of the question.
    question_id: u64, Asked;
    /// Position in the file: byte offset in plain JSON Lines, row number elsewhere.
    position: u64, Asked;
    /// Row number in the task.
    ordinal: u32, Always;
    /// Index of the response in its row.
    sample: u32, Always;
    /// Length in tokens; 0 where no ids are stored.
    tokens: u32, Always;
    /// Tokens that carry loss.
    supervised: u32, Always;
    /// Supervised spans.
    spans: u32, Always;
    /// Bytes in the `.ids` file, spans and ids together.
    stored: u32, Always;
    /// [`checksum`](crate::checksum) of these bytes.
    checksum: u32, Always;
    /// Placeholders of images.
    images: u16, Always;
    /// [`Verdict`](crate::Verdict) of the scan, later of all decisions.
    verdict: u8, Always;
}

impl Column {
    /// Whether it is in memory though no rule asks for it.
    #[must_use]
    pub fn is_always_loaded(self) -> bool {
        self.when() == When::Always
    }
}

impl TraceColumns {
    /// Number of traces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.verdict.len()
    }

    /// Whether there are no traces.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verdict.is_empty()
    }

    /// The rows in the order in which a block has them: by shuffle key, and by place in the file where two are equal.
    #[must_use]
    pub fn shuffled_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..).take(self.len()).collect();
        order.sort_unstable_by_key(|&row| {
            let row = row as usize;
            (self.shuffle_key[row], self.position[row], self.sample[row])
        });
        order
    }

    pub(crate) fn into_batch(
        self,
        metadata: HashMap<String, String>,
    ) -> Result<RecordBatch, ArrowError> {
        let arrays = self.into_arrays();
        let named = Column::ALL.iter().zip(&arrays);
        let fields: Vec<Field> = named
            .map(|(column, array)| Field::new(column.name(), array.data_type().clone(), false))
            .collect();
        let schema = Schema::new_with_metadata(fields, metadata);
        RecordBatch::try_new(Arc::new(schema), arrays)
    }
}

/// A type that a column may have.
pub(crate) trait Value: ArrowNativeTypeOp {
    type Arrow: ArrowPrimitiveType<Native = Self>;
}

impl Value for u64 {
    type Arrow = UInt64Type;
}

impl Value for u32 {
    type Arrow = UInt32Type;
}

impl Value for u16 {
    type Arrow = UInt16Type;
}

impl Value for u8 {
    type Arrow = UInt8Type;
}

/// A column for a file.
pub(crate) fn array<T: Value>(column: Vec<T>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T::Arrow>::new(column.into(), None))
}

/// Adds a column of a batch; `None` if the batch lacks it.
pub(crate) fn append<T: Value>(column: &mut Vec<T>, name: &str, batch: &RecordBatch) -> Option<()> {
    let array = batch.column_by_name(name)?;
    let values = array.as_primitive_opt::<T::Arrow>()?.values();
    column.extend_from_slice(values);
    Some(())
}

fn reordered<T: Copy>(column: &[T], order: &[u32]) -> Vec<T> {
    order.iter().map(|&row| column[row as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_what_its_columns_take() {
        assert_eq!(INDEX_ROW_BYTES, 6 * 8 + 7 * 4 + 2 + 1);
        assert_eq!(Column::ALL.len(), 15);
    }

    #[test]
    fn only_columns_that_are_kept_stay() {
        let mut traces = TraceColumns::default();
        traces.push(&TraceEntry::default());
        traces.retain(|column| column.is_always_loaded() || column == Column::hash_low);
        assert_eq!((traces.hash_high.len(), traces.position.len()), (0, 0));
        assert_eq!((traces.hash_low.len(), traces.tokens.len()), (1, 1));
    }
}
