//! The images of a row that can be used, or why the row is refused.

use std::collections::HashSet;

use octomed_index::NewImage;
use octomed_trace::{Reason, Refusal, Row};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::EngineError;
use crate::image_facts::ImageFacts;

/// An image of a row that can be used.
#[derive(Clone, Debug)]
pub struct RowImage {
    /// Its number among all that the row says of images.
    pub number: usize,
    /// Hash of its bytes as they came.
    pub hash: u64,
    /// What is known of it.
    pub facts: ImageFacts,
    /// Tokens that stand for it.
    pub tokens: u32,
    /// Where the row has it: a file's path, or a column.
    pub place: String,
}

/// The images that a row shows, in its order, and what is stored of those that are new.
#[derive(Clone, Debug, Default)]
pub struct RowImages {
    /// The images.
    pub images: Vec<RowImage>,
    /// Those of them that were not held yet.
    pub new: Vec<NewImage>,
}

impl RowImages {
    /// A hash of the images, and of what is left out, in the row's order.
    pub fn hash(&self, row: &Row<'_>) -> Option<u64> {
        let hashes = self.images.iter().map(|image| image.hash);
        self.hash_of(row, hashes)
    }

    /// The same in the order in which a trace shows them.
    pub fn shown_hash(&self, row: &Row<'_>, shown: &[usize]) -> Option<u64> {
        self.hash_of(row, shown.iter().map(|&place| self.images[place].hash))
    }

    fn hash_of(&self, row: &Row<'_>, hashes: impl Iterator<Item = u64>) -> Option<u64> {
        if self.images.is_empty() {
            return row.image_hash();
        }
        hash_of_images(row, hashes)
    }

    /// Makes what was held before new.
    pub fn renew(&mut self, held: impl Fn(u64) -> Option<NewImage>) {
        let mut known: HashSet<u64> = self.new.iter().map(|image| image.hash).collect();
        for image in &self.images {
            if known.insert(image.hash) {
                self.new.extend(held(image.hash));
            }
        }
    }
}

/// A hash of a row's images with these hashes, and of what is left out.
pub fn hash_of_images(row: &Row<'_>, hashes: impl Iterator<Item = u64>) -> Option<u64> {
    let mut hashes = hashes.peekable();
    if hashes.peek().is_none() {
        return row.image_hash();
    }
    let left_out = row.images.iter().filter(|image| image.is_left_out());
    let hashes = hashes.chain(left_out.map(|image| image.hash));
    let bytes: Vec<u8> = hashes.flat_map(u64::to_le_bytes).collect();
    Some(xxh3_64(&bytes))
}

/// Why a row is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The kind.
    pub reason: Reason,
    /// Kind and place, never a value of the row but a path.
    pub detail: String,
}

impl RowFault {
    /// The refusal of this row.
    pub fn of(self, row: &Row<'_>) -> Refusal {
        Refusal {
            position: row.position,
            ordinal: row.ordinal,
            reason: self.reason,
            detail: self.detail,
        }
    }

    /// A fault of a kind, in words.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { reason, detail }
    }
}

/// An error that ends the scan, or a fault of the row.
pub enum Failure {
    /// The row is refused.
    Row(RowFault),
    /// The scan ends.
    Scan(EngineError),
}

impl From<RowFault> for Failure {
    fn from(fault: RowFault) -> Self {
        Self::Row(fault)
    }
}
