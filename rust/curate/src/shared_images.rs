//! Images that several sources show, or that are stored in several ways: a report, which leaves nothing out.

use std::cmp::Reverse;
use std::collections::HashMap;

use octomed_index::{BlockIndex, Index, image_names};

/// Places of an image that are listed.
const MOST_PLACES: usize = 16;

/// An image that occurs more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedImage {
    /// The hash that its occurrences share.
    pub hash: u64,
    /// Whether that is the hash of its pixels, which an image that was stored again keeps, or of its bytes.
    pub of_pixels: bool,
    /// Files of other bytes that show it: more than one where it was stored again.
    pub files: u32,
    /// Traces that are kept and show it.
    pub traces: u64,
    /// How many of these each source has, in source order.
    pub sources: Vec<(String, u64)>,
    /// Where it is shown first: of each source and of each file of other bytes one place, 16 at most.
    pub places: Vec<SharedPlace>,
}

/// A row that shows an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPlace {
    /// The source.
    pub source: String,
    /// The file of its rows.
    pub file: String,
    /// The row's number in the file.
    pub row: u64,
    /// Hash of the image's bytes there.
    pub bytes: u64,
    /// The path of the file of the image, where it was read from a folder.
    pub name: Option<String>,
}

/// The images that occur more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedImages {
    /// How many there are.
    pub images: u64,
    /// Those that most traces show.
    pub largest: Vec<SharedImage>,
}

/// An image of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Occurrence {
    hash: u64,
    of_pixels: bool,
    /// Number of the source.
    source: u32,
    /// Hash of the bytes.
    bytes: u64,
    traces: u32,
}

/// The images that kept traces of several sources show, or that are stored in several ways; the `most` largest by
/// name.
#[must_use]
pub fn shared_images(index: &Index, most: usize) -> SharedImages {
    let pixels = pixel_hashes(index);
    let mut sources: Vec<&str> = Vec::new();
    let mut occurrences = Vec::new();
    for block in index.blocks.iter().filter(|block| !block.images.is_empty()) {
        let source = number_of(&mut sources, &block.header.source);
        for (image, &traces) in traces_of(block).iter().enumerate() {
            if traces == 0 {
                continue;
            }
            let bytes = block.images.hash[image];
            let of_pixels = pixels.get(&bytes).copied();
            occurrences.push(Occurrence {
                hash: of_pixels.unwrap_or(bytes),
                of_pixels: of_pixels.is_some(),
                source,
                bytes,
                traces,
            });
        }
    }
    occurrences.sort_unstable();
    let mut shared = largest(&occurrences, &sources, most);
    find_places(index, &pixels, &mut shared.largest);
    shared
}

/// Adds to images where they are shown.
fn find_places(index: &Index, pixels: &HashMap<u64, u64>, images: &mut [SharedImage]) {
    let numbers = images.iter().enumerate();
    let numbers: HashMap<(u64, bool), usize> = numbers
        .map(|(number, image)| ((image.hash, image.of_pixels), number))
        .collect();
    for block in index.blocks.iter().filter(|block| !block.images.is_empty()) {
        let mut names = None;
        for (image, first) in first_rows(block).into_iter().enumerate() {
            let bytes = block.images.hash[image];
            let of_pixels = pixels.get(&bytes).copied();
            let key = (of_pixels.unwrap_or(bytes), of_pixels.is_some());
            let (Some(row), Some(&number)) = (first, numbers.get(&key)) else {
                continue;
            };
            let places = &mut images[number].places;
            let source = &block.header.source;
            let is_new = |place: &SharedPlace| place.bytes != bytes || place.source != *source;
            if places.len() < MOST_PLACES && places.iter().all(is_new) {
                let read = || image_names(&block.path, block.header.image_files);
                places.push(SharedPlace {
                    source: source.clone(),
                    file: block.header.file.clone(),
                    row: block.first_row + u64::from(row),
                    bytes,
                    name: names.get_or_insert_with(read).get(&bytes).cloned(),
                });
            }
        }
    }
}

/// The first row, in the task, of the kept traces that show each image of a block.
fn first_rows(block: &BlockIndex) -> Vec<Option<u32>> {
    let mut first = vec![None; block.images.len()];
    for row in block.kept_rows() {
        let ordinal = block.traces.ordinal[row];
        for &image in block.image_refs(row) {
            let known: &mut Option<u32> = &mut first[image as usize];
            *known = Some(known.map_or(ordinal, |before| before.min(ordinal)));
        }
    }
    first
}

/// The hash of the pixels of each image, by that of its bytes, where any block has decoded it.
fn pixel_hashes(index: &Index) -> HashMap<u64, u64> {
    let tables = index.blocks.iter().map(|block| &block.images);
    let pairs = tables.flat_map(|table| table.hash.iter().zip(&table.pixel_hash));
    pairs
        .filter(|&(_, &pixels)| pixels != 0)
        .map(|(&bytes, &pixels)| (bytes, pixels))
        .collect()
}

/// The number of a source, which a new one gets.
fn number_of<'i>(sources: &mut Vec<&'i str>, name: &'i str) -> u32 {
    let known = sources.iter().position(|source| *source == name);
    let number = known.unwrap_or_else(|| {
        sources.push(name);
        sources.len() - 1
    });
    number as u32
}

/// How many kept traces show each image of a block.
fn traces_of(block: &BlockIndex) -> Vec<u32> {
    let mut traces = vec![0; block.images.len()];
    // The last trace that showed an image: one that shows it twice counts once.
    let mut last = vec![usize::MAX; block.images.len()];
    for row in block.kept_rows() {
        for &image in block.image_refs(row) {
            if std::mem::replace(&mut last[image as usize], row) != row {
                traces[image as usize] += 1;
            }
        }
    }
    traces
}

fn largest(occurrences: &[Occurrence], sources: &[&str], most: usize) -> SharedImages {
    let mut shared = SharedImages::default();
    let same = |one: &Occurrence, next: &Occurrence| {
        (one.hash, one.of_pixels) == (next.hash, next.of_pixels)
    };
    for group in occurrences.chunk_by(same) {
        let mut files: Vec<u64> = group.iter().map(|one| one.bytes).collect();
        files.sort_unstable();
        files.dedup();
        let of_source = group.chunk_by(|one, next| one.source == next.source);
        if files.len() < 2 && of_source.clone().count() < 2 {
            continue;
        }
        shared.images += 1;
        let traces = |group: &[Occurrence]| group.iter().map(|one| u64::from(one.traces)).sum();
        let named =
            |group: &[Occurrence]| (sources[group[0].source as usize].to_owned(), traces(group));
        shared.largest.push(SharedImage {
            hash: group[0].hash,
            of_pixels: group[0].of_pixels,
            files: files.len() as u32,
            traces: traces(group),
            sources: of_source.map(named).collect(),
            places: Vec::new(),
        });
        // Not more than twice what is asked for, so that memory does not grow with what is found.
        if shared.largest.len() >= most.max(1) * 2 {
            keep_largest(&mut shared.largest, most);
        }
    }
    keep_largest(&mut shared.largest, most);
    shared
}

fn keep_largest(images: &mut Vec<SharedImage>, most: usize) {
    images.sort_by_key(|image| (Reverse(image.traces), image.hash));
    images.truncate(most);
}

#[cfg(test)]
mod tests {
    use octomed_index::{BlockIndex, Header, ImageTable, TraceColumns, TraceEntry, Verdict};

    use super::*;

    /// A block of a source: hashes of bytes and pixels of its images, which the traces show one after the other.
    fn block(source: &str, images: &[(u64, u64)], traces: &[(Verdict, &[u32])]) -> BlockIndex {
        let mut columns = TraceColumns::default();
        for (ordinal, (verdict, images)) in (7_u32..).zip(traces) {
            columns.push(&TraceEntry {
                verdict: *verdict as u8,
                ordinal,
                images: images.len() as u16,
                ..TraceEntry::default()
            });
        }
        let table = ImageTable {
            hash: images.iter().map(|image| image.0).collect(),
            pixel_hash: images.iter().map(|image| image.1).collect(),
            ..ImageTable::default()
        };
        let header = Header {
            source: source.to_owned(),
            ..Header::default()
        };
        let refs = traces.iter().flat_map(|(_, images)| *images).copied();
        let mut block = BlockIndex::default();
        (block.header, block.traces) = (header, columns);
        block.with_images(table, refs.collect())
    }

    const KEPT: Verdict = Verdict::Kept;

    #[test]
    fn images_of_several_sources_and_those_stored_again_are_listed() {
        let blocks = vec![
            block(
                "a",
                &[(1, 0), (2, 70), (5, 0)],
                &[(KEPT, &[0, 0]), (KEPT, &[1]), (KEPT, &[0, 2])],
            ),
            block("a", &[(1, 0)], &[(KEPT, &[0])]),
            // 2 again; 3 has the pixels of 2, as 4 has of nothing else; 1 is shown by what is left out alone.
            block(
                "b",
                &[(1, 0), (2, 0), (3, 70), (4, 80)],
                &[
                    (KEPT, &[1]),
                    (KEPT, &[2]),
                    (KEPT, &[3]),
                    (Verdict::Duplicate, &[0]),
                ],
            ),
            block("c", &[(5, 0)], &[(KEPT, &[0])]),
        ];
        let index = Index { blocks };
        let named = |sources: &[(&str, u64)]| {
            let named = sources
                .iter()
                .map(|(name, traces)| ((*name).to_owned(), *traces));
            named.collect::<Vec<_>>()
        };
        let place = |source: &str, row, bytes| SharedPlace {
            source: source.to_owned(),
            file: String::new(),
            row,
            bytes,
            name: None,
        };
        let again = SharedImage {
            places: vec![place("a", 8, 2), place("b", 7, 2), place("b", 8, 3)],
            hash: 70,
            of_pixels: true,
            files: 2,
            traces: 3,
            sources: named(&[("a", 1), ("b", 2)]),
        };
        let twice = SharedImage {
            places: vec![place("a", 9, 5), place("c", 7, 5)],
            hash: 5,
            of_pixels: false,
            files: 1,
            traces: 2,
            sources: named(&[("a", 1), ("c", 1)]),
        };
        let found = shared_images(&index, 9);
        assert_eq!(found.images, 2);
        assert_eq!(found.largest, [again.clone(), twice]);
        let found = shared_images(&index, 1);
        assert_eq!((found.images, found.largest), (2, vec![again]));
        assert_eq!(shared_images(&index, 0).images, 2);
        assert_eq!(shared_images(&Index::default(), 9), SharedImages::default());
    }
}
