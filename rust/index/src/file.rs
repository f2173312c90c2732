//! The file of an index: Arrow IPC streams on end, traces, whose schema metadata carries the header as JSON, then
//! refusals, then images and which trace shows which, if there are any, then what filters left out, if they did; a hash
//! of all that comes last. It is renamed into place after the ids and the images, so a block is finished when it exists.

use std::collections::HashMap;
use std::panic::catch_unwind;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    BlockImages, FilteredColumns, Header, IndexError, RefusalColumns, SCAN_VERSION, TraceColumns,
};

/// Where the schema's metadata has the header.
const HEADER_KEY: &str = "octomed";

/// All that an index says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFile {
    /// What the block says of itself.
    pub header: Header,
    /// Its traces.
    pub traces: TraceColumns,
    /// The rows that gave none.
    pub refusals: RefusalColumns,
    /// The images that the traces show.
    pub images: BlockImages,
    /// The traces that filters left out.
    pub filtered: FilteredColumns,
}

/// The bytes of an index.
///
/// # Errors
/// When a column does not fit Arrow's limits.
pub fn index_bytes(
    header: &Header,
    traces: TraceColumns,
    refusals: RefusalColumns,
    images: BlockImages,
    filtered: &FilteredColumns,
) -> Result<Vec<u8>, IndexError> {
    let mut bytes = Vec::new();
    let encode = || -> Result<(), ArrowError> {
        let json = serde_json::to_string(header)
            .map_err(|error| ArrowError::ExternalError(error.into()))?;
        let metadata = HashMap::from([(HEADER_KEY.to_owned(), json)]);
        let mut batches = vec![traces.into_batch(metadata)?, refusals.into_batch()?];
        if !images.is_empty() {
            batches.extend(images.into_batches()?);
        }
        if !filtered.is_empty() {
            batches.push(filtered.to_batch()?);
        }
        for batch in batches {
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
pub fn read_index(path: &Path) -> Result<IndexFile, IndexError> {
    let bytes = std::fs::read(path).map_err(IndexError::of_block(path))?;
    let (file, hash) = bytes
        .split_last_chunk()
        .ok_or_else(|| IndexError::damaged(path, "it is cut"))?;
    if xxh3_64(file) != u64::from_le_bytes(*hash) {
        return Err(IndexError::damaged(path, "its bytes are not those written"));
    }
    // Arrow's reader believes the offsets of buffers, and panics where they lead out of the file.
    let index = catch_unwind(|| read_streams(file))
        .unwrap_or_else(|_| Err("Arrow cannot read it".to_owned()))
        .and_then(|index| match index.fault() {
            Some(fault) => Err(fault.to_owned()),
            None => Ok(index),
        });
    index.map_err(|fault| IndexError::damaged(path, fault))
}

/// What the bytes of an index say, without their hash.
fn read_streams(mut file: &[u8]) -> Result<IndexFile, String> {
    let damaged = |error: ArrowError| error.to_string();
    let schema = StreamReader::try_new(file, None).map_err(damaged)?.schema();
    let mut index = IndexFile {
        header: header_of(&schema).ok_or("no header")?,
        ..IndexFile::default()
    };
    for_each_batch(&mut file, |batch| index.traces.append(batch))?;
    for_each_batch(&mut file, |batch| index.refusals.append(batch))?;
    if index.header.image_placeholders > 0 {
        for_each_batch(&mut file, |batch| index.images.append_images(batch))?;
        for_each_batch(&mut file, |batch| index.images.append_refs(batch))?;
    }
    if !index.header.filtered.is_empty() {
        for_each_batch(&mut file, |batch| index.filtered.append(batch))?;
    }
    Ok(index)
}

/// Reads the stream that `file` begins with, and leaves what is behind it.
fn for_each_batch(
    file: &mut &[u8],
    mut append: impl FnMut(&RecordBatch) -> Option<()>,
) -> Result<(), String> {
    let damaged = |error: ArrowError| error.to_string();
    for batch in StreamReader::try_new(file, None).map_err(damaged)? {
        append(&batch.map_err(damaged)?).ok_or("a column is missing")?;
    }
    Ok(())
}

impl IndexFile {
    /// What contradicts itself.
    fn fault(&self) -> Option<&'static str> {
        let header = &self.header;
        let refused = header.rows_unreadable + header.rows_without_trace;
        let rows = (
            self.traces.len() as u64,
            self.refusals.position.len() as u64,
        );
        if rows != (header.traces, refused) {
            return Some("it has fewer rows than its header counts");
        }
        if self.filtered.len() as u64 != header.filtered.values().sum::<u64>() {
            return Some("it has other filtered traces than its header counts");
        }
        let table = &self.images.table;
        let images = (
            table.len() as u64,
            table.file_bytes(),
            self.images.refs.len() as u64,
        );
        if images != (header.images, header.image_bytes, header.image_placeholders) {
            return Some("it has other images than its header counts");
        }
        self.images.fault(&self.traces.images)
    }
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
    use crate::{ImageTable, TraceEntry};

    fn header() -> Header {
        let source = "a".to_owned();
        Header {
            version: SCAN_VERSION,
            rows: 3,
            rows_unreadable: 1,
            traces: 2,
            source,
            images: 2,
            image_bytes: 11,
            image_placeholders: 5,
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
                images: 2 + last as u16,
                verdict: last as u8,
            });
        }
        traces
    }

    fn images() -> BlockImages {
        let table = ImageTable {
            hash: vec![7, u64::MAX],
            pixel_hash: vec![u64::MAX, 0],
            offset: vec![0, 4],
            bytes: vec![4, 7],
            checksum: vec![1, u32::MAX],
            height: vec![28, u32::MAX],
            width: vec![56, 1],
            grid_h: vec![2, u16::MAX],
            grid_w: vec![4, 6],
        };
        let refs = vec![1, 0, 0, 0, 1];
        BlockImages { table, refs }
    }

    /// The bytes of an index with images.
    fn whole() -> Vec<u8> {
        index_bytes(
            &header(),
            traces(),
            refusal(),
            images(),
            &FilteredColumns::default(),
        )
        .unwrap()
    }

    #[test]
    fn an_index_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        std::fs::write(&path, whole()).unwrap();
        let expected = IndexFile {
            header: header(),
            traces: traces(),
            refusals: refusal(),
            images: images(),
            filtered: FilteredColumns::default(),
        };
        assert_eq!(read_index(&path).unwrap(), expected);
    }

    #[test]
    fn a_cut_index_is_damaged_not_short() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let whole = whole();
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
        let whole = whole();
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
        let whole = whole();
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
        let error = index_bytes(
            &header(),
            uneven,
            refusal(),
            images(),
            &FilteredColumns::default(),
        )
        .unwrap_err();
        assert!(matches!(error, IndexError::Encoding(_)), "{error}");
        assert_eq!(error.hint(), None);
    }

    #[test]
    fn an_index_without_images_has_no_table_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let mut traces = traces();
        traces.images = vec![0; 2];
        let header = Header {
            images: 0,
            image_bytes: 0,
            image_placeholders: 0,
            ..header()
        };
        let bytes = index_bytes(
            &header,
            traces,
            refusal(),
            BlockImages::default(),
            &FilteredColumns::default(),
        )
        .unwrap();
        let column = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
        assert!(column(b"checksum") && !column(b"pixel_hash"));
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read_index(&path).unwrap().images, BlockImages::default());
    }

    #[test]
    fn images_that_do_not_add_up_are_damage() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0.index");
        let read = |change: fn(&mut Header, &mut TraceColumns, &mut BlockImages)| {
            let (mut header, mut traces, mut images) = (header(), traces(), images());
            change(&mut header, &mut traces, &mut images);
            let bytes = index_bytes(
                &header,
                traces,
                refusal(),
                images,
                &FilteredColumns::default(),
            )
            .unwrap();
            std::fs::write(&path, bytes).unwrap();
            read_index(&path)
        };
        assert!(read(|_, _, _| ()).is_ok());
        let changes: [fn(&mut Header, &mut TraceColumns, &mut BlockImages); 9] = [
            |header, _, _| header.images += 1,
            |header, _, _| header.image_bytes -= 1,
            |header, _, _| header.image_placeholders += 1,
            |header, _, _| header.image_placeholders = 0,
            |_, traces, _| traces.images[0] += 1,
            |_, _, images| images.refs[0] = 2,
            |_, _, images| images.table.hash.reverse(),
            |_, _, images| images.table.offset[1] = 5,
            |_, _, images| images.table.bytes = vec![3, 8],
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let error = read(change).unwrap_err();
            assert!(
                matches!(error, IndexError::Damaged { .. }),
                "change {number}: {error}"
            );
        }
    }
}
