//! The file of an index: two Arrow IPC streams on end, traces, whose schema metadata carries the header as JSON, then
//! refusals; a hash of all that comes last. It is renamed into place after the ids, so a block is finished when it exists.

use std::collections::HashMap;
use std::panic::catch_unwind;
use std::path::Path;

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Header, IndexError, RefusalColumns, SCAN_VERSION, TraceColumns};

/// Where the schema's metadata has the header.
const HEADER_KEY: &str = "octomed";

/// The bytes of an index.
///
/// # Errors
/// When a column does not fit Arrow's limits.
pub fn index_bytes(
    header: &Header,
    traces: TraceColumns,
    refusals: RefusalColumns,
) -> Result<Vec<u8>, IndexError> {
    let mut bytes = Vec::new();
    let encode = || -> Result<(), ArrowError> {
        let json = serde_json::to_string(header)
            .map_err(|error| ArrowError::ExternalError(error.into()))?;
        let metadata = HashMap::from([(HEADER_KEY.to_owned(), json)]);
        for batch in [traces.into_batch(metadata)?, refusals.into_batch()?] {
            let mut writer = StreamWriter::try_new(&mut bytes, batch.schema_ref())?;
            writer.write(&batch)?;
            writer.finish()?;
        }
        Ok(())
    };
    encode().map_err(IndexError::Encoding)?;
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
pub fn read_index(path: &Path) -> Result<(Header, TraceColumns, RefusalColumns), IndexError> {
    let bytes = std::fs::read(path).map_err(IndexError::of_block(path))?;
    let (file, hash) = bytes
        .split_last_chunk()
        .ok_or_else(|| IndexError::damaged(path, "it is cut"))?;
    if xxh3_64(file) != u64::from_le_bytes(*hash) {
        return Err(IndexError::damaged(path, "its bytes are not those written"));
    }
    // Arrow's reader believes the offsets of buffers, and panics where they lead out of the file.
    catch_unwind(|| read_streams(path, file))
        .unwrap_or_else(|_| Err(IndexError::damaged(path, "Arrow cannot read it")))
}

/// What the bytes of an index say, without their hash.
fn read_streams(
    path: &Path,
    mut file: &[u8],
) -> Result<(Header, TraceColumns, RefusalColumns), IndexError> {
    let damaged = |error: ArrowError| IndexError::damaged(path, error);
    let missing = || IndexError::damaged(path, "a column is missing");
    let reader = StreamReader::try_new(&mut file, None).map_err(damaged)?;
    let header =
        header_of(&reader.schema()).ok_or_else(|| IndexError::damaged(path, "no header"))?;
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
        return Err(IndexError::damaged(
            path,
            "it has fewer rows than its header counts",
        ));
    }
    Ok((header, traces, refusals))
}

fn header_of(schema: &Schema) -> Option<Header> {
    let header: Header = serde_json::from_str(schema.metadata().get(HEADER_KEY)?).ok()?;
    (header.version == SCAN_VERSION).then_some(header)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use octomed_trace::Reason;

    use super::*;
    use crate::TraceEntry;

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
        let mut traces = TraceColumns::default();
        for last in [0, 1] {
            traces.push(&TraceEntry {
                trace_id: u64::MAX - last,
                shuffle_key: 10 + last,
                hash_high: 20 + last,
                hash_low: 30 + last,
                question_id: 40 + last,
                position: 50 + last,
                ordinal: u32::MAX - last as u32,
                sample: 60 + last as u32,
                tokens: 70 + last as u32,
                supervised: 80 + last as u32,
                spans: 90 + last as u32,
                stored: 100 + last as u32,
                checksum: 110 + last as u32,
                verdict: last as u8,
            });
        }
        traces
    }

    #[test]
    fn an_index_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let (header, traces) = (header(), traces());
        let bytes = index_bytes(&header, traces.clone(), refusal()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_index(&path).unwrap(), (header, traces, refusal()));
    }

    #[test]
    fn a_cut_index_is_damaged_not_short() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let whole = index_bytes(&header(), traces(), refusal()).unwrap();
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
        let whole = index_bytes(&header(), traces(), refusal()).unwrap();
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
        let whole = index_bytes(&header(), traces(), refusal()).unwrap();
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

    #[test]
    fn columns_that_do_not_fit_are_a_fault_of_ours_and_no_damage() {
        let mut uneven = traces();
        uneven.tokens.pop();
        let error = index_bytes(&header(), uneven, refusal()).unwrap_err();
        assert!(matches!(error, IndexError::Encoding(_)), "{error}");
        assert_eq!(error.hint(), None);
    }
}
