//! Builds a raw shard in one buffer: every byte of a row is copied once, to where it stays.

use std::sync::Arc;

use crate::cell::{Cell, Value};
use crate::{MdsError, Schema};

/// A shard under construction.
///
/// The head needs the number of rows. Where it is known beforehand rows go to their final place; if the
/// number turns out to be another, [`Self::finish`] moves them once.
#[derive(Debug)]
pub struct ShardBuilder {
    schema: Arc<Schema>,
    buffer: Vec<u8>,
    head: usize,
    ends: Vec<u64>,
}

/// A row being written; dropped before [`Row::finish`], it leaves no trace.
#[derive(Debug)]
pub struct Row<'b> {
    builder: &'b mut ShardBuilder,
    cells: &'b [Cell<'b>],
    column: usize,
    missing: u64,
    finished: bool,
}

impl ShardBuilder {
    /// A shard of probably `rows` rows.
    #[must_use]
    pub fn new(schema: &Arc<Schema>, rows: usize) -> Self {
        Self::reuse(schema, rows, Vec::new())
    }

    /// A shard of probably `rows` rows in memory that an earlier one had.
    #[must_use]
    pub fn reuse(schema: &Arc<Schema>, rows: usize, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        let head = in_memory(schema.head_size(rows));
        buffer.resize(head, 0);
        Self {
            schema: Arc::clone(schema),
            buffer,
            head,
            ends: Vec::with_capacity(rows),
        }
    }

    /// Makes room for `bytes` of rows ([`Schema::row_size`]), so that the buffer never moves.
    pub fn reserve(&mut self, bytes: usize) {
        octomed_memory::reserve(&mut self.buffer, bytes);
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Begins a row with these cells, one a column in the order of [`Schema::names`].
    ///
    /// # Errors
    /// A cell that its column does not take, or a shard of more than 4 GiB.
    pub fn row<'b>(&'b mut self, cells: &'b [Cell<'b>]) -> Result<Row<'b>, MdsError> {
        let size = self.schema.row_size(cells)?;
        let rows = (self.buffer.len() - self.head) as u64 + size;
        let bytes = self.schema.head_size(self.rows() + 1) + rows;
        if bytes > u32::MAX.into() {
            return Err(MdsError::TooLarge {
                what: "a shard",
                bytes,
            });
        }
        self.ends.push(rows);
        let mut row = Row {
            builder: self,
            cells,
            column: 0,
            missing: 0,
            finished: false,
        };
        row.write_sizes()?;
        row.enter_columns(0)?;
        Ok(row)
    }

    /// Writes a whole row, one value a column in the order of [`Schema::names`].
    ///
    /// # Errors
    /// As [`Self::row`]; [`MdsError::ValueSize`] if an array's bytes do not fit its shape.
    pub fn push(&mut self, values: &[Value<'_>]) -> Result<(), MdsError> {
        self.schema.values_size(values)?;
        let cells: Vec<Cell<'_>> = values.iter().map(Value::cell).collect();
        let mut row = self.row(&cells)?;
        for value in values {
            row.append(value.data())?;
        }
        row.finish()
    }

    /// The raw shard.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.place_rows();
        let head = self.head as u64;
        let rows = self.ends.len() as u64;
        let config = self.schema.config();
        let starts = std::iter::once(0)
            .chain(self.ends.iter().copied())
            .map(|end| end + head);
        let words = std::iter::once(rows).chain(starts);
        let (numbers, text) = self.buffer[..self.head].split_at_mut(self.head - config.len());
        for (slot, word) in numbers.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            // `row` has refused what does not fit 32 bits.
            #[expect(clippy::cast_possible_truncation, reason = "refused by `row`")]
            let word = word as u32;
            *slot = word.to_le_bytes();
        }
        text.copy_from_slice(config);
        self.buffer
    }

    /// Moves the rows after a head of the true number of rows.
    fn place_rows(&mut self) {
        let head = in_memory(self.schema.head_size(self.ends.len()));
        if head == self.head {
            return;
        }
        let end = self.buffer.len();
        let rows = end - self.head;
        if head > self.head {
            self.buffer.resize(end + head - self.head, 0);
        }
        self.buffer.copy_within(self.head..end, head);
        self.buffer.truncate(head + rows);
        self.head = head;
    }
}

impl Row<'_> {
    /// Appends bytes to the column that is not yet full; the next column follows by itself.
    ///
    /// # Errors
    /// [`MdsError::ValueSize`] if the column was announced smaller.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), MdsError> {
        if bytes.len() as u64 > self.missing {
            return Err(self.wrong_size(bytes.len() as u64));
        }
        self.builder.buffer.extend_from_slice(bytes);
        self.advance(bytes.len() as u64)
    }

    /// Appends numbers, little endian, to the column that is not yet full.
    ///
    /// # Errors
    /// [`MdsError::ValueSize`] if the column was announced smaller.
    pub fn append_u32(&mut self, numbers: &[u32]) -> Result<(), MdsError> {
        let bytes = numbers.len() * 4;
        if bytes as u64 > self.missing {
            return Err(self.wrong_size(bytes as u64));
        }
        let buffer = &mut self.builder.buffer;
        if cfg!(target_endian = "little") {
            buffer.extend_from_slice(bytemuck::cast_slice(numbers));
        } else {
            buffer.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        self.advance(bytes as u64)
    }

    /// Leaves room for `bytes` of the column that is not yet full, zeros until the caller fills them.
    ///
    /// Returns where they begin in the raw shard, which holds if the shard gets as many rows as it was made for.
    ///
    /// # Errors
    /// [`MdsError::ValueSize`] if the column was announced smaller.
    pub fn leave(&mut self, bytes: usize) -> Result<usize, MdsError> {
        if bytes as u64 > self.missing {
            return Err(self.wrong_size(bytes as u64));
        }
        let buffer = &mut self.builder.buffer;
        let start = buffer.len();
        buffer.resize(start + bytes, 0);
        self.advance(bytes as u64)?;
        Ok(start)
    }

    /// Ends the row.
    ///
    /// # Errors
    /// [`MdsError::ValueSize`] if a column got fewer bytes than announced; the row is taken back.
    pub fn finish(mut self) -> Result<(), MdsError> {
        if self.column < self.cells.len() {
            return Err(self.wrong_size(0));
        }
        self.finished = true;
        Ok(())
    }

    fn write_sizes(&mut self) -> Result<(), MdsError> {
        let schema = Arc::clone(&self.builder.schema);
        for (column, cell) in self.cells.iter().enumerate() {
            if schema.encodings()[column].fixed_size().is_none() {
                let bytes = schema.cell_size(column, cell)?;
                #[expect(clippy::cast_possible_truncation, reason = "refused by `cell_size`")]
                let size = bytes as u32;
                self.builder.buffer.extend_from_slice(&size.to_le_bytes());
            }
        }
        Ok(())
    }

    fn advance(&mut self, bytes: u64) -> Result<(), MdsError> {
        self.missing -= bytes;
        if self.missing == 0 && self.column < self.cells.len() {
            self.enter_columns(self.column + 1)?;
        }
        Ok(())
    }

    /// Writes the headers of the columns from `column` on, up to one that still needs bytes.
    fn enter_columns(&mut self, column: usize) -> Result<(), MdsError> {
        let schema = Arc::clone(&self.builder.schema);
        for (column, cell) in self.cells.iter().enumerate().skip(column) {
            let buffer = &mut self.builder.buffer;
            let start = buffer.len();
            cell.write_header(&schema.encodings()[column], buffer);
            let header = (buffer.len() - start) as u64;
            self.missing = schema.cell_size(column, cell)? - header;
            self.column = column;
            if self.missing > 0 {
                return Ok(());
            }
        }
        self.column = self.cells.len();
        Ok(())
    }

    fn wrong_size(&self, actual: u64) -> MdsError {
        let names = self.builder.schema.names();
        let column = names
            .get(self.column)
            .or(names.last())
            .cloned()
            .unwrap_or_default();
        MdsError::ValueSize {
            column,
            expected: self.missing,
            actual,
        }
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let builder = &mut *self.builder;
            builder.ends.pop();
            let rows = builder.ends.last().copied().unwrap_or(0);
            let keep = builder.head + in_memory(rows);
            builder.buffer.truncate(keep);
        }
    }
}

/// A number of bytes that are in memory, or will be.
#[expect(
    clippy::cast_possible_truncation,
    reason = "more than a `usize` counts would not have been in memory"
)]
fn in_memory(bytes: u64) -> usize {
    bytes as usize
}
