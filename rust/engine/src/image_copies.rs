//! Images on their way from the working store into a raw shard.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_index::{BlockIndex, Index, IndexError, checksum};

use crate::error::EngineError;
use crate::range_images::ImageLocation;

/// Images that lie no further apart are read ahead together: what lies between costs less than another read.
const LARGEST_GAP: u64 = 256 << 10;

/// An image that a raw shard has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageCopy {
    /// Where it is.
    pub from: ImageLocation,
    /// Byte of the shard at which it begins.
    pub at: usize,
}

/// Bytes of a block's images that are read as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRun {
    /// Number of the block in source order.
    pub block: u32,
    /// Where in its `.images` file.
    pub bytes: Range<u64>,
}

/// The long reads that bring these images, each once, block by block and forwards.
pub fn image_runs(index: &Index, locations: &[ImageLocation]) -> Vec<ImageRun> {
    let mut locations = locations.to_vec();
    locations.sort_unstable();
    let mut runs: Vec<ImageRun> = Vec::new();
    for ImageLocation { block, image } in locations {
        let table = &index.blocks[block as usize].images;
        let start = table.offset[image as usize];
        let end = start + u64::from(table.bytes[image as usize]);
        match runs.last_mut() {
            Some(run) if run.block == block && start <= run.bytes.end + LARGEST_GAP => {
                run.bytes.end = end;
            }
            _ => runs.push(ImageRun {
                block,
                bytes: start..end,
            }),
        }
    }
    runs
}

/// Has the system read these images ahead.
///
/// # Errors
/// When a block's images cannot be opened, or `cancel` is set.
pub fn read_images_ahead(
    index: &Index,
    locations: &[ImageLocation],
    cancel: &AtomicBool,
) -> Result<(), EngineError> {
    let runs = image_runs(index, locations);
    for runs in runs.chunk_by(|one, next| one.block == next.block) {
        if cancel.load(Ordering::Relaxed) {
            return Err(EngineError::Cancelled);
        }
        let (_, file) = open(&index.blocks[runs[0].block as usize])?;
        for Range { start, end } in runs.iter().map(|run| run.bytes.clone()) {
            octomed_memory::read_ahead(&file, start, end - start);
        }
    }
    Ok(())
}

/// Reads images into a raw shard, block by block and forwards, straight to where they stay; one that stands in the
/// shard several times is read once.
///
/// # Errors
/// When a block cannot be read or is damaged, or `cancel` is set.
pub fn fill_images(
    index: &Index,
    mut copies: Vec<ImageCopy>,
    shard: &mut [u8],
    cancel: &AtomicBool,
) -> Result<(), EngineError> {
    copies.sort_unstable();
    for copies in copies.chunk_by(|one, next| one.from.block == next.from.block) {
        if cancel.load(Ordering::Relaxed) {
            return Err(EngineError::Cancelled);
        }
        let block = &index.blocks[copies[0].from.block as usize];
        let (path, file) = open(block)?;
        for copies in copies.chunk_by(|one, next| one.from == next.from) {
            let image = copies[0].from.image as usize;
            let bytes = block.images.bytes[image] as usize;
            let first = copies[0].at..copies[0].at + bytes;
            let slot = &mut shard[first.clone()];
            let read = file.read_exact_at(slot, block.images.offset[image]);
            read.map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    IndexError::damaged(&path, "its end is missing")
                }
                _ => IndexError::of_block(&path)(error),
            })?;
            if checksum(slot) != block.images.checksum[image] {
                let what = "an image's bytes are not those written";
                return Err(IndexError::damaged(&path, what).into());
            }
            for copy in &copies[1..] {
                shard.copy_within(first.clone(), copy.at);
            }
        }
    }
    Ok(())
}

fn open(block: &BlockIndex) -> Result<(PathBuf, File), EngineError> {
    let path = block.path.with_extension("images");
    let file = File::open(&path).map_err(IndexError::of_block(&path))?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use octomed_index::ImageTable;

    use super::*;

    #[test]
    fn images_that_lie_close_are_read_as_one() {
        let table = |sizes: &[u32]| ImageTable {
            offset: sizes
                .iter()
                .scan(0, |end, &bytes| {
                    *end += u64::from(bytes);
                    Some(*end - u64::from(bytes))
                })
                .collect(),
            bytes: sizes.to_vec(),
            ..ImageTable::default()
        };
        let block = |sizes: &[u32]| BlockIndex::default().with_images(table(sizes), Vec::new());
        let gap = LARGEST_GAP as u32;
        let index = Index {
            blocks: vec![block(&[10, gap, 20, gap + 1, 30, 40]), block(&[5])],
        };
        let at = |(block, image)| ImageLocation { block, image };
        let runs = image_runs(&index, &[(1, 0), (0, 5), (0, 2), (0, 0), (0, 4)].map(at));
        let run = |block, bytes: Range<u64>| ImageRun { block, bytes };
        let second = 10 + 2 * LARGEST_GAP + 20 + 1;
        assert_eq!(
            runs,
            [
                run(0, 0..10 + LARGEST_GAP + 20),
                run(0, second..second + 70),
                run(1, 0..5),
            ]
        );
        assert_eq!(image_runs(&index, &[]), []);
    }
}
