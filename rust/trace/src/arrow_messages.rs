//! The messages of an Arrow file or stream, read without their bodies: how much its reader will allocate.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use arrow_ipc::{Message, RecordBatch, root_as_footer, root_as_message};

const MAGIC: &[u8; 6] = b"ARROW1";
/// The padded magic before the first message of a file.
const FILE_START: u64 = 8;
/// The longest description of a message: longer than one of a hundred thousand columns.
const MAX_METADATA: u64 = 64 << 20;

/// What the messages say of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrowMessages {
    /// Bytes of the largest record batch, its body and what it is uncompressed to.
    pub largest_batch: u64,
    /// Bytes of all dictionaries, counted likewise.
    pub dictionaries: u64,
    /// Rows of all batches.
    pub rows: u64,
}

/// Looks at every message of a file or stream; what cannot be read ends the walk, and its reader says why.
///
/// # Errors
/// When the file cannot be read.
pub fn arrow_messages(file: &File) -> io::Result<ArrowMessages> {
    let mut found = ArrowMessages::default();
    let length = file.metadata()?.len();
    if bytes_at(file, 0, MAGIC.len() as u64)?.as_deref() == Some(MAGIC) {
        for at in blocks_of_footer(file, length)?.unwrap_or_default() {
            found.add(file, at)?;
        }
        return Ok(found);
    }
    let mut at = 0;
    while let Some(next) = found.add(file, at)? {
        at = next;
    }
    Ok(found)
}

/// Where the dictionaries and batches begin that the footer names: the reader goes by it, whatever stands between.
fn blocks_of_footer(file: &File, length: u64) -> io::Result<Option<Vec<u64>>> {
    let tail = 4 + MAGIC.len() as u64;
    let Some(end) = length.checked_sub(tail + FILE_START) else {
        return Ok(None);
    };
    let end = end + FILE_START;
    let size = bytes_at(file, end, 4)?.and_then(|bytes| size_of_i32(&bytes));
    let Some(begin) = size.and_then(|size| end.checked_sub(size)) else {
        return Ok(None);
    };
    let Some(footer) = bytes_at(file, begin, end - begin)? else {
        return Ok(None);
    };
    Ok(root_as_footer(&footer).ok().map(|footer| {
        let blocks = [footer.dictionaries(), footer.recordBatches()];
        let places = blocks.into_iter().flatten().flatten();
        places
            .filter_map(|block| u64::try_from(block.offset()).ok())
            .collect()
    }))
}

impl ArrowMessages {
    /// Adds the message at `at`; gives where the next begins, if one may.
    fn add(&mut self, file: &File, at: u64) -> io::Result<Option<u64>> {
        let Some((begin, size)) = metadata_at(file, at)? else {
            return Ok(None);
        };
        let Some(bytes) = bytes_at(file, begin, size)? else {
            return Ok(None);
        };
        let Ok(message) = root_as_message(&bytes) else {
            return Ok(None);
        };
        let body = begin + size;
        let length = claimed(message.bodyLength());
        self.count(file, &message, body, length)?;
        Ok(body.checked_add(length))
    }

    fn count(
        &mut self,
        file: &File,
        message: &Message<'_>,
        body: u64,
        length: u64,
    ) -> io::Result<()> {
        if let Some(batch) = message.header_as_record_batch() {
            let size = length.saturating_add(uncompressed(file, &batch, body)?);
            self.largest_batch = self.largest_batch.max(size);
            self.rows = self.rows.saturating_add(claimed(batch.length()));
        } else if let Some(dictionary) = message.header_as_dictionary_batch() {
            let more = match dictionary.data() {
                Some(batch) => uncompressed(file, &batch, body)?,
                None => 0,
            };
            let size = length.saturating_add(more);
            self.dictionaries = self.dictionaries.saturating_add(size);
        }
        Ok(())
    }
}

/// A length that a file states. A negative one is damage: it counts as more than any file holds, and is refused as that.
#[expect(
    clippy::cast_sign_loss,
    reason = "a negative length becomes one of 2^63 and more"
)]
fn claimed(length: i64) -> u64 {
    length as u64
}

/// What the buffers of a compressed batch are uncompressed to: each says so in its first eight bytes.
fn uncompressed(file: &File, batch: &RecordBatch<'_>, body: u64) -> io::Result<u64> {
    let mut sum = 0_u64;
    if batch.compression().is_none() {
        return Ok(0);
    }
    for buffer in batch.buffers().into_iter().flatten() {
        let (Ok(offset), true) = (u64::try_from(buffer.offset()), buffer.length() >= 8) else {
            continue;
        };
        let head = bytes_at(file, body.saturating_add(offset), 8)?;
        if let Some(bytes) = head.as_deref().and_then(<[u8]>::first_chunk::<8>) {
            sum = sum.saturating_add(match i64::from_le_bytes(*bytes) {
                -1 => 0, // the buffer is stored as it is
                length => claimed(length),
            });
        }
    }
    Ok(sum)
}

/// Where the description of the message at `at` begins, and its length; nothing at the end.
fn metadata_at(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    let Some(head) = bytes_at(file, at, 4)? else {
        return Ok(None);
    };
    // Before version 0.15 messages had no mark before their length.
    let is_marked = head == [0xff; 4];
    let begin = if is_marked { at + 8 } else { at + 4 };
    let Some(size) = bytes_at(file, begin - 4, 4)?.and_then(|bytes| size_of_i32(&bytes)) else {
        return Ok(None);
    };
    Ok((1..=MAX_METADATA).contains(&size).then_some((begin, size)))
}

fn size_of_i32(bytes: &[u8]) -> Option<u64> {
    let number = i32::from_le_bytes(*bytes.first_chunk()?);
    u64::try_from(number).ok()
}

fn bytes_at(file: &File, at: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    if at.saturating_add(length) > file.metadata()?.len() {
        return Ok(None);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no more than a file's metadata or eight bytes"
    )]
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, at)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use arrow_ipc::writer::{FileWriter, StreamWriter};
    use proptest::prelude::*;

    use super::*;

    fn walked(bytes: &[u8]) -> ArrowMessages {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        arrow_messages(&file).unwrap()
    }

    fn batch(rows: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        RecordBatch::try_from_iter([("a", column)]).unwrap()
    }

    #[test]
    fn files_and_streams_say_their_rows_and_largest_batch() {
        let (mut stream, mut file) = (Vec::new(), Vec::new());
        let mut writer = StreamWriter::try_new(&mut stream, &batch(0).schema()).unwrap();
        let mut other = FileWriter::try_new(&mut file, &batch(0).schema()).unwrap();
        for rows in [10, 1000, 5] {
            writer.write(&batch(rows)).unwrap();
            other.write(&batch(rows)).unwrap();
        }
        writer.finish().unwrap();
        other.finish().unwrap();
        drop((writer, other));
        for bytes in [stream, file] {
            let found = walked(&bytes);
            assert_eq!(found.rows, 1015);
            assert!((8000..9000).contains(&found.largest_batch), "{found:?}");
        }
    }

    #[test]
    fn a_negative_length_claims_more_than_any_file_holds() {
        assert_eq!([0, i64::MAX].map(claimed), [0, i64::MAX as u64]);
        assert!(
            [-1, i64::MIN]
                .map(claimed)
                .into_iter()
                .all(|length| length >= 1 << 63)
        );
    }

    proptest! {
        #[test]
        fn whatever_stands_there_ends(bytes in prop::collection::vec(any::<u8>(), 0..300), is_file: bool) {
            let head: &[u8] = if is_file { b"ARROW1\0\0" } else { b"\xff\xff\xff\xff" };
            let _ = walked(&[head, &bytes].concat());
        }
    }
}
