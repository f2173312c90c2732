//! The distinct images of a range, and which of them its traces show.

use std::collections::HashMap;

use octomed_index::{Index, TraceLocation};
use octomed_pack::ItemImages;

/// Where an image is read: the block's number in source order, and its number in that block's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageLocation {
    /// Number of the block in source order.
    pub block: u32,
    /// Number in the block's table, whose order is that of the stored bytes.
    pub image: u32,
}

/// What tells stored images apart: the hash of the bytes as they came, and the checksum of those stored, which differ
/// where one source stores originals and another what the model sees.
type Identity = (u64, u32);

/// The distinct images of a range's traces.
///
/// One that several blocks hold is read from the first of them, so that a range reads each image's bytes from one
/// place; the others have the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeImages {
    /// Where each is.
    pub locations: Vec<ImageLocation>,
    /// Patches of each.
    patches: Vec<u32>,
    /// Where the images of each trace begin in `refs`; empty where there are none at all.
    starts: Vec<u32>,
    /// Numbers of images, for each placeholder of each trace.
    refs: Vec<u32>,
}

impl RangeImages {
    /// The images of some traces, in their order.
    pub fn of(index: &Index, traces: &[TraceLocation]) -> Self {
        let shows = |trace: &&TraceLocation| !index.block(**trace).images.is_empty();
        let showing: Vec<TraceLocation> = traces.iter().filter(shows).copied().collect();
        if showing.is_empty() {
            return Self::default();
        }
        let (locations, numbers) = numbered(index, &showing);
        let (mut starts, mut refs) = (Vec::with_capacity(traces.len() + 1), Vec::new());
        for &TraceLocation { block, row } in traces {
            starts.push(refs.len() as u32);
            let images = index.blocks[block as usize].image_refs(row as usize).iter();
            refs.extend(images.map(|&image| numbers[&ImageLocation { block, image }]));
        }
        starts.push(refs.len() as u32);
        let patches = |at: &ImageLocation| {
            index.blocks[at.block as usize]
                .images
                .patches(at.image as usize) as u32
        };
        Self {
            patches: locations.iter().map(patches).collect(),
            locations,
            starts,
            refs,
        }
    }

    /// Whether no trace shows an image.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// The images of the trace at `entry`, one for each placeholder.
    pub fn of_trace(&self, entry: u32) -> &[u32] {
        self.items().of(entry as usize)
    }

    /// Stored bytes of an image.
    pub fn bytes(&self, index: &Index, image: u32) -> u64 {
        let ImageLocation { block, image } = self.locations[image as usize];
        u64::from(index.blocks[block as usize].images.bytes[image as usize])
    }

    /// Patches of an image.
    pub fn patches(&self, image: u32) -> u32 {
        self.patches[image as usize]
    }

    /// The placeholders of some entries: where those of each begin, and which images they show.
    pub fn placeholders(&self, entries: &[u32]) -> (Vec<u32>, Vec<u32>) {
        if self.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let (mut starts, mut refs) = (Vec::with_capacity(entries.len() + 1), Vec::new());
        for &entry in entries {
            starts.push(refs.len() as u32);
            refs.extend(self.of_trace(entry));
        }
        starts.push(refs.len() as u32);
        (starts, refs)
    }

    /// What packing has to know of them.
    pub fn items(&self) -> ItemImages<'_> {
        ItemImages {
            offsets: &self.starts,
            refs: &self.refs,
            patches: &self.patches,
        }
    }
}

/// Where each distinct image of the traces is, by its hash, and the number of each that a block holds.
fn numbered(
    index: &Index,
    traces: &[TraceLocation],
) -> (Vec<ImageLocation>, HashMap<ImageLocation, u32>) {
    let mut found: Vec<(Identity, ImageLocation)> = Vec::new();
    let mut numbers = HashMap::new();
    for &TraceLocation { block, row } in traces {
        let table = &index.blocks[block as usize].images;
        for &image in index.blocks[block as usize].image_refs(row as usize) {
            let at = ImageLocation { block, image };
            if numbers.insert(at, 0).is_none() {
                let identity = (table.hash[image as usize], table.checksum[image as usize]);
                found.push((identity, at));
            }
        }
    }
    found.sort_unstable();
    let mut locations = Vec::new();
    for same in found.chunk_by(|one, next| one.0 == next.0) {
        for (_, at) in same {
            numbers.insert(*at, locations.len() as u32);
        }
        locations.push(same[0].1);
    }
    (locations, numbers)
}

/// The images of a pack: each once, in the order of first use, and which of them each placeholder shows.
#[derive(Clone, Debug, Default)]
pub struct PackImages {
    /// Numbers of the range's images.
    pub images: Vec<u32>,
    /// Numbers into these, in the order of the placeholders.
    pub refs: Vec<u32>,
    /// Of each of the range's images the place in `images`; what is said of others than those is of no meaning.
    places: Vec<u32>,
}

impl PackImages {
    /// Becomes the images of the pack of these traces, and keeps its memory.
    pub fn list(&mut self, range: &RangeImages, entries: &[u32]) {
        self.places.resize(range.locations.len(), 0);
        self.images.clear();
        self.refs.clear();
        if range.is_empty() {
            return;
        }
        for &image in entries.iter().flat_map(|&entry| range.of_trace(entry)) {
            let place = self.places[image as usize];
            // A place that an earlier pack has left behind leads elsewhere, or nowhere.
            let place = if self.images.get(place as usize) == Some(&image) {
                place
            } else {
                self.images.push(image);
                self.images.len() as u32 - 1
            };
            self.places[image as usize] = place;
            self.refs.push(place);
        }
    }
}
