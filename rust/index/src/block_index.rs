//! The indexes of all blocks as one: what the decisions are taken on.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use octomed_trace::Reason;

use crate::checks::{check_files, images_path};
use crate::side_column::DHASHES;
use crate::{
    Column, Header, ImageTable, IndexError, MEASURES, QuestionTable, SideColumn, TraceColumns,
    TraceMeasures, Verdict, read_index,
};

/// A finished block, and where its rows come from.
#[derive(Clone, Debug)]
pub struct BlockRef {
    /// Path without extension: `<path>.ids` and `<path>.index` exist.
    pub path: PathBuf,
    /// Row number in the file of the task's first row.
    pub first_row: u64,
}

/// What is to be in memory besides the columns that always are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Columns of the index.
    pub columns: Vec<Column>,
    /// Columns in files of their own.
    pub side: Vec<SideColumn>,
}

impl Needs {
    /// The question of each trace.
    #[must_use]
    pub fn questions() -> Self {
        Self {
            columns: vec![Column::question_id],
            side: Vec::new(),
        }
    }
}

/// Where a trace is: the block's number in source order, and its row in that block's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceLocation {
    /// Number of the block in source order.
    pub block: u32,
    /// Row in the block's index (sorted by shuffle key, not by source order).
    pub row: u32,
}

/// A block's index in memory: 47 bytes a trace, what the rules need while they run, and for a block with images 50
/// bytes an image, 4 a placeholder and 4 a trace.
#[derive(Debug, Default)]
pub struct BlockIndex {
    /// Path without extension.
    pub path: PathBuf,
    /// What the block says of itself.
    pub header: Header,
    /// Row number in the file of the task's first row.
    pub first_row: u64,
    /// Rows that gave no trace, by the name of the reason.
    pub refused: BTreeMap<String, u64>,
    /// The traces; columns that nobody asked for are empty.
    pub traces: TraceColumns,
    /// The side columns that were asked for, each with its values.
    pub side: Vec<(SideColumn, Vec<u8>)>,
    /// How often each kept trace is trained on, 0 for one of validation; nothing where each is once.
    pub copies: Vec<u8>,
    /// The distinct images that the traces show.
    pub images: ImageTable,
    /// Numbers into that table, trace by trace.
    refs: Vec<u32>,
    /// Where each trace's numbers begin; nothing where there are no images.
    ref_starts: Vec<u32>,
}

impl BlockIndex {
    /// Reads the index of a block.
    ///
    /// # Errors
    /// When a file of the block is missing or damaged.
    pub fn load(block: &BlockRef, needs: &Needs) -> Result<Self, IndexError> {
        let path = block.path.with_extension("index");
        let index = read_index(&path)?;
        check_files(&path, &index)?;
        let mut traces = index.traces;
        if !traces.shuffle_key.is_sorted() {
            return Err(IndexError::damaged(&path, "traces are out of order"));
        }
        let asked = |column: Column| column.is_always_loaded() || needs.columns.contains(&column);
        traces.retain(asked);
        let read = |&column: &SideColumn| Ok((column, column.read(&block.path, traces.len())?));
        if u32::try_from(index.images.refs.len()).is_err() {
            let what = "its traces show too many images";
            return Err(IndexError::damaged(&path, what));
        }
        let loaded = Self {
            path: block.path.clone(),
            header: index.header,
            first_row: block.first_row,
            refused: count_reasons(&index.refusals.reason),
            side: needs.side.iter().map(read).collect::<Result<_, _>>()?,
            traces,
            ..Self::default()
        };
        Ok(loaded.with_images(index.images.table, index.images.refs))
    }

    /// The block with these images; `refs` has a number into the table for each placeholder of each trace.
    #[must_use]
    pub fn with_images(mut self, images: ImageTable, refs: Vec<u32>) -> Self {
        self.ref_starts = match refs.len() {
            0 => Vec::new(),
            _ => ref_starts(&self.traces.images),
        };
        Self {
            images,
            refs,
            ..self
        }
    }

    /// Takes the images away from traces that show none any more, as if they had been stored without; the table stays.
    pub fn forget_images(&mut self, is_forgotten: impl Fn(usize) -> bool) {
        if self.refs.is_empty() {
            return;
        }
        let mut kept = Vec::new();
        for row in 0..self.len() {
            if !is_forgotten(row) {
                kept.extend_from_slice(self.image_refs(row));
            }
        }
        for row in (0..self.len()).filter(|&row| is_forgotten(row)) {
            self.traces.images[row] = 0;
        }
        self.ref_starts = ref_starts(&self.traces.images);
        self.refs = kept;
    }

    /// Whether any trace shows an image.
    #[must_use]
    pub fn shows_images(&self) -> bool {
        !self.refs.is_empty()
    }

    /// The images of a trace, as numbers into [`Self::images`], in the order of its placeholders.
    #[must_use]
    pub fn image_refs(&self, row: usize) -> &[u32] {
        match self.ref_starts.get(row) {
            Some(&start) => &self.refs[start as usize..][..usize::from(self.traces.images[row])],
            None => &[],
        }
    }

    /// Number of traces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether there are no traces.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// Whether no decision has left the trace out so far.
    #[must_use]
    pub fn is_kept(&self, row: usize) -> bool {
        self.traces.verdict[row] == Verdict::Kept as u8
    }

    /// How often a trace is trained on, if it is kept; 0 for one of validation.
    #[must_use]
    pub fn copies(&self, row: usize) -> u8 {
        self.copies.get(row).copied().unwrap_or(1)
    }

    /// The rows that are kept so far.
    pub fn kept_rows(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|&row| self.is_kept(row))
    }

    /// The values of a side column, if it was asked for.
    #[must_use]
    pub fn side(&self, column: SideColumn) -> Option<&[u8]> {
        let mut loaded = self.side.iter();
        let (_, values) = loaded.find(|(other, _)| *other == column)?;
        Some(values)
    }

    /// Reads the questions of its rows; none of a block that was scanned without.
    ///
    /// # Errors
    /// When their file is missing or damaged.
    pub fn questions(&self) -> Result<QuestionTable, IndexError> {
        match self.header.questions {
            Some(lines) => QuestionTable::read(&self.path, lines),
            None => Ok(QuestionTable::default()),
        }
    }

    /// Reads the values of a side column, which stay nowhere: of those that are too large to be in memory for all blocks.
    ///
    /// # Errors
    /// When its file is missing or damaged.
    pub fn read_side(&self, column: SideColumn) -> Result<Vec<u8>, IndexError> {
        column.read(&self.path, self.len())
    }

    /// Reads which rows have traces with data that tell who somebody is; none of a block that was scanned without that
    /// question.
    ///
    /// # Errors
    /// When the file of what was measured is missing or damaged.
    pub fn flagged_rows(&self) -> Result<HashSet<u32>, IndexError> {
        if !self.header.measures {
            return Ok(HashSet::new());
        }
        let values = MEASURES.read(&self.path, self.len())?;
        let rows = (0..self.len()).filter(|&row| {
            let measured = TraceMeasures::decode(MEASURES.value(&values, row));
            measured.is_some_and(|measured| measured.identifying != 0)
        });
        Ok(rows.map(|row| self.traces.ordinal[row]).collect())
    }

    /// Reads the hash of the gradients of each image, in the order of the table; none of a block that was scanned without.
    ///
    /// # Errors
    /// When their file is missing or damaged.
    pub fn dhashes(&self) -> Result<Vec<u64>, IndexError> {
        if !self.header.dhashes {
            return Ok(Vec::new());
        }
        let bytes = DHASHES.read(&self.path, self.images.len())?;
        let (hashes, _) = bytes.as_chunks();
        Ok(hashes
            .iter()
            .map(|hash| u64::from_le_bytes(*hash))
            .collect())
    }

    /// Reads what is stored of an image, whose number is one of the table's.
    ///
    /// # Errors
    /// When the file of the block's images cannot be read.
    pub fn stored_image(&self, image: usize) -> Result<Vec<u8>, IndexError> {
        let path = images_path(&self.path);
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(self.images.offset[image]))?;
            let mut bytes = vec![0; self.images.bytes[image] as usize];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(IndexError::of_block(&path))
    }

    /// Source, file, row and sample of a trace, for messages.
    #[must_use]
    pub fn describe(&self, row: usize) -> String {
        let number = self.first_row + u64::from(self.traces.ordinal[row]);
        let Header { source, file, .. } = &self.header;
        let sample = self.traces.sample[row];
        format!("{source}/{file} row {number} sample {sample}")
    }

    /// Frees what only rules need.
    fn release(&mut self) {
        self.traces.retain(Column::is_always_loaded);
        self.side = Vec::new();
    }
}

/// Where the placeholders of each trace begin among those of all.
fn ref_starts(images: &[u16]) -> Vec<u32> {
    let starts = images.iter().scan(0, |end, &count| {
        let start = *end;
        *end += u32::from(count);
        Some(start)
    });
    starts.collect()
}

fn count_reasons(codes: &[u8]) -> BTreeMap<String, u64> {
    let mut counts = [0_u64; Reason::ALL.len()];
    for code in codes {
        if let Some(count) = counts.get_mut(usize::from(*code)) {
            *count += 1;
        }
    }
    let named = |(reason, count): (Reason, u64)| (reason.as_str().to_owned(), count);
    let counted = Reason::ALL.into_iter().zip(counts);
    counted.filter(|(_, count)| *count > 0).map(named).collect()
}

/// The indexes of all blocks, in source order.
#[derive(Debug, Default)]
pub struct Index {
    /// The blocks.
    pub blocks: Vec<BlockIndex>,
}

impl Index {
    /// The block of a trace.
    #[must_use]
    pub fn block(&self, trace: TraceLocation) -> &BlockIndex {
        &self.blocks[trace.block as usize]
    }

    /// Rank in source order: blocks are in source order, rows inside a block by row number.
    #[must_use]
    pub fn source_order(&self, trace: TraceLocation) -> (u32, u32, u32) {
        let (traces, row) = (&self.block(trace).traces, trace.row as usize);
        (trace.block, traces.ordinal[row], traces.sample[row])
    }

    /// Source, file, row and sample of a trace, for messages.
    #[must_use]
    pub fn describe(&self, trace: TraceLocation) -> String {
        self.block(trace).describe(trace.row as usize)
    }

    /// Leaves a trace out.
    pub fn reject(&mut self, trace: TraceLocation, verdict: Verdict) {
        let block = &mut self.blocks[trace.block as usize];
        block.traces.verdict[trace.row as usize] = verdict as u8;
    }

    /// Frees what only rules need, once they have run.
    pub fn release(&mut self) {
        self.blocks.iter_mut().for_each(BlockIndex::release);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use octomed_files::Access;

    use super::*;
    use crate::{NewBlock, NewImage, NewImages, SCAN_VERSION, TraceEntry, verify_block};

    const LETTERS: SideColumn = SideColumn {
        extension: "letters",
        width: 2,
    };

    /// Two traces whose shuffle order is not their reading order, with a side column of two letters each.
    fn write(stem: &std::path::Path) {
        let header = Header {
            version: SCAN_VERSION,
            traces: 2,
            ..Header::default()
        };
        let mut traces = TraceColumns::default();
        for (shuffle_key, stored) in [(9, 1), (3, 2)] {
            traces.push(&TraceEntry {
                shuffle_key,
                stored,
                ..TraceEntry::default()
            });
        }
        let block = NewBlock {
            traces,
            stored: b"abb",
            side: &[(LETTERS, b"1a2b".to_vec())],
            ..NewBlock::new(&header)
        };
        block.write(stem, Access::Owner).unwrap();
    }

    fn load(stem: &std::path::Path, side: &[SideColumn]) -> Result<BlockIndex, IndexError> {
        let block = BlockRef {
            path: stem.to_owned(),
            first_row: 0,
        };
        let needs = Needs {
            columns: vec![Column::position],
            side: side.to_vec(),
        };
        BlockIndex::load(&block, &needs)
    }

    #[test]
    fn a_side_column_comes_back_in_the_order_of_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0-1");
        write(&stem);
        assert_eq!(std::fs::read(stem.with_extension("ids")).unwrap(), b"bba");
        let mut block = load(&stem, &[LETTERS]).unwrap();
        assert_eq!(block.traces.shuffle_key, [3, 9]);
        assert_eq!(block.side(LETTERS).unwrap(), b"2b1a");
        assert_eq!(LETTERS.value(block.side(LETTERS).unwrap(), 1), b"1a");
        assert_eq!(block.read_side(LETTERS).unwrap(), b"2b1a");
        assert_eq!(block.traces.position.len(), 2);
        block.release();
        assert_eq!(
            (block.side(LETTERS), block.traces.position.len()),
            (None, 0)
        );
    }

    #[test]
    fn a_side_column_is_read_only_where_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write(&stem);
        std::fs::remove_file(LETTERS.path(&stem)).unwrap();
        assert_eq!(load(&stem, &[]).unwrap().side(LETTERS), None);
        let error = load(&stem, &[LETTERS]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("0.letters` is damaged: it is missing")
        );
    }

    #[test]
    fn a_side_column_that_was_changed_or_cut_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write(&stem);
        let path = LETTERS.path(&stem);
        let whole = std::fs::read(&path).unwrap();
        let mut hostile: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            hostile.push(changed);
        }
        let longer = [b"2b1a9z".as_slice()].concat();
        let hash = xxhash_rust::xxh3::xxh3_64(&longer).to_le_bytes();
        hostile.push([longer, hash.to_vec()].concat());
        for bytes in hostile {
            std::fs::write(&path, &bytes).unwrap();
            let error = load(&stem, &[LETTERS]).unwrap_err();
            assert!(matches!(error, IndexError::Damaged { .. }), "{bytes:?}");
        }
    }

    /// Three traces in another order than they are read, with the images of these hashes.
    fn write_images(stem: &std::path::Path, shown: [&[u64]; 3]) {
        let mut images = NewImages::default();
        let mut traces = TraceColumns::default();
        for (place, hashes) in shown.into_iter().enumerate() {
            traces.push(&TraceEntry {
                shuffle_key: 10 - place as u64,
                checksum: crate::checksum(b""),
                images: hashes.len() as u16,
                ..TraceEntry::default()
            });
            for &hash in hashes {
                let stored = vec![hash as u8; 3 * hash as usize];
                let grid_h = hash as u16;
                let new = || NewImage {
                    hash,
                    dhash: Some(hash * 3),
                    grid_h,
                    stored: stored.clone(),
                    ..NewImage::default()
                };
                let number = images.number(hash).unwrap_or_else(|| images.add(new()));
                images.show(number);
            }
        }
        let images = images.settled();
        let header = Header {
            version: SCAN_VERSION,
            traces: 3,
            dhashes: true,
            images: images.images().len() as u64,
            image_bytes: images.bytes(),
            image_placeholders: images.placeholders(),
            ..Header::default()
        };
        let block = NewBlock {
            traces,
            images: &images,
            ..NewBlock::new(&header)
        };
        block.write(stem, Access::Owner).unwrap();
    }

    #[test]
    fn images_come_back_once_each_in_the_order_of_their_hashes() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0-1");
        write_images(&stem, [&[5, 2, 5], &[], &[2]]);
        let block = load(&stem, &[]).unwrap();
        let hashes = |row| {
            let refs = block.image_refs(row).iter();
            refs.map(|&image| block.images.hash[image as usize])
                .collect::<Vec<_>>()
        };
        assert_eq!([0, 1, 2].map(hashes), [vec![2], vec![], vec![5, 2, 5]]);
        assert_eq!(block.images.grid_h, [2, 5]);
        let stored = std::fs::read(stem.with_extension("images")).unwrap();
        assert_eq!(stored, [vec![2; 6], vec![5; 15]].concat());
        assert_eq!(
            verify_block(&stem.with_extension("index")).unwrap().images,
            2
        );
    }

    #[test]
    fn hashes_of_gradients_come_back_with_their_images() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write_images(&stem, [&[5, 2, 5], &[], &[2]]);
        let block = load(&stem, &[]).unwrap();
        assert_eq!(block.dhashes().unwrap(), [6, 15]);
        assert_eq!(block.stored_image(1).unwrap(), vec![5; 15]);
        let path = stem.with_extension("dhashes");
        crate::verify_block(&stem.with_extension("index")).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(block.dhashes().is_err());
        assert!(crate::verify_block(&stem.with_extension("index")).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(load(&stem, &[]).is_err());
    }

    #[test]
    fn a_block_without_images_has_no_file_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write_images(&stem, [&[], &[], &[]]);
        assert!(!stem.with_extension("images").exists());
        assert!(!stem.with_extension("image_files").exists());
        assert_eq!(load(&stem, &[]).unwrap().image_refs(2), &[] as &[u32]);
    }

    #[test]
    fn images_that_are_lost_cut_or_changed_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("0");
        write_images(&stem, [&[1], &[2], &[3]]);
        let path = stem.with_extension("images");
        let whole = std::fs::read(&path).unwrap();
        let is_damage = |error| matches!(error, IndexError::Damaged { .. });
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(load(&stem, &[]).is_err_and(is_damage), "{cut} bytes");
            assert!(verify_block(&stem.with_extension("index")).is_err_and(is_damage));
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            std::fs::write(&path, changed).unwrap();
            let error = verify_block(&stem.with_extension("index")).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("an image's bytes are not those written")
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert!(load(&stem, &[]).is_err_and(is_damage));
    }
}
