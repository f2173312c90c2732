//! Packs of bounded bytes: one whose images would take too much memory becomes several.

use std::borrow::Cow;
use std::collections::HashSet;

use octomed_index::Index;

use crate::range_images::RangeImages;

/// Bytes of a pack's distinct images at most, unless one trace alone has more: whoever writes or reads a pack holds it
/// whole. Images of 2 MB reach it at 41,000 tokens.
pub const MAX_PACK_IMAGE_BYTES: u64 = 256 << 20;

/// What says how many bytes the images of a range's traces take.
pub struct PackBytes<'a> {
    index: &'a Index,
    images: &'a RangeImages,
    most: u64,
}

impl<'a> PackBytes<'a> {
    /// For packs of so many bytes of images.
    pub fn new(index: &'a Index, images: &'a RangeImages, most: u64) -> Self {
        Self {
            index,
            images,
            most,
        }
    }

    /// The traces of a pack in as many packs as their images need: in their order, each into the first that has room.
    /// Nearly always that is one.
    pub fn split<'p>(&self, pack: &'p [u32]) -> Vec<Cow<'p, [u32]>> {
        if self.images.is_empty() || self.bytes(pack) <= self.most {
            return vec![Cow::Borrowed(pack)];
        }
        let mut parts: Vec<Part> = Vec::new();
        for &entry in pack {
            let at = parts
                .iter()
                .position(|part| part.bytes + self.more(part, entry) <= self.most);
            let at = at.unwrap_or_else(|| {
                parts.push(Part::default());
                parts.len() - 1
            });
            parts[at].bytes += self.more(&parts[at], entry);
            parts[at].images.extend(self.images.of_trace(entry));
            parts[at].entries.push(entry);
        }
        let entries = |part: Part| Cow::Owned(part.entries);
        parts.into_iter().map(entries).collect()
    }

    /// Bytes of the distinct images of some traces.
    fn bytes(&self, entries: &[u32]) -> u64 {
        let images = entries
            .iter()
            .flat_map(|&entry| self.images.of_trace(entry));
        self.distinct_bytes(images.copied())
    }

    /// Bytes that a part takes more with a trace.
    fn more(&self, part: &Part, entry: u32) -> u64 {
        let images = self.images.of_trace(entry).iter();
        let is_new = |image: &&u32| !part.images.contains(image);
        self.distinct_bytes(images.filter(is_new).copied())
    }

    fn distinct_bytes(&self, images: impl Iterator<Item = u32>) -> u64 {
        let mut images: Vec<u32> = images.collect();
        images.sort_unstable();
        images.dedup();
        let bytes = |&image: &u32| self.images.bytes(self.index, image);
        images.iter().map(bytes).sum()
    }
}

/// A part of a pack while it is split.
#[derive(Default)]
struct Part {
    entries: Vec<u32>,
    images: HashSet<u32>,
    bytes: u64,
}
