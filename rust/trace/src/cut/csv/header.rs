//! The names of a CSV file's columns.

use crate::error::TraceError;
use crate::mapping::Mapping;

use super::broken::Broken;
use super::dialect::CsvDialect;
use super::records::{Event, Record, Records};
use super::scan::Fault;

/// The longest header, its line end counted.
pub(super) const MAX_HEADER_BYTES: usize = 4 << 20;

/// What else than the delimiter of the dialect may separate columns.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

impl CsvDialect {
    /// The names in the header of a file that begins with `head`: nothing where the header does not end in it,
    /// no names where `is_last` says that no bytes follow and there is no line but blank ones.
    ///
    /// # Errors
    /// [`TraceError::CsvHeader`].
    pub fn names(&self, head: &[u8], is_last: bool) -> Result<Option<Vec<String>>, TraceError> {
        let mut records = Records::new(*self, MAX_HEADER_BYTES);
        records.push(head);
        match records.next(is_last) {
            Some(Event::Record(record)) => names(&record, self).map(Some),
            Some(Event::Broken(broken)) => Err(broken_header(&broken, self)),
            None if is_last => Ok(Some(Vec::new())),
            None => Ok(None),
        }
    }

    /// Checks that a file with columns `names` has what the mapping needs.
    ///
    /// # Errors
    /// [`TraceError::DuplicateColumns`], [`TraceError::MissingColumn`], and [`TraceError::CsvDelimiter`] when
    /// another delimiter seems to separate the columns.
    pub fn check_columns(&self, mapping: &Mapping, names: &[String]) -> Result<(), TraceError> {
        let Err(error) = mapping.check_columns(names) else {
            return Ok(());
        };
        let (TraceError::MissingColumn { column, .. }, [name]) = (&error, names) else {
            return Err(error);
        };
        let occurs = |delimiter: &char| name.matches(*delimiter).count();
        let found = DELIMITERS
            .into_iter()
            .filter(|delimiter| occurs(delimiter) > 0)
            .max_by_key(|delimiter| {
                (
                    name.split(*delimiter).any(|part| part == column),
                    occurs(delimiter),
                )
            });
        Err(match found {
            Some(delimiter) => TraceError::CsvDelimiter {
                column: column.clone(),
                delimiter,
            },
            None => error,
        })
    }
}

/// The names in the header.
pub(super) fn names(header: &Record<'_>, dialect: &CsvDialect) -> Result<Vec<String>, TraceError> {
    let mut names = Vec::with_capacity(header.fields.len());
    for field in header.fields {
        let bytes = &header.bytes[field.start..field.end];
        let mut name = Vec::new();
        if field.raw {
            dialect.unescape(bytes, &mut name);
        } else {
            name.extend_from_slice(bytes);
        }
        names.push(String::from_utf8(name).map_err(|_| TraceError::CsvHeader {
            message: "it is not UTF-8".to_owned(),
            delimiter: None,
        })?);
    }
    Ok(names)
}

/// The error for a header that cannot be read.
pub(super) fn broken_header(broken: &Broken, dialect: &CsvDialect) -> TraceError {
    let (_, message) = broken.explain(MAX_HEADER_BYTES);
    let delimiter = match broken.fault {
        Fault::BehindQuote(byte) => DELIMITERS
            .into_iter()
            .find(|delimiter| *delimiter == char::from(byte) && byte != dialect.delimiter),
        _ => None,
    };
    TraceError::CsvHeader { message, delimiter }
}
