//! The index of a block: one row a trace, rejected ones too, and one a refused source row.
//!
//! A file is two Arrow IPC streams on end: traces, whose schema metadata carries the header as
//! JSON, then refusals; a hash of all that comes last. It is renamed into place after the ids, so a block
//! stands when it exists.

use std::collections::HashMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, RecordBatch, StringArray, UInt8Array, UInt32Array,
    UInt64Array,
};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use octomed_trace::Reason;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::EngineError;

/// Version of the block format and of what SCAN puts into it; part of every scan key.
pub const SCAN_VERSION: u32 = 4;

/// What a block says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCAN_VERSION`] of the writer.
    pub version: u32,
    /// Name of the source.
    pub source: String,
    /// Path of the file, relative to the source's root.
    pub file: String,
    /// Number of the block in its task.
    pub number: u32,
    /// Number of the part: rows whose rendered text passes a bound are stored in several.
    #[serde(default)]
    pub part: u32,
    /// Whether no part follows.
    #[serde(default)]
    pub is_last: bool,
    /// Row number, in the task, of the block's first row.
    pub first_ordinal: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows that could not be read.
    pub rows_unreadable: u64,
    /// Rows that hold no trace.
    pub rows_without_trace: u64,
    /// Rows whose pictures are left out because the recipe asks for it.
    #[serde(default)]
    pub rows_without_pictures: u64,
    /// Bytes of the mapped columns.
    pub source_bytes: u64,
    /// Bytes of rendered text.
    pub text_bytes: u64,
    /// Tokens of traces with ids.
    pub tokens: u64,
    /// Bytes of the `.ids` file.
    pub stored_bytes: u64,
    /// Traces made.
    pub traces: u64,
    /// Traces that the scan rejected.
    pub traces_rejected: u64,
    /// Tokens that straddle the edge of a supervised span, and so carry no loss.
    pub straddling: u64,
}

impl Header {
    /// What all parts of a block say together.
    #[must_use]
    pub fn sum(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut sum = parts.next().unwrap_or_default();
        for part in parts {
            sum.is_last = part.is_last;
            sum.rows += part.rows;
            sum.rows_unreadable += part.rows_unreadable;
            sum.rows_without_trace += part.rows_without_trace;
            sum.rows_without_pictures += part.rows_without_pictures;
            sum.source_bytes += part.source_bytes;
            sum.text_bytes += part.text_bytes;
            sum.tokens += part.tokens;
            sum.stored_bytes += part.stored_bytes;
            sum.traces += part.traces;
            sum.traces_rejected += part.traces_rejected;
            sum.straddling += part.straddling;
        }
        sum
    }
}

/// The traces of a block, a vector a column, in the block's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceColumns {
    /// Hash of the identity.
    pub trace_id: Vec<u64>,
    /// What the block is sorted by.
    pub shuffle_key: Vec<u64>,
    /// High half of the hash of the whole trace.
    pub hash_high: Vec<u64>,
    /// Low half of the hash of the whole trace.
    pub hash_low: Vec<u64>,
    /// Hash of the question.
    pub question_id: Vec<u64>,
    /// Position in the file: byte offset in plain JSON Lines, row number elsewhere.
    pub position: Vec<u64>,
    /// Row number in the task.
    pub ordinal: Vec<u32>,
    /// Index of the response in its row.
    pub sample: Vec<u32>,
    /// Length in tokens; 0 where no ids are stored.
    pub tokens: Vec<u32>,
    /// Tokens that carry loss.
    pub supervised: Vec<u32>,
    /// Supervised spans.
    pub spans: Vec<u32>,
    /// Bytes in the `.ids` file, spans and ids together.
    pub stored: Vec<u32>,
    /// [`checksum`] of these bytes.
    pub checksum: Vec<u32>,
    /// [`octomed_curate::Verdict`] of the scan.
    pub verdict: Vec<u8>,
}

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

const LONG_COLUMNS: [&str; 6] = [
    "trace_id",
    "shuffle_key",
    "hash_high",
    "hash_low",
    "question_id",
    "position",
];
const SHORT_COLUMNS: [&str; 7] = [
    "ordinal",
    "sample",
    "tokens",
    "supervised",
    "spans",
    "stored",
    "checksum",
];

/// Bytes of a trace's row in the index.
pub const INDEX_ROW_BYTES: u64 = (8 * LONG_COLUMNS.len() + 4 * SHORT_COLUMNS.len() + 1) as u64;

impl TraceColumns {
    fn long(&mut self) -> [&mut Vec<u64>; 6] {
        [
            &mut self.trace_id,
            &mut self.shuffle_key,
            &mut self.hash_high,
            &mut self.hash_low,
            &mut self.question_id,
            &mut self.position,
        ]
    }

    fn short(&mut self) -> [&mut Vec<u32>; 7] {
        [
            &mut self.ordinal,
            &mut self.sample,
            &mut self.tokens,
            &mut self.supervised,
            &mut self.spans,
            &mut self.stored,
            &mut self.checksum,
        ]
    }

    fn into_batch(mut self, header: &Header) -> Result<RecordBatch, ArrowError> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (name, column) in LONG_COLUMNS.into_iter().zip(self.long()) {
            fields.push(Field::new(name, DataType::UInt64, false));
            arrays.push(Arc::new(UInt64Array::from(std::mem::take(column))));
        }
        for (name, column) in SHORT_COLUMNS.into_iter().zip(self.short()) {
            fields.push(Field::new(name, DataType::UInt32, false));
            arrays.push(Arc::new(UInt32Array::from(std::mem::take(column))));
        }
        fields.push(Field::new("verdict", DataType::UInt8, false));
        arrays.push(Arc::new(UInt8Array::from(self.verdict)));
        let json = serde_json::to_string(header)
            .map_err(|error| ArrowError::ExternalError(error.into()))?;
        let metadata = HashMap::from([("octomed".to_owned(), json)]);
        RecordBatch::try_new(
            Arc::new(Schema::new_with_metadata(fields, metadata)),
            arrays,
        )
    }

    fn append(&mut self, batch: &RecordBatch) -> Option<()> {
        for (name, column) in LONG_COLUMNS.into_iter().zip(self.long()) {
            let array = batch
                .column_by_name(name)?
                .as_primitive_opt::<UInt64Type>()?;
            column.extend_from_slice(array.values());
        }
        for (name, column) in SHORT_COLUMNS.into_iter().zip(self.short()) {
            let array = batch
                .column_by_name(name)?
                .as_primitive_opt::<UInt32Type>()?;
            column.extend_from_slice(array.values());
        }
        let verdict = batch
            .column_by_name("verdict")?
            .as_primitive_opt::<UInt8Type>()?;
        self.verdict.extend_from_slice(verdict.values());
        Some(())
    }
}

impl RefusalColumns {
    fn into_batch(self) -> Result<RecordBatch, ArrowError> {
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

    fn append(&mut self, batch: &RecordBatch) -> Option<()> {
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
        self.detail
            .extend(detail.keys().values().iter().map(|number| first + number));
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        self.details.extend(details.iter().map(text));
        let known = |number: &u32| (*number as usize) < self.details.len();
        let codes = |code: &u8| Reason::from_code(*code).is_some();
        (self.detail.iter().all(known) && self.reason.iter().all(codes)).then_some(())
    }
}

/// The bytes of the index that will be `path`.
///
/// # Errors
/// When a column does not fit Arrow's limits.
pub fn index_bytes(
    path: &Path,
    header: &Header,
    traces: TraceColumns,
    refusals: RefusalColumns,
) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    let encode = || -> Result<(), ArrowError> {
        for batch in [traces.into_batch(header)?, refusals.into_batch()?] {
            let mut writer = StreamWriter::try_new(&mut bytes, batch.schema_ref())?;
            writer.write(&batch)?;
            writer.finish()?;
        }
        Ok(())
    };
    encode().map_err(|error| EngineError::damaged(path, error))?;
    let hash = xxh3_64(&bytes);
    bytes.extend_from_slice(&hash.to_le_bytes());
    Ok(bytes)
}

/// The checksum of a trace's stored bytes.
pub fn checksum(stored: &[u8]) -> u32 {
    xxh3_64(stored) as u32
}

/// Reads a whole index.
///
/// # Errors
/// When the file cannot be read, or is not an index of this version.
pub fn read_index(path: &Path) -> Result<(Header, TraceColumns, RefusalColumns), EngineError> {
    let bytes = std::fs::read(path).map_err(EngineError::of_block(path))?;
    let (file, hash) = bytes
        .split_last_chunk()
        .ok_or_else(|| EngineError::damaged(path, "it is cut"))?;
    if xxh3_64(file) != u64::from_le_bytes(*hash) {
        return Err(EngineError::damaged(
            path,
            "its bytes are not those written",
        ));
    }
    // Arrow's reader believes the offsets of buffers, and panics where they lead out of the file.
    catch_unwind(|| read_streams(path, file))
        .unwrap_or_else(|_| Err(EngineError::damaged(path, "Arrow cannot read it")))
}

/// What the bytes of an index say, without their hash.
fn read_streams(
    path: &Path,
    mut file: &[u8],
) -> Result<(Header, TraceColumns, RefusalColumns), EngineError> {
    let damaged = |error: ArrowError| EngineError::damaged(path, error);
    let missing = || EngineError::damaged(path, "a column is missing");
    let reader = StreamReader::try_new(&mut file, None).map_err(damaged)?;
    let header =
        header_of(&reader.schema()).ok_or_else(|| EngineError::damaged(path, "no header"))?;
    let mut traces = TraceColumns::default();
    for batch in reader {
        traces
            .append(&batch.map_err(damaged)?)
            .ok_or_else(missing)?;
    }
    let mut refusals = RefusalColumns::default();
    for batch in StreamReader::try_new(&mut file, None).map_err(damaged)? {
        refusals
            .append(&batch.map_err(damaged)?)
            .ok_or_else(missing)?;
    }
    let refused = header.rows_unreadable + header.rows_without_trace;
    if (traces.verdict.len() as u64, refusals.position.len() as u64) != (header.traces, refused) {
        return Err(EngineError::damaged(
            path,
            "it has fewer rows than its header counts",
        ));
    }
    Ok((header, traces, refusals))
}

/// Reads the header of a block that may be used again: its whole index is looked at, and the size of its ids.
///
/// # Errors
/// As [`read_index`], and when the ids are not as long as the index says.
pub fn read_header(path: &Path) -> Result<Header, EngineError> {
    let (header, traces, _) = read_index(path)?;
    check_ids_file(&path.with_extension("ids"), &traces.stored)?;
    Ok(header)
}

/// Reads every byte of a block: its index, and each trace's ids.
///
/// # Errors
/// As [`read_header`], and when a trace's bytes are not those written.
pub fn verify_block(path: &Path) -> Result<Header, EngineError> {
    let (header, traces, _) = read_index(path)?;
    let path = path.with_extension("ids");
    check_ids_file(&path, &traces.stored)?;
    let bytes = std::fs::read(&path).map_err(EngineError::of_block(&path))?;
    let mut rest = &bytes[..];
    for (&stored, &expected) in traces.stored.iter().zip(&traces.checksum) {
        let (trace, behind) = rest
            .split_at_checked(stored as usize)
            .ok_or_else(|| EngineError::damaged(&path, "its end is missing"))?;
        if checksum(trace) != expected {
            return Err(EngineError::damaged(
                &path,
                "a trace's bytes are not those written",
            ));
        }
        rest = behind;
    }
    Ok(header)
}

/// A power cut can leave a renamed index beside ids that never reached the disk.
///
/// # Errors
/// When the ids are missing, or not as long as the index says.
pub fn check_ids_file(path: &Path, stored: &[u32]) -> Result<(), EngineError> {
    let bytes = std::fs::metadata(path)
        .map_err(EngineError::of_block(path))?
        .len();
    let expected: u64 = stored.iter().map(|&bytes| u64::from(bytes)).sum();
    if bytes == expected {
        return Ok(());
    }
    Err(EngineError::damaged(
        path,
        format!("{bytes} bytes, the index counts {expected}"),
    ))
}

/// Row number in the task, reason and detail of the first unreadable row.
///
/// # Errors
/// As [`read_index`].
pub fn first_refusal(path: &Path) -> Result<Option<(u32, String, String)>, EngineError> {
    let (_, _, refusals) = read_index(path)?;
    let unreadable = |code: &u8| Reason::from_code(*code).is_some_and(Reason::is_unreadable);
    let first = refusals.reason.iter().position(unreadable);
    Ok(first.map(|row| {
        (
            refusals.ordinal[row],
            refusals.reason_of(row).to_owned(),
            refusals.detail_of(row).to_owned(),
        )
    }))
}

/// The headers of all parts of a block that stands, of which [`verify_block`] looks at every byte if that is
/// asked; none of one that is not there whole.
///
/// # Errors
/// As [`read_index`].
pub fn read_parts(stem: &Path, every_byte: bool) -> Result<Option<Vec<Header>>, EngineError> {
    let mut headers = Vec::new();
    loop {
        let path = part_path(stem, headers.len() as u32).with_extension("index");
        if !path.exists() {
            return Ok(None);
        }
        let header = if every_byte {
            verify_block(&path)?
        } else {
            read_header(&path)?
        };
        let is_last = header.is_last;
        headers.push(header);
        if is_last {
            return Ok(Some(headers));
        }
    }
}

/// The path, without extension, of a part of the block that is called `stem`.
pub fn part_path(stem: &Path, part: u32) -> PathBuf {
    if part == 0 {
        return stem.to_owned();
    }
    let mut name = stem.as_os_str().to_owned();
    name.push(format!("-{part}"));
    PathBuf::from(name)
}

fn header_of(schema: &Schema) -> Option<Header> {
    let header: Header = serde_json::from_str(schema.metadata().get("octomed")?).ok()?;
    (header.version == SCAN_VERSION).then_some(header)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header() -> Header {
        let source = "a".to_owned();
        Header {
            version: SCAN_VERSION,
            rows: 3,
            rows_unreadable: 1,
            traces: 2,
            source,
            ..Header::default()
        }
    }

    fn refusal() -> RefusalColumns {
        RefusalColumns {
            position: vec![9],
            ordinal: vec![2],
            reason: vec![Reason::InvalidJson.code()],
            detail: vec![0],
            details: vec!["byte 9".into()],
        }
    }

    fn traces() -> TraceColumns {
        let mut traces = TraceColumns {
            verdict: vec![0, 1],
            ..TraceColumns::default()
        };
        traces
            .long()
            .into_iter()
            .for_each(|column| column.extend([1, 2]));
        traces
            .short()
            .into_iter()
            .for_each(|column| column.extend([3, 4]));
        traces
    }

    #[test]
    fn an_index_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let header = header();
        let mut traces = TraceColumns {
            verdict: vec![0, 1],
            ..TraceColumns::default()
        };
        for (value, column) in (1u64..).zip(traces.long()) {
            column.extend([value, u64::MAX - value]);
        }
        for (value, column) in (1u32..).zip(traces.short()) {
            column.extend([value, u32::MAX - value]);
        }
        let bytes = index_bytes(&path, &header, traces.clone(), refusal()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_index(&path).unwrap(), (header, traces, refusal()));
    }

    #[test]
    fn a_cut_index_is_damaged_not_short() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let whole = index_bytes(&path, &header(), traces(), refusal()).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(
                read_index(&path).is_err(),
                "{length} of {} bytes",
                whole.len()
            );
        }
    }

    #[test]
    fn a_changed_byte_is_damage() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let whole = index_bytes(&path, &header(), traces(), refusal()).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            std::fs::write(&path, changed).unwrap();
            assert!(read_index(&path).is_err(), "byte {at}");
        }
    }

    #[test]
    fn what_a_right_hash_covers_is_read_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let whole = index_bytes(&path, &header(), traces(), refusal()).unwrap();
        let file = &whole[..whole.len() - 8];
        for at in 0..file.len() {
            let mut changed = file.to_vec();
            changed[at] ^= [1, 0x80, 0xff][at % 3];
            changed.extend_from_slice(&xxh3_64(&changed).to_le_bytes());
            std::fs::write(&path, changed).unwrap();
            let read = std::panic::catch_unwind(|| read_index(&path).is_ok());
            assert!(read.is_ok(), "byte {at}");
        }
    }
}
