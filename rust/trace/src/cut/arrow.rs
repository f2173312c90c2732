//! Record batches of Parquet row groups.

mod size;

use std::sync::{Arc, OnceLock};

use arrow_array::{Array, RecordBatch};

use crate::block::{Block, Content, Piece, TooLarge};
use crate::error::TraceError;
use crate::limits::{DEFAULT_MAX_ROW_BYTES, MAX_BLOCK_ROWS, MAX_ROW_VALUES};
use crate::mapping::Mapping;
use crate::picture::{self, Picture};
use crate::read::arrow::{holds_text, picture_at};

/// Pieces of batches at which a block is cut: each takes some kilobytes besides its rows, and may have one row.
const MAX_PIECES: usize = 1 << 12;

/// Cuts one task of record batches into blocks of their mapped columns.
#[derive(Debug)]
pub struct ArrowCutter {
    mapping: Mapping,
    target: u64,
    first_row: u64,
    /// Number in the file of the next row.
    row: u64,
    pieces: Vec<Piece>,
    rows: u64,
    source_bytes: u64,
    image_bytes: u64,
    largest_row: u64,
}

impl ArrowCutter {
    /// Rows of the task so far, refused ones counted: the next task's row numbers go on there.
    pub fn rows(&self) -> u64 {
        self.row - self.first_row
    }

    /// A cutter for a task whose first row has number `first_row` in its file. A block is cut when the
    /// values of its mapped columns reach `target` bytes.
    pub fn new(mapping: &Mapping, first_row: u64, target: u64) -> Self {
        Self {
            mapping: mapping.clone(),
            target,
            first_row,
            row: first_row,
            pieces: Vec::new(),
            rows: 0,
            source_bytes: 0,
            image_bytes: 0,
            largest_row: 0,
        }
    }

    /// Takes the next batch and gives the blocks that it completes.
    ///
    /// # Errors
    /// [`TraceError::DuplicateColumns`], [`TraceError::MissingColumn`].
    pub fn feed(&mut self, batch: RecordBatch) -> Result<Vec<Block>, TraceError> {
        let schema = batch.schema();
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        self.mapping.check_columns(&names)?;
        let pictures = self.pictures(&batch, &names);
        let batch = self.project(&batch, &names);
        let (sizes, images) = self.sizes(&batch);
        let refused = self.too_large(&batch, &sizes);
        let part = (&batch, &pictures[..], &refused[..]);
        let mut blocks = Vec::new();
        let mut from = 0;
        for (index, size) in sizes.iter().enumerate() {
            self.row += 1;
            self.rows += 1;
            self.source_bytes += size;
            let of_images = images.get(index).copied().unwrap_or(0);
            self.image_bytes += of_images;
            if *size <= DEFAULT_MAX_ROW_BYTES {
                self.largest_row = self.largest_row.max(*size - of_images);
            }
            if self.source_bytes >= self.target || self.rows >= MAX_BLOCK_ROWS as u64 {
                self.push_rows(part, from, index + 1);
                from = index + 1;
                blocks.extend(self.cut());
            }
        }
        self.push_rows(part, from, sizes.len());
        if self.pieces.len() >= MAX_PIECES {
            blocks.extend(self.cut());
        }
        Ok(blocks)
    }

    /// Ends the task and gives the last block.
    ///
    /// # Errors
    /// None.
    pub fn finish(&mut self) -> Result<Option<Block>, TraceError> {
        Ok(self.cut())
    }

    /// The pictures of each row in columns that are not mapped; nothing where no row has any.
    ///
    /// They are looked for here and not by the workers, so that a block need not hold them.
    fn pictures(&self, batch: &RecordBatch, names: &[&str]) -> Vec<Option<Picture>> {
        let read = self.mapping.columns_of(names);
        let mut pictures = Vec::new();
        for (name, column) in names.iter().zip(batch.columns()) {
            let in_column = picture::is_column_name(name);
            let searched = self.mapping.searches_pictures_in(name)
                && !read.iter().any(|mapped| mapped == name)
                && (in_column || holds_text(column.data_type()));
            if searched {
                add_pictures(column.as_ref(), name, in_column, &mut pictures);
            }
        }
        pictures
    }

    /// The columns that the mapping reads; others are let go, so that a block holds no more than it needs.
    fn project(&self, batch: &RecordBatch, names: &[&str]) -> RecordBatch {
        let wanted = self.mapping.columns_of(names);
        let indices: Vec<usize> = (0..names.len())
            .filter(|&index| wanted.iter().any(|name| name == names[index]))
            .collect();
        batch.project(&indices).unwrap_or_else(|_| batch.clone())
    }

    /// The bytes of each row's mapped values, and how many of them are of columns of images alone; nothing of these
    /// where no such column is mapped.
    fn sizes(&self, batch: &RecordBatch) -> (Vec<u64>, Vec<u64>) {
        let mut sizes = vec![0; batch.num_rows()];
        let mut images = Vec::new();
        let mapped = self.mapping.keys[..self.mapping.mapped].iter();
        for (index, key) in mapped.enumerate() {
            let Some(column) = batch.column_by_name(key) else {
                continue;
            };
            if self.mapping.image_keys.contains(&index) {
                images.resize(sizes.len(), 0);
                size::add(column.as_ref(), &mut images);
            } else {
                size::add(column.as_ref(), &mut sizes);
            }
        }
        for (size, images) in sizes.iter_mut().zip(&images) {
            *size += images;
        }
        (sizes, images)
    }

    /// Rows that are too large to be read, and why.
    fn too_large(&self, batch: &RecordBatch, sizes: &[u64]) -> Vec<(usize, TooLarge)> {
        let mapped = &self.mapping.keys[..self.mapping.mapped];
        let columns = mapped.iter().filter_map(|key| batch.column_by_name(key));
        let mut values: Vec<u64> = Vec::new();
        for column in columns.filter(|column| size::values_held(column.as_ref()) > MAX_ROW_VALUES) {
            values.resize(sizes.len(), 0);
            size::add_values(column.as_ref(), &mut values);
        }
        let why = |(row, &size): (usize, &u64)| {
            let values = values.get(row).copied().unwrap_or(0);
            if size > DEFAULT_MAX_ROW_BYTES {
                Some((row, TooLarge::Bytes(size)))
            } else {
                (values > MAX_ROW_VALUES as u64).then_some((row, TooLarge::Values))
            }
        };
        sizes.iter().enumerate().filter_map(why).collect()
    }

    /// Puts rows `from..to` of `batch`, the last of which has just been counted, after the others.
    fn push_rows(&mut self, (batch, pictures, refused): Read<'_>, from: usize, to: usize) {
        if to > from {
            let position = self.row - (to - from) as u64;
            let batch = batch.slice(from, to - from);
            self.pieces.push(Piece {
                batch,
                pictures: pictures.get(from..to).unwrap_or_default().to_vec(),
                refused: refused
                    .iter()
                    .filter(|(row, _)| (from..to).contains(row))
                    .map(|(row, why)| (row - from, *why))
                    .collect(),
                position,
                ordinal: position - self.first_row,
            });
        }
    }

    fn cut(&mut self) -> Option<Block> {
        let rows = std::mem::take(&mut self.rows);
        let source_bytes = std::mem::take(&mut self.source_bytes);
        let first_ordinal = self.pieces.first()?.ordinal;
        Some(Block {
            content: Content::Arrow(std::mem::take(&mut self.pieces)),
            rows,
            largest_row: std::mem::take(&mut self.largest_row),
            image_bytes: std::mem::take(&mut self.image_bytes),
            source_bytes,
            first_ordinal,
            end_position: self.row,
            given: OnceLock::new(),
        })
    }
}

/// A batch, the pictures of its rows, and the rows that are too large.
type Read<'b> = (
    &'b RecordBatch,
    &'b [Option<Picture>],
    &'b [(usize, TooLarge)],
);

/// Adds the pictures of a column to those of each row.
fn add_pictures(
    column: &dyn Array,
    name: &str,
    in_column: bool,
    pictures: &mut Vec<Option<Picture>>,
) {
    let name: Arc<str> = name.into();
    for row in 0..column.len() {
        let Some(hash) = picture_at(column, row, in_column) else {
            continue;
        };
        pictures.resize(column.len(), None);
        Picture::add(&mut pictures[row], hash, || Arc::clone(&name));
    }
}
