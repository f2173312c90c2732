//! Rows of a CSV file, all their fields in one buffer.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch};

use crate::mapping::Mapping;
use crate::picture::{self, Picture};
use crate::read::Slots;
use crate::reason::Reason;
use crate::value::{Fault, Value, utf8};

/// About what a row costs besides its fields, and what a refusal costs besides its text.
const ROW_BYTES: usize = 32;
const REFUSAL_BYTES: usize = 96;

/// Consecutive rows, with the fields that the header names.
#[derive(Debug)]
pub(crate) struct CsvRows {
    names: Arc<[String]>,
    /// The values of all fields, without quotes, one after the other.
    bytes: Vec<u8>,
    /// Where each field ends in `bytes`.
    ends: Vec<usize>,
    rows: Vec<CsvRow>,
    /// Bytes that refusals take.
    details: usize,
}

/// A row: where its fields are, or why it is refused.
#[derive(Debug)]
pub(crate) struct CsvRow {
    /// Its number in the file, from 0.
    pub(crate) number: u64,
    /// The number of its first field.
    first: usize,
    refused: Option<Box<(Reason, String)>>,
}

impl CsvRows {
    pub(crate) fn new(names: Arc<[String]>) -> Self {
        Self {
            names,
            bytes: Vec::new(),
            ends: Vec::new(),
            rows: Vec::new(),
            details: 0,
        }
    }

    /// The names in the header.
    pub(crate) fn names(&self) -> Arc<[String]> {
        Arc::clone(&self.names)
    }

    /// How many fields a row has.
    pub(crate) fn width(&self) -> usize {
        self.names.len()
    }

    /// The rows, refused ones among them.
    pub(crate) fn rows(&self) -> &[CsvRow] {
        &self.rows
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// About how many bytes the rows take in memory.
    pub(crate) fn bytes_held(&self) -> u64 {
        let fields = self.ends.len() * size_of::<usize>();
        (self.bytes.len() + self.details + fields + self.rows.len() * ROW_BYTES) as u64
    }

    /// Puts a field after the others of the row to come.
    pub(crate) fn push_field(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Makes a row of as many fields as the header has, which have just been put here.
    pub(crate) fn end_row(&mut self, number: u64) {
        let first = self.ends.len() - self.names.len();
        self.rows.push(CsvRow {
            number,
            first,
            refused: None,
        });
    }

    /// Puts a row here that cannot be read.
    pub(crate) fn push_refused(&mut self, number: u64, reason: Reason, detail: String) {
        self.details += REFUSAL_BYTES + detail.len();
        self.rows.push(CsvRow {
            number,
            first: self.ends.len(),
            refused: Some(Box::new((reason, detail))),
        });
    }

    /// Puts a row here that has `count` fields.
    pub(crate) fn push_wrong_count(&mut self, number: u64, count: usize) {
        let wanted = self.names.len();
        let detail = format!("the row has {count} fields, the header {wanted}");
        self.push_refused(number, Reason::WrongColumnCount, detail);
    }

    /// The length of a field of the last row.
    pub(crate) fn last_length(&self, column: usize) -> u64 {
        self.rows
            .last()
            .map_or(0, |row| self.field(row, column).len() as u64)
    }

    /// The value of a row in a column, which are numbered as the header has them; empty for a refused row.
    pub(crate) fn field(&self, row: &CsvRow, column: usize) -> &[u8] {
        if row.refused.is_some() {
            return &[];
        }
        let field = row.first + column;
        let start = field.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[field]]
    }

    /// The column that each key of the mapping is read from.
    pub(crate) fn columns(&self, mapping: &Mapping) -> Vec<Option<usize>> {
        let read = mapping.columns_of(&self.names);
        let column = |key: &String| {
            let found = self.names.iter().position(|name| name == key);
            found.filter(|_| read.contains(key))
        };
        mapping.keys.iter().map(column).collect()
    }

    /// A batch of the row of this number alone; nothing for one that is refused, or in another block.
    pub(crate) fn raw_row(&self, number: u64) -> Option<RecordBatch> {
        let found = self.rows.binary_search_by_key(&number, |row| row.number);
        let row = &self.rows[found.ok()?];
        if row.refused.is_some() {
            return None;
        }
        let field = |(column, name): (usize, &String)| -> (String, ArrayRef) {
            let value = BinaryArray::from(vec![self.field(row, column)]);
            (name.clone(), Arc::new(value))
        };
        RecordBatch::try_from_iter(self.names.iter().enumerate().map(field)).ok()
    }

    /// The columns that are not mapped and in which pictures are looked for, and whether they are named so.
    pub(crate) fn searched(&self, mapping: &Mapping) -> Vec<(usize, bool)> {
        let read = mapping.columns_of(&self.names);
        let named = |(column, name): (usize, &String)| {
            let searched = mapping.searches_pictures_in(name) && !read.contains(name);
            searched.then(|| (column, picture::is_column_name(name)))
        };
        self.names.iter().enumerate().filter_map(named).collect()
    }

    /// The pictures that a row names in the columns `searched`.
    pub(crate) fn picture(&self, row: &CsvRow, searched: &[(usize, bool)]) -> Option<Picture> {
        let mut found: Option<Picture> = None;
        for &(column, in_column) in searched {
            let Ok(field) = utf8(self.field(row, column)) else {
                continue;
            };
            if picture::is_picture_text(field, in_column) {
                let before = found.as_ref().map_or(0, |picture| picture.hash);
                found = Some(Picture {
                    hash: picture::hash(before, field.as_bytes()),
                    column: found
                        .map_or_else(|| self.names[column].as_str().into(), |one| one.column),
                });
            }
        }
        found
    }

    /// Puts the values of a row into `slots`; `columns` are those of [`Self::columns`]. An empty field is null.
    pub(crate) fn fill<'a>(
        &'a self,
        mapping: &Mapping,
        columns: &[Option<usize>],
        row: &CsvRow,
        slots: &mut Slots<'a>,
    ) -> Result<(), Fault> {
        if let Some(refused) = &row.refused {
            let (reason, detail) = &**refused;
            return Err(Fault::new(*reason, detail.clone()));
        }
        for (index, column) in columns.iter().enumerate() {
            let Some(column) = *column else { continue };
            let field = self.field(row, column);
            slots[index] = Some(match field {
                [] => Value::Null,
                // Of what is not mapped only some values matter, and bytes that are no text are none of these.
                _ if index >= mapping.mapped => text(field, "").unwrap_or(Value::Other),
                _ => text(field, &mapping.keys[index])?,
            });
        }
        Ok(())
    }
}

fn text<'a>(field: &'a [u8], key: &str) -> Result<Value<'a>, Fault> {
    match utf8(field) {
        Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
        Err(at) => Err(Fault::new(
            Reason::InvalidUtf8,
            format!("byte {at} of the value in `{key}`"),
        )),
    }
}
