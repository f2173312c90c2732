//! The questions of a block: what rules of the selection read of them, block by block.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, LargeListArray, LargeStringArray, RecordBatch, UInt32Array, UInt64Array,
};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use octomed_files::{Access, Temporary};
use xxhash_rust::xxh3::xxh3_64;

use crate::IndexError;

/// What the extension of the file is.
const EXTENSION: &str = "questions";

/// What the texts are compressed by: they are read once a selection, and written once.
const LEVEL: i32 = 1;

/// A row's question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question<'a> {
    /// Row number in the task.
    pub ordinal: u32,
    /// Hash of the question, as the traces have it.
    pub question_id: u64,
    /// The question's text alone: no options, no system message.
    pub stem: &'a str,
    /// Hash of the row's images; 0 of a row without.
    pub images: u64,
    /// The right option's text, normalised, or the right answer's where there are no options.
    pub gold: Option<&'a str>,
    /// The values of the columns that the recipe asks for, in its order.
    pub asked: Vec<Option<&'a str>>,
    /// The hashes of the bytes and of the pixels of each of the row's images, where a rule asks which questions share
    /// some: those of a row all of whose traces are left out stand nowhere else. 0 for pixels that nobody decoded.
    pub pictures: Vec<[u64; 2]>,
}

/// The questions of a block, in row order: one for each row of which it has a trace. A row whose traces lie in
/// several parts has a line in each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionTable {
    ordinal: Vec<u32>,
    question_id: Vec<u64>,
    images: Vec<u64>,
    stem: Texts,
    gold: Texts,
    asked: Texts,
    /// Where the asked values of each line end.
    asked_ends: Vec<u64>,
    pictures: Vec<[u64; 2]>,
    /// Where the pictures of each line end.
    picture_ends: Vec<u64>,
}

/// Texts on end, some of which are not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Texts {
    bytes: String,
    ends: Vec<u64>,
    is_there: Vec<bool>,
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        self.bytes.push_str(text.unwrap_or_default());
        self.ends.push(self.bytes.len() as u64);
        self.is_there.push(text.is_some());
    }

    fn get(&self, at: usize) -> Option<&str> {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        self.is_there[at].then(|| &self.bytes[begin as usize..self.ends[at] as usize])
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn array(&self) -> LargeStringArray {
        (0..self.len()).map(|at| self.get(at)).collect()
    }

    fn append(&mut self, array: &dyn Array) -> Option<()> {
        for text in array.as_string_opt::<i64>()? {
            self.push(text);
        }
        Some(())
    }
}

impl QuestionTable {
    /// Adds a line.
    pub fn push(&mut self, question: &Question<'_>) {
        self.ordinal.push(question.ordinal);
        self.question_id.push(question.question_id);
        self.images.push(question.images);
        self.stem.push(Some(question.stem));
        self.gold.push(question.gold);
        for value in &question.asked {
            self.asked.push(*value);
        }
        self.asked_ends.push(self.asked.len() as u64);
        self.pictures.extend_from_slice(&question.pictures);
        self.picture_ends.push(self.pictures.len() as u64);
    }

    /// Number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ordinal.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ordinal.is_empty()
    }

    /// The line with number `line`.
    ///
    /// # Panics
    /// As an index into a slice, where there is no such line.
    #[must_use]
    pub fn get(&self, line: usize) -> Question<'_> {
        let begin = if line == 0 {
            0
        } else {
            self.asked_ends[line - 1]
        };
        let asked = begin as usize..self.asked_ends[line] as usize;
        Question {
            ordinal: self.ordinal[line],
            question_id: self.question_id[line],
            stem: self.stem.get(line).unwrap_or_default(),
            images: self.images[line],
            gold: self.gold.get(line),
            asked: asked.map(|at| self.asked.get(at)).collect(),
            pictures: self.pictures_of(line).to_vec(),
        }
    }

    /// The pictures of the line with number `line`.
    fn pictures_of(&self, line: usize) -> &[[u64; 2]] {
        let begin = if line == 0 {
            0
        } else {
            self.picture_ends[line - 1]
        };
        &self.pictures[begin as usize..self.picture_ends[line] as usize]
    }

    /// All lines, in row order.
    pub fn iter(&self) -> impl Iterator<Item = Question<'_>> {
        (0..self.len()).map(|line| self.get(line))
    }

    /// The row number of the last line.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.ordinal.last().copied()
    }

    /// The line of the row with this number in the task, which is that of its traces.
    #[must_use]
    pub fn line_of(&self, ordinal: u32) -> Option<usize> {
        self.ordinal.binary_search(&ordinal).ok()
    }

    fn to_batch(&self) -> Result<RecordBatch, ArrowError> {
        let ends = self.asked_ends.iter().map(|&end| end as i64);
        let offsets: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let item = Arc::new(Field::new("item", DataType::LargeUtf8, true));
        let asked = LargeListArray::try_new(
            Arc::clone(&item),
            arrow_buffer::OffsetBuffer::new(offsets.into()),
            Arc::new(self.asked.array()),
            None,
        )?;
        let mut fields = vec![
            Field::new("ordinal", DataType::UInt32, false),
            Field::new("question_id", DataType::UInt64, false),
            Field::new("stem", DataType::LargeUtf8, false),
            Field::new("images", DataType::UInt64, false),
            Field::new("gold", DataType::LargeUtf8, true),
            Field::new("asked", DataType::LargeList(item), false),
        ];
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(self.ordinal.clone())),
            Arc::new(UInt64Array::from(self.question_id.clone())),
            Arc::new(self.stem.array()),
            Arc::new(UInt64Array::from(self.images.clone())),
            Arc::new(self.gold.array()),
            Arc::new(asked),
        ];
        // A table without any is as it was before there were pictures in it.
        if !self.pictures.is_empty() {
            let (field, pictures) = self.picture_column()?;
            fields.push(field);
            arrays.push(pictures);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }

    /// Of each line the hashes of its pictures: bytes, pixels, bytes, …
    fn picture_column(&self) -> Result<(Field, ArrayRef), ArrowError> {
        let ends = self.picture_ends.iter().map(|&end| 2 * end as i64);
        let offsets: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let item = Arc::new(Field::new("item", DataType::UInt64, false));
        let hashes: UInt64Array = self.pictures.iter().flatten().copied().collect();
        let pictures = LargeListArray::try_new(
            Arc::clone(&item),
            arrow_buffer::OffsetBuffer::new(offsets.into()),
            Arc::new(hashes),
            None,
        )?;
        let field = Field::new("pictures", DataType::LargeList(item), false);
        Ok((field, Arc::new(pictures)))
    }

    /// Takes the pictures of so many lines.
    fn append_pictures(&mut self, lines: usize, column: Option<&ArrayRef>) -> Option<()> {
        let Some(column) = column else {
            let end = self.pictures.len() as u64;
            self.picture_ends
                .resize(self.picture_ends.len() + lines, end);
            return Some(());
        };
        for values in column.as_list_opt::<i64>()?.iter() {
            let values = values?;
            let hashes = values.as_primitive_opt::<UInt64Type>()?.values();
            let (pairs, rest) = hashes.as_chunks::<2>();
            self.pictures.extend_from_slice(pairs);
            self.picture_ends.push(self.pictures.len() as u64);
            rest.is_empty().then_some(())?;
        }
        Some(())
    }

    fn append(&mut self, batch: &RecordBatch) -> Option<()> {
        let numbers = |name| batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>();
        let ordinal = batch.column_by_name("ordinal")?;
        let ordinal = ordinal.as_primitive_opt::<UInt32Type>()?;
        self.ordinal.extend_from_slice(ordinal.values());
        self.question_id
            .extend_from_slice(numbers("question_id")?.values());
        self.images.extend_from_slice(numbers("images")?.values());
        self.stem.append(batch.column_by_name("stem")?)?;
        self.gold.append(batch.column_by_name("gold")?)?;
        for values in batch.column_by_name("asked")?.as_list_opt::<i64>()?.iter() {
            self.asked.append(&values?)?;
            self.asked_ends.push(self.asked.len() as u64);
        }
        self.append_pictures(batch.num_rows(), batch.column_by_name("pictures"))?;
        self.ordinal
            .is_sorted_by(|one, next| one < next)
            .then_some(())
    }

    /// The bytes of the file.
    fn to_bytes(&self) -> Result<Vec<u8>, ArrowError> {
        let batch = self.to_batch()?;
        let mut stream = Vec::new();
        let mut writer = StreamWriter::try_new(&mut stream, batch.schema_ref())?;
        writer.write(&batch)?;
        writer.finish()?;
        drop(writer);
        let mut bytes = zstd::bulk::compress(&stream, LEVEL)
            .map_err(|error| ArrowError::IoError(error.to_string(), error))?;
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// Writes the table of the block `stem`; the file gets its name when it is renamed.
    pub(crate) fn write(
        &self,
        stem: &Path,
        access: Access,
    ) -> Result<(Temporary, PathBuf), IndexError> {
        let path = questions_path(stem);
        let bytes = self.to_bytes().map_err(IndexError::Encoding)?;
        let write = || {
            let mut file = Temporary::beside(&path, access)?;
            std::io::Write::write_all(file.file(), &bytes)?;
            Ok(file)
        };
        let file = write().map_err(IndexError::file("write", &path))?;
        Ok((file, path))
    }

    /// Reads the table of the block `stem`, which has so many lines.
    pub(crate) fn read(stem: &Path, lines: u64) -> Result<Self, IndexError> {
        let path = questions_path(stem);
        let file = checked_bytes(&path)?;
        let damaged = |fault: String| IndexError::damaged(&path, fault);
        let stream =
            zstd::stream::decode_all(&file[..]).map_err(|error| damaged(error.to_string()))?;
        // Arrow's reader believes the offsets of buffers, and panics where they lead out of the file.
        let table = catch_unwind(|| read_stream(&stream))
            .unwrap_or_else(|_| Err("Arrow cannot read it".to_owned()))
            .map_err(damaged)?;
        if table.len() as u64 == lines {
            return Ok(table);
        }
        let counted = format!("{} questions, the index counts {lines}", table.len());
        Err(IndexError::damaged(&path, counted))
    }
}

/// The file of the block `stem`.
pub(crate) fn questions_path(stem: &Path) -> PathBuf {
    stem.with_extension(EXTENSION)
}

/// The bytes of a file before the hash that they end with.
pub(crate) fn checked_bytes(path: &Path) -> Result<Vec<u8>, IndexError> {
    let mut bytes = std::fs::read(path).map_err(IndexError::of_block(path))?;
    let Some((values, hash)) = bytes.split_last_chunk() else {
        return Err(IndexError::damaged(path, "it is cut"));
    };
    if xxh3_64(values) != u64::from_le_bytes(*hash) {
        return Err(IndexError::damaged(path, "its bytes are not those written"));
    }
    bytes.truncate(bytes.len() - 8);
    Ok(bytes)
}

fn read_stream(stream: &[u8]) -> Result<QuestionTable, String> {
    let fault = |error: ArrowError| error.to_string();
    let mut table = QuestionTable::default();
    for batch in StreamReader::try_new(stream, None).map_err(fault)? {
        let batch = batch.map_err(fault)?;
        table
            .append(&batch)
            .ok_or("a column is missing, or its rows are out of order")?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{BlockIndex, BlockRef, Header, Needs, NewBlock, SCAN_VERSION, verify_block};

    fn questions() -> QuestionTable {
        let mut table = QuestionTable::default();
        for (ordinal, stem, gold) in [
            (3, "What is it?", None),
            (7, "", Some("")),
            (9, "Ünd?", Some("b")),
        ] {
            let asked = [None, Some("four"), Some("")][..(ordinal as usize) % 4].to_vec();
            table.push(&Question {
                ordinal,
                question_id: u64::MAX - u64::from(ordinal),
                stem,
                images: u64::from(ordinal) - 3,
                gold,
                asked,
                pictures: vec![[u64::from(ordinal), 0], [1, 2]][..ordinal as usize % 3].to_vec(),
            });
        }
        table
    }

    fn write(stem: &Path, table: Option<&QuestionTable>) {
        let header = Header {
            version: SCAN_VERSION,
            questions: table.map(|table| table.len() as u64),
            ..Header::default()
        };
        let block = NewBlock {
            questions: table,
            ..NewBlock::new(&header)
        };
        block.write(stem, Access::Owner).unwrap();
    }

    fn load(stem: &Path) -> BlockIndex {
        let block = BlockRef {
            path: stem.to_owned(),
            first_row: 0,
        };
        BlockIndex::load(&block, &Needs::default()).unwrap()
    }

    #[test]
    fn a_table_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0-1");
        write(&stem, Some(&questions()));
        let table = load(&stem).questions().unwrap();
        assert_eq!(table, questions());
        let last = table.get(2);
        assert_eq!(
            (last.stem, last.gold, &last.asked[..]),
            ("Ünd?", Some("b"), &[None][..])
        );
        assert_eq!(table.get(0).asked, [None, Some("four"), Some("")]);
        assert_eq!((table.line_of(7), table.line_of(8)), (Some(1), None));
        assert_eq!(table.iter().count(), 3);
        assert_eq!(table.get(1).pictures, [[7, 0]]);
    }

    #[test]
    fn a_table_without_pictures_is_as_it_was_before_there_were_any() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        let mut plain = QuestionTable::default();
        for line in questions().iter() {
            plain.push(&Question {
                pictures: Vec::new(),
                ..line
            });
        }
        write(&stem, Some(&plain));
        assert_eq!(load(&stem).questions().unwrap(), plain);
        let columns = |table: &QuestionTable| table.to_batch().unwrap().num_columns();
        assert_eq!((columns(&plain), columns(&questions())), (6, 7));
    }

    #[test]
    fn a_block_without_questions_has_no_file_and_an_empty_table() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write(&stem, None);
        assert!(!questions_path(&stem).exists());
        assert!(load(&stem).questions().unwrap().is_empty());
        write(&stem, Some(&QuestionTable::default()));
        assert!(questions_path(&stem).exists());
        assert!(load(&stem).questions().unwrap().is_empty());
    }

    #[test]
    fn a_table_that_was_changed_cut_or_lost_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write(&stem, Some(&questions()));
        let index = stem.with_extension("index");
        let path = questions_path(&stem);
        let whole = std::fs::read(&path).unwrap();
        let block = load(&stem);
        let is_damage = |error| matches!(error, IndexError::Damaged { .. });
        let mut hostile: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            hostile.push(changed);
        }
        for bytes in hostile {
            std::fs::write(&path, bytes).unwrap();
            assert!(block.questions().is_err_and(is_damage));
            assert!(verify_block(&index).is_err_and(is_damage));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(block.questions().is_err_and(is_damage));
        assert!(crate::read_header(&index).is_err_and(is_damage));
        std::fs::write(&path, &whole).unwrap();
        assert!(verify_block(&index).is_ok());
    }

    #[test]
    fn what_a_right_hash_covers_is_read_or_refused() {
        let stream = {
            let bytes = questions().to_bytes().unwrap();
            zstd::stream::decode_all(&bytes[..bytes.len() - 8]).unwrap()
        };
        for at in 0..stream.len() {
            let mut changed = stream.clone();
            changed[at] ^= [1, 0x80, 0xff][at % 3];
            // Neither a crash nor a table with lines that cannot be looked at.
            if let Ok(Ok(table)) = catch_unwind(|| read_stream(&changed)) {
                assert_eq!(table.iter().count(), table.len(), "byte {at}");
            }
        }
    }
}
