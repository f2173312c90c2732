//! The images of a block while it is made: each once, held until the block is written.

use std::collections::HashMap;

use crate::{BlockImages, ImageTable, checksum};

/// An image that a block is to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewImage {
    /// `xxh3_64` of the bytes as they came.
    pub hash: u64,
    /// Hash of the upright pixels; 0 where nobody decoded it.
    pub pixel_hash: u64,
    /// Hash of its gradients, where somebody asked for it.
    pub dhash: Option<u64>,
    /// Height of the original, upright.
    pub height: u32,
    /// Width of the original, upright.
    pub width: u32,
    /// Patches along the height.
    pub grid_h: u16,
    /// Patches along the width.
    pub grid_w: u16,
    /// Whether the bytes that came say who or what it is of.
    pub has_metadata: bool,
    /// What is stored of it.
    pub stored: Vec<u8>,
}

/// The distinct images of a block, numbered as they came, and which the traces show.
#[derive(Clone, Debug, Default)]
pub struct NewImages {
    images: Vec<NewImage>,
    numbers: HashMap<u64, u32>,
    refs: Vec<u32>,
    bytes: u64,
}

impl NewImages {
    /// The number of the image with this hash, if it is here.
    #[must_use]
    pub fn number(&self, hash: u64) -> Option<u32> {
        self.numbers.get(&hash).copied()
    }

    /// The image with this hash, if it is here.
    #[must_use]
    pub fn get(&self, hash: u64) -> Option<&NewImage> {
        Some(&self.images[self.number(hash)? as usize])
    }

    /// Adds an image that is not here yet, and gives its number.
    pub fn add(&mut self, image: NewImage) -> u32 {
        let number = self.images.len() as u32;
        self.bytes += image.stored.len() as u64;
        self.numbers.insert(image.hash, number);
        self.images.push(image);
        number
    }

    /// Notes that the next placeholder shows the image of this number.
    pub fn show(&mut self, number: u32) {
        self.refs.push(number);
    }

    /// Bytes that are held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether no image is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Drops what no placeholder shows, and sorts by hash.
    #[must_use]
    pub fn settled(self) -> SettledImages {
        let mut is_shown = vec![false; self.images.len()];
        for &number in &self.refs {
            is_shown[number as usize] = true;
        }
        let came = (0_u32..).zip(self.images);
        let mut shown: Vec<(u32, NewImage)> = came
            .filter(|(number, _)| is_shown[*number as usize])
            .collect();
        shown.sort_unstable_by_key(|(_, image)| image.hash);
        let mut places = vec![0; is_shown.len()];
        for (place, (number, _)) in (0_u32..).zip(&shown) {
            places[*number as usize] = place;
        }
        SettledImages {
            refs: self
                .refs
                .iter()
                .map(|&number| places[number as usize])
                .collect(),
            images: shown.into_iter().map(|(_, image)| image).collect(),
        }
    }
}

/// The images of a block that is complete: those that its traces show, ascending by hash.
#[derive(Clone, Debug, Default)]
pub struct SettledImages {
    images: Vec<NewImage>,
    /// Numbers of images, trace by trace in reading order.
    refs: Vec<u32>,
}

impl SettledImages {
    /// The images.
    #[must_use]
    pub fn images(&self) -> &[NewImage] {
        &self.images
    }

    /// The hashes of their gradients, as the file next to the index has them.
    pub(crate) fn dhashes(&self) -> Vec<u8> {
        let hashes = self
            .images
            .iter()
            .map(|image| image.dhash.unwrap_or_default());
        hashes.flat_map(u64::to_le_bytes).collect()
    }

    /// Bytes that are stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let lengths = self.images.iter().map(|image| image.stored.len() as u64);
        lengths.sum()
    }

    /// Placeholders of all traces.
    #[must_use]
    pub fn placeholders(&self) -> u64 {
        self.refs.len() as u64
    }

    /// What the index says of them, for traces with `placeholders` in reading order that are written in `order`.
    pub(crate) fn table(&self, placeholders: &[u16], order: &[u32]) -> BlockImages {
        let mut table = ImageTable::default();
        let mut offset = 0;
        for image in &self.images {
            let bytes = image.stored.len() as u32;
            table.hash.push(image.hash);
            table.pixel_hash.push(image.pixel_hash);
            table.offset.push(offset);
            table.bytes.push(bytes);
            table.checksum.push(checksum(&image.stored));
            table.height.push(image.height);
            table.width.push(image.width);
            table.grid_h.push(image.grid_h);
            table.grid_w.push(image.grid_w);
            offset += u64::from(bytes);
        }
        BlockImages {
            table,
            refs: self.refs_in_order(placeholders, order),
        }
    }

    fn refs_in_order(&self, placeholders: &[u16], order: &[u32]) -> Vec<u32> {
        if self.refs.is_empty() {
            return Vec::new();
        }
        let starts: Vec<usize> = placeholders
            .iter()
            .scan(0, |end, &count| {
                let start = *end;
                *end += usize::from(count);
                Some(start)
            })
            .collect();
        let shown = |&row: &u32| {
            let (start, count) = (starts[row as usize], placeholders[row as usize]);
            &self.refs[start..start + usize::from(count)]
        };
        order.iter().flat_map(shown).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(hash: u64) -> NewImage {
        NewImage {
            hash,
            stored: vec![hash as u8; hash as usize],
            ..NewImage::default()
        }
    }

    #[test]
    fn images_are_sorted_and_what_nobody_shows_goes() {
        let mut images = NewImages::default();
        let [nine, five, two] = [9, 5, 2].map(|hash| images.add(image(hash)));
        assert_eq!((images.bytes(), images.number(5)), (16, Some(five)));
        for number in [two, nine, nine] {
            images.show(number);
        }
        let settled = images.settled();
        // Three traces of 1, 0 and 2 placeholders, of which the last one comes first.
        let made = settled.table(&[1, 0, 2], &[2, 0, 1]);
        assert_eq!(made.table.hash, [2, 9]);
        assert_eq!(made.table.offset, [0, 2]);
        assert_eq!(made.refs, [1, 1, 0]);
        assert_eq!(made.fault(&[2, 1, 0]), None);
        assert_eq!(made.table.file_bytes(), 11);
    }
}
