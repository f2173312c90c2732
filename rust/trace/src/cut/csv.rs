//! CSV: records of fields, read by stated rules and never repaired.

mod broken;
mod dialect;
mod header;
mod line;
mod records;
mod scan;

use std::sync::{Arc, OnceLock};

use crate::block::{Block, Content};
use crate::csv_rows::CsvRows;
use crate::error::TraceError;
use crate::limits::{DEFAULT_MAX_ROW_BYTES, MAX_BLOCK_ROWS};
use crate::mapping::Mapping;

use header::{MAX_HEADER_BYTES, broken_header, names};
use records::{Event, Record, Records};
use scan::Fault;

pub use dialect::CsvDialect;

/// A block is cut as well when all that it holds passes this many times the target, so that columns that
/// nobody maps, and refused rows, do not make it grow without bound.
const HELD_TARGETS: u64 = 2;

/// Cuts a CSV file into blocks; a task is the whole file.
///
/// The first record is the header. Records end at `\n` or `\r\n`, or at `\r` where the file's first line does;
/// the other kind of end inside a line is an error of that line. Blank lines are nothing, and so is a byte
/// order mark at the start. A field that begins with the quote ends with one: two of them are one, delimiters
/// and line ends between are text. A quote in any other field is text. Where the dialect has an escape, the
/// character after it is itself. All other bytes are text.
///
/// Text after a closing quote, and a quote that does not close before the end of the file, refuse the row;
/// reading resumes at the line after the one on which its record begins. A record that is too long is a refused
/// row, after whose end reading resumes; with a quote that is open over a line end it may as well be rows behind
/// a stray one, which is an error of the file. Positions are row numbers, of which the header has none.
#[derive(Debug)]
pub struct CsvCutter {
    mapping: Mapping,
    dialect: CsvDialect,
    target: u64,
    max_row_bytes: usize,
    records: Records,
    /// Which columns count as the source's bytes; nothing before the header.
    mapped: Option<Vec<usize>>,
    held: CsvRows,
    source_bytes: u64,
    largest_row: u64,
    row: u64,
    is_last: bool,
}

#[expect(clippy::cast_possible_truncation, reason = "64 MiB")]
const MAX_ROW_BYTES: usize = DEFAULT_MAX_ROW_BYTES as usize;

impl CsvCutter {
    /// A cutter for a whole file. A block is cut when the values of its mapped columns reach `target` bytes.
    pub fn new(mapping: &Mapping, dialect: CsvDialect, target: u64) -> Self {
        Self {
            mapping: mapping.clone(),
            dialect,
            target,
            max_row_bytes: MAX_ROW_BYTES,
            records: Records::new(dialect, MAX_HEADER_BYTES),
            mapped: None,
            held: CsvRows::new(Arc::default()),
            source_bytes: 0,
            largest_row: 0,
            row: 0,
            is_last: false,
        }
    }

    /// The same cutter with another limit on the length of a row.
    #[must_use]
    pub fn with_max_row_bytes(mut self, limit: usize) -> Self {
        self.max_row_bytes = limit;
        self
    }

    /// Rows of the file so far, refused ones counted.
    pub fn rows(&self) -> u64 {
        self.row
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.records.push(chunk);
    }

    /// Says that no bytes follow.
    pub fn finish(&mut self) {
        self.is_last = true;
    }

    /// The next block that the bytes so far complete. It is to be asked for until there is none: a line that
    /// is found to be broken after many others may let go all of them at once.
    ///
    /// # Errors
    /// [`TraceError::CsvHeader`], [`TraceError::CsvQuote`], and those of [`CsvDialect::check_columns`].
    pub fn next_block(&mut self) -> Result<Option<Block>, TraceError> {
        if self.mapped.is_none() && !self.take_header()? {
            return Ok(None);
        }
        while let Some(event) = self.records.next(self.is_last) {
            let row = self.row;
            self.row += 1;
            match event {
                Event::Record(record) => {
                    let mapped = self.mapped.as_deref().unwrap_or_default();
                    let mapped = hold(&mut self.held, row, &record, &self.dialect, mapped);
                    self.largest_row = self.largest_row.max(mapped);
                    self.source_bytes += mapped;
                }
                Event::Broken(broken) => {
                    let (reason, detail) = broken.explain(self.max_row_bytes);
                    if broken.fault == Fault::TooLongInQuotes {
                        return Err(TraceError::CsvQuote { message: detail });
                    }
                    self.held.push_refused(row, reason, detail);
                }
            }
            if self.source_bytes >= self.target
                || self.held.len() >= MAX_BLOCK_ROWS
                || self.held.bytes_held() >= self.target.saturating_mul(HELD_TARGETS)
            {
                return Ok(self.cut());
            }
        }
        Ok(if self.is_last { self.cut() } else { None })
    }

    /// Reads the header, if all of it is there.
    fn take_header(&mut self) -> Result<bool, TraceError> {
        let names = match self.records.next(self.is_last) {
            None => return Ok(false),
            Some(Event::Broken(broken)) => return Err(broken_header(&broken, &self.dialect)),
            Some(Event::Record(record)) => names(&record, &self.dialect)?,
        };
        self.dialect.check_columns(&self.mapping, &names)?;
        self.records.wanted = names.len();
        self.records.max_bytes = self.max_row_bytes;
        self.records.passes = true;
        self.held = CsvRows::new(names.into());
        let columns = self.held.columns(&self.mapping);
        let mapped = columns.into_iter().take(self.mapping.mapped);
        self.mapped = Some(mapped.flatten().collect());
        Ok(true)
    }

    fn cut(&mut self) -> Option<Block> {
        let next = CsvRows::new(self.held.names());
        let held = std::mem::replace(&mut self.held, next);
        let rows = held.len() as u64;
        (rows > 0).then(|| Block {
            content: Content::Csv(held),
            rows,
            largest_row: std::mem::take(&mut self.largest_row),
            image_bytes: 0,
            source_bytes: std::mem::take(&mut self.source_bytes),
            first_ordinal: self.row - rows,
            end_position: self.row,
            given: OnceLock::new(),
        })
    }
}

/// Puts a record after the rows, and gives the bytes of its mapped fields.
fn hold(
    rows: &mut CsvRows,
    row: u64,
    record: &Record<'_>,
    dialect: &CsvDialect,
    mapped: &[usize],
) -> u64 {
    if record.count != rows.width() {
        rows.push_wrong_count(row, record.count);
        return 0;
    }
    for field in record.fields {
        let bytes = &record.bytes[field.start..field.end];
        rows.push_field(|held| {
            if field.raw {
                dialect.unescape(bytes, held);
            } else {
                held.extend_from_slice(bytes);
            }
        });
    }
    rows.end_row(row);
    mapped.iter().map(|&column| rows.last_length(column)).sum()
}
