//! The distinct images of a block, and which trace shows which.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Field, Schema};

use crate::columns::{append, array};

/// Declares the columns of the table of images.
macro_rules! image_columns {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty;)+) => {
        /// The distinct images of a block, ascending by hash: a vector for each column.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct ImageTable {
            $($(#[doc = $doc])+ pub $name: Vec<$kind>,)+
        }

        impl ImageTable {
            fn into_batch(self) -> Result<RecordBatch, ArrowError> {
                batch(vec![$((stringify!($name), array(self.$name))),+])
            }

            fn append(&mut self, batch: &RecordBatch) -> Option<()> {
                $(append(&mut self.$name, stringify!($name), batch)?;)+
                Some(())
            }
        }
    };
}

image_columns! {
    /// `xxh3_64` of the bytes as they came.
    hash: u64;
    /// Hash of the upright pixels, if the image was decoded to verify it; else 0.
    pixel_hash: u64;
    /// Where its stored bytes begin in the `.images` file.
    offset: u64;
    /// Stored bytes.
    bytes: u32;
    /// [`checksum`](crate::checksum) of these.
    checksum: u32;
    /// Height of the original, upright.
    height: u32;
    /// Width of the original, upright.
    width: u32;
    /// Patches along the height, as the model sees the image.
    grid_h: u16;
    /// Patches along the width.
    grid_w: u16;
}

fn batch(columns: Vec<(&str, arrow_array::ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let field = |(name, array): &(&str, arrow_array::ArrayRef)| {
        Field::new(*name, array.data_type().clone(), false)
    };
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

impl ImageTable {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hash.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hash.is_empty()
    }

    /// Patches of an image, as the model sees it.
    #[must_use]
    pub fn patches(&self, image: usize) -> u64 {
        u64::from(self.grid_h[image]) * u64::from(self.grid_w[image])
    }

    /// Bytes of the `.images` file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.bytes.iter().map(|&bytes| u64::from(bytes)).sum()
    }

    /// What contradicts itself in the table.
    fn fault(&self) -> Option<&'static str> {
        if !self.hash.is_sorted_by(|one, next| one < next) {
            return Some("its images are out of order");
        }
        let mut end = 0;
        for (&offset, &bytes) in self.offset.iter().zip(&self.bytes) {
            if offset != end {
                return Some("its images do not lie one behind the other");
            }
            end += u64::from(bytes);
        }
        None
    }
}

/// What an index says of images: which there are, and which the traces show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockImages {
    /// The distinct images.
    pub table: ImageTable,
    /// Numbers into the table, for each trace as many as it has placeholders and in their order.
    pub refs: Vec<u32>,
}

/// The name of the one column of [`BlockImages::refs`].
const REFS: &str = "image";

impl BlockImages {
    /// Whether the block shows no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty() && self.refs.is_empty()
    }

    pub(crate) fn into_batches(self) -> Result<[RecordBatch; 2], ArrowError> {
        Ok([
            self.table.into_batch()?,
            batch(vec![(REFS, array(self.refs))])?,
        ])
    }

    /// Adds rows of the table; `None` if it lacks a column.
    pub(crate) fn append_images(&mut self, batch: &RecordBatch) -> Option<()> {
        self.table.append(batch)
    }

    /// Adds numbers into the table; `None` if there are none in the batch.
    pub(crate) fn append_refs(&mut self, batch: &RecordBatch) -> Option<()> {
        append(&mut self.refs, REFS, batch)
    }

    /// What contradicts itself, or the traces' counts of placeholders.
    pub(crate) fn fault(&self, placeholders: &[u16]) -> Option<&'static str> {
        let wanted: u64 = placeholders.iter().map(|&count| u64::from(count)).sum();
        if self.refs.len() as u64 != wanted {
            return Some("its traces have another number of placeholders than it has images for");
        }
        let known = |&image: &u32| (image as usize) < self.table.len();
        if !self.refs.iter().all(known) {
            return Some("a trace shows an image that is not there");
        }
        self.table.fault()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> BlockImages {
        let table = ImageTable {
            hash: vec![3, 9],
            pixel_hash: vec![1, 2],
            offset: vec![0, 5],
            bytes: vec![5, 7],
            checksum: vec![8, 9],
            height: vec![28, 56],
            width: vec![84, 28],
            grid_h: vec![2, 4],
            grid_w: vec![6, 2],
        };
        BlockImages {
            table,
            refs: vec![1, 0, 1],
        }
    }

    #[test]
    fn a_sound_table_has_no_fault() {
        assert_eq!(images().fault(&[1, 0, 2]), None);
        assert_eq!(images().table.file_bytes(), 12);
        assert_eq!(BlockImages::default().fault(&[0, 0]), None);
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let faulty = |change: fn(&mut BlockImages)| {
            let mut changed = images();
            change(&mut changed);
            changed.fault(&[1, 0, 2]).is_some()
        };
        assert!(faulty(|images| images.refs[1] = 2));
        assert!(faulty(|images| images.refs.push(0)));
        assert!(faulty(|images| images.refs.clear()));
        assert!(faulty(|images| images.table.hash.swap(0, 1)));
        assert!(faulty(|images| images.table.hash[1] = 3));
        assert!(faulty(|images| images.table.offset[0] = 1));
        assert!(faulty(|images| images.table.offset[1] = 4));
        assert!(faulty(|images| images.table.bytes[0] = u32::MAX));
    }
}
