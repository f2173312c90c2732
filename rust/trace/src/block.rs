//! A block: a run of rows of one task, still as they were read, to be turned into traces by a worker.

use std::ops::Range;
use std::sync::OnceLock;

use arrow_array::{Array, RecordBatch};

use crate::csv_rows::CsvRows;
use crate::given::{self, Given, GivenSlot};
use crate::image::ImagePlace;
use crate::json::TOO_MANY_VALUES;
use crate::json_row;
use crate::limits::{DEFAULT_MAX_ROW_BYTES, MAX_BLOCK_ROWS};
use crate::mapping::Mapping;
use crate::picture::Picture;
use crate::read::arrow::{Binary, picture_at, value_at};
use crate::reason::Reason;
use crate::row::{Finding, Refusal, Row};
use crate::shard_rows::ShardRows;
use crate::value::{Fault, Value};

/// Consecutive rows of a task, cut by one of the cutters.
#[derive(Debug)]
pub struct Block {
    pub(crate) content: Content,
    pub(crate) rows: u64,
    /// Bytes of the largest row that is read, without those of columns of images.
    pub(crate) largest_row: u64,
    /// Bytes of columns of images, as far as they stand apart from other values.
    pub(crate) image_bytes: u64,
    pub(crate) source_bytes: u64,
    pub(crate) first_ordinal: u64,
    pub(crate) end_position: u64,
    /// What the file's place says of all of its rows.
    pub(crate) given: OnceLock<Given>,
}

/// The rows of a block as their file has them.
#[derive(Debug)]
pub(crate) enum Content {
    /// Texts of rows, one after the other.
    Json { bytes: Vec<u8>, rows: Vec<JsonRow> },
    /// Record batches of the mapped columns.
    Arrow(Vec<Piece>),
    /// Rows of a CSV file.
    Csv(CsvRows),
    /// Members of a tar shard.
    Shard(ShardRows),
}

/// Where the text of a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonRow {
    pub(crate) position: u64,
    pub(crate) ordinal: u64,
    /// The bytes that it has in its file.
    pub(crate) length: u64,
    pub(crate) start: u32,
    /// Whether its bytes are here; of a row that is too large they are not.
    pub(crate) is_kept: bool,
}

impl JsonRow {
    /// Its text among the bytes of its block.
    pub(crate) fn bytes(self, block: &[u8]) -> &[u8] {
        let start = self.start as usize;
        let length = if self.is_kept {
            self.length as usize
        } else {
            0
        };
        &block[start..start + length]
    }
}

/// Rows that follow one another.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) batch: RecordBatch,
    /// The pictures of each row in columns that are not mapped; nothing where no row has any.
    pub(crate) pictures: Vec<Option<Picture>>,
    /// Rows that are not read, in order, and why.
    pub(crate) refused: Vec<(usize, TooLarge)>,
    pub(crate) position: u64,
    pub(crate) ordinal: u64,
}

/// Of what a row of a record batch has too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLarge {
    Bytes(u64),
    Values,
}

impl TooLarge {
    fn fault(self) -> Fault {
        match self {
            Self::Bytes(length) => too_large(length),
            Self::Values => Fault::new(Reason::RowTooLarge, TOO_MANY_VALUES),
        }
    }
}

/// What a worker takes for a trace besides its ids: its line in the index, unsorted, sorted and as it is written.
const BYTES_A_TRACE: u64 = 400;

/// What a piece of a record batch takes besides its values.
const BYTES_A_PIECE: u64 = 8 << 10;

/// What a worker takes for a byte of the largest row: its text joined and rendered, and up to a token with its
/// place.
const BYTES_A_BYTE: u64 = 14;

/// The most text that a worker renders before it writes what it has, unless one trace alone has more.
pub const MAX_RENDERED_BYTES: u64 = 64 << 20;

impl Block {
    /// The most memory that the block takes with all that a worker makes of it, as far as its rows tell.
    pub fn memory(&self) -> u64 {
        let (held, rows) = match &self.content {
            Content::Json { bytes, rows } => (bytes.capacity() as u64, rows.capacity()),
            Content::Arrow(pieces) => (self.source_bytes + BYTES_A_PIECE * pieces.len() as u64, 0),
            Content::Csv(rows) => (rows.bytes_held(), rows.len()),
            Content::Shard(rows) => (rows.bytes_reserved(), rows.rows().len()),
        };
        // An image is kept in memory once more until it is written; nothing else is made of its bytes here.
        let text = self.source_bytes.saturating_sub(self.image_bytes);
        let made = text.saturating_mul(2).min(MAX_RENDERED_BYTES) * 3;
        let noted = BYTES_A_TRACE * self.rows.min(MAX_BLOCK_ROWS as u64) + 64 * rows as u64;
        held + self.image_bytes + made + noted + self.largest_row * BYTES_A_BYTE
    }

    /// Rows in the block, unreadable ones included, blank lines not.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes that the rows take in their source: whole lines of JSON, whole members of an archive, the values of mapped
    /// columns of Arrow and CSV.
    pub fn source_bytes(&self) -> u64 {
        self.source_bytes
    }

    /// The number of the block's first row from the start of the task.
    pub fn first_ordinal(&self) -> u64 {
        self.first_ordinal
    }

    /// The position just after the last row: its line's end in bytes, or the next row's number.
    pub fn end_position(&self) -> u64 {
        self.end_position
    }

    /// How many rows [`Self::for_each`] finds.
    pub fn rows_held(&self) -> usize {
        match &self.content {
            Content::Json { rows, .. } => rows.len(),
            Content::Arrow(pieces) => pieces.iter().map(|piece| piece.batch.num_rows()).sum(),
            Content::Csv(rows) => rows.len(),
            Content::Shard(rows) => rows.rows().len(),
        }
    }

    /// Gives all rows columns that are not in their file, as its folders name them; they count where the mapping reads
    /// them. A block is given columns once.
    pub fn give(&self, columns: Vec<(String, Option<String>)>) {
        let _ = self.given.set(Given::new(columns));
    }

    /// Reads the rows in order and calls `found` for each.
    ///
    /// # Errors
    /// Whatever `found` returns.
    pub fn for_each<E>(
        &self,
        mapping: &Mapping,
        found: impl FnMut(Finding<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_in(0..self.rows_held(), mapping, found)
    }

    /// Reads some of the rows, which are counted from 0 in the order of [`Self::for_each`]; those that it would not
    /// find are passed over.
    ///
    /// # Errors
    /// Whatever `found` returns.
    pub fn for_each_in<E>(
        &self,
        wanted: Range<usize>,
        mapping: &Mapping,
        mut found: impl FnMut(Finding<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let given = self.given.get().map(|given| given.slots(mapping));
        let given = given.unwrap_or_default();
        match &self.content {
            Content::Json { bytes, rows } => {
                let mut slots = Vec::new();
                for row in within(rows, wanted) {
                    clear(&mut slots, mapping);
                    let filled = fill_from_json(mapping, bytes, *row, &mut slots);
                    let place = (row.position, row.ordinal);
                    found(finding(mapping, place, filled, &given, &mut slots))?;
                }
                Ok(())
            }
            Content::Arrow(pieces) => {
                let mut first = 0;
                for piece in pieces {
                    let rows = piece.batch.num_rows();
                    let from = wanted.start.saturating_sub(first).min(rows);
                    let to = wanted.end.saturating_sub(first).min(rows);
                    if from < to {
                        for_each_of_piece(from..to, mapping, piece, &given, &mut found)?;
                    }
                    first += rows;
                }
                Ok(())
            }
            Content::Csv(rows) => {
                let columns = rows.columns(mapping);
                let searched = rows.searched(mapping);
                let mut slots = Vec::new();
                for row in within(rows.rows(), wanted) {
                    clear(&mut slots, mapping);
                    let filled = rows
                        .fill(mapping, &columns, row, &mut slots)
                        .map(|()| rows.picture(row, &searched));
                    let place = (row.number, row.number);
                    found(finding(mapping, place, filled, &given, &mut slots))?;
                }
                Ok(())
            }
            Content::Shard(rows) => {
                let columns = rows.columns(mapping);
                let mut slots = Vec::new();
                for row in within(rows.rows(), wanted) {
                    clear(&mut slots, mapping);
                    let filled = rows.fill(mapping, &columns, row, &mut slots);
                    let place = (row.number, row.number);
                    found(finding(mapping, place, filled, &given, &mut slots))?;
                }
                Ok(())
            }
        }
    }
}

fn within<T>(rows: &[T], wanted: Range<usize>) -> &[T] {
    let end = wanted.end.min(rows.len());
    &rows[wanted.start.min(end)..end]
}

fn for_each_of_piece<E>(
    wanted: Range<usize>,
    mapping: &Mapping,
    piece: &Piece,
    given: &[GivenSlot<'_>],
    found: &mut impl FnMut(Finding<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let batch = &piece.batch;
    let columns: Vec<Option<&dyn Array>> = mapping
        .keys
        .iter()
        .map(|key| batch.column_by_name(key).map(AsRef::as_ref))
        .collect();
    let mut slots = Vec::new();
    for row in wanted {
        clear(&mut slots, mapping);
        let picture = piece.pictures.get(row).cloned().flatten();
        let refused = piece.refused.binary_search_by_key(&row, |(row, _)| *row);
        let filled = match refused {
            Ok(found) => Err(piece.refused[found].1.fault()),
            Err(_) => fill_from_arrow(mapping, &columns, row, &mut slots).map(|()| picture),
        };
        let place = (piece.position + row as u64, piece.ordinal + row as u64);
        found(finding(mapping, place, filled, given, &mut slots))?;
    }
    Ok(())
}

/// What the row whose values were put into `slots` gives.
fn finding<'r, 'a>(
    mapping: &Mapping,
    (position, ordinal): (u64, u64),
    filled: Result<Option<Picture>, Fault>,
    given: &[GivenSlot<'a>],
    slots: &'r mut [Option<Value<'a>>],
) -> Finding<'r> {
    let filled = filled.and_then(|picture| given::fill(mapping, given, slots).map(|()| picture));
    match filled.and_then(|picture| mapping.read(slots, picture)) {
        Ok(parts) => Finding::Row(Row {
            position,
            ordinal,
            id: parts.id,
            system: parts.system,
            images: parts.images,
            body: parts.body,
            asked: parts.asked,
            finish_reasons: parts.finish_reasons,
            answer_form: mapping.answer_form(),
        }),
        Err(Fault { reason, detail }) => Finding::Refused(Refusal {
            position,
            ordinal,
            reason,
            detail,
        }),
    }
}

fn clear(slots: &mut Vec<Option<Value<'_>>>, mapping: &Mapping) {
    slots.clear();
    slots.resize(mapping.keys.len(), None);
}

fn fill_from_json<'a>(
    mapping: &Mapping,
    bytes: &'a [u8],
    row: JsonRow,
    slots: &mut [Option<Value<'a>>],
) -> Result<Option<Picture>, Fault> {
    if !row.is_kept {
        return Err(too_large(row.length));
    }
    json_row::fill(mapping, row.bytes(bytes), slots, |_| false)
}

fn fill_from_arrow<'a>(
    mapping: &Mapping,
    columns: &[Option<&'a dyn Array>],
    row: usize,
    slots: &mut [Option<Value<'a>>],
) -> Result<(), Fault> {
    for (index, column) in columns.iter().enumerate() {
        let Some(column) = *column else { continue };
        slots[index] = Some(if index < mapping.mapped {
            match value_at(column, row, mapping.binary[index]) {
                // A picture's bytes are no text, and no damage.
                Err(_) if picture_at(column, row, false).is_some() => {
                    let column = ImagePlace::Column(mapping.keys[index].as_str().into());
                    return Err(column.reject());
                }
                value => value.map_err(|fault| in_column(fault, &mapping.keys[index]))?,
            }
        } else {
            value_at(column, row, Binary::Text).unwrap_or(Value::Other)
        });
    }
    Ok(())
}

pub(crate) fn too_large(length: u64) -> Fault {
    Fault::new(
        Reason::RowTooLarge,
        format!("the row has {length} bytes, and may have {DEFAULT_MAX_ROW_BYTES}"),
    )
}

fn in_column(fault: Fault, key: &str) -> Fault {
    Fault::new(fault.reason, format!("{} in `{key}`", fault.detail))
}
