//! Questions that may not be parted: what is learned of one would be known of the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use octomed_index::{BlockIndex, Index, TraceLocation};

use xxhash_rust::xxh3::xxh3_128;

use crate::CurateError;
use crate::forest::Forest;
use crate::questions::Questions;

/// Pairs of traces whose questions belong together for another reason than their pictures.
#[derive(Clone, Debug, Default)]
pub struct Links(Arc<Mutex<Vec<(TraceLocation, TraceLocation)>>>);

impl Links {
    /// Notes that the questions of two traces belong together.
    pub fn add(&self, one: TraceLocation, other: TraceLocation) {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.push((one, other));
    }

    fn take(&self) -> Vec<(TraceLocation, TraceLocation)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A column whose equal values join questions, by source: its place among the columns that the source is asked for.
pub type GroupColumn = [(String, usize)];

/// The first question, by number, of the component of each: connected by a picture of equal bytes or of equal pixels,
/// by a link, or by equal values of a column, in whichever source they stand. All traces count, those that are left out
/// too: a component is the same whatever else is asked for.
///
/// # Errors
/// When the questions of a block cannot be read, or none has a value in the column.
pub fn components(
    index: &Index,
    questions: &Questions,
    links: &Links,
    column: &GroupColumn,
) -> Result<Vec<u32>, CurateError> {
    let mut forest = Forest::new(questions.len());
    let mut first = FirstQuestions::default();
    for (number, block) in index.blocks.iter().enumerate() {
        if !block.images.is_empty() {
            let of_block = join_block(block, questions.of_block(number), &mut forest);
            first.join(block, &of_block, &mut forest);
        }
        // Pictures of rows all of whose traces the scan has left out are not among those of the block.
        if block.header.rows_with_images > 0 && block.header.questions.is_some() {
            for line in block.questions()?.iter() {
                if let Some(question) = questions.find(line.question_id) {
                    first.join_pictures(question, &line.pictures, &mut forest);
                }
            }
        }
    }
    for (one, other) in links.take() {
        forest.join(questions.number(one), questions.number(other));
    }
    if !column.is_empty() && !join_values(index, questions, column, &mut forest)? {
        return Err(CurateError::NoGroups);
    }
    Ok(forest.roots())
}

/// Joins the questions whose rows have the same value in a column; tells whether any has one.
fn join_values(
    index: &Index,
    questions: &Questions,
    column: &GroupColumn,
    forest: &mut Forest,
) -> Result<bool, CurateError> {
    let mut first: HashMap<u128, u32> = HashMap::new();
    for block in &index.blocks {
        let mut places = column.iter();
        let Some((_, place)) = places.find(|(source, _)| *source == block.header.source) else {
            continue;
        };
        let table = block.questions()?;
        for line in table.iter() {
            let value = line.asked.get(*place).copied().flatten().map(str::trim);
            let question = questions.find(line.question_id);
            let (Some(value), Some(question)) = (value.filter(|value| !value.is_empty()), question)
            else {
                continue;
            };
            let hash = xxh3_128(value.as_bytes());
            forest.join(question, *first.entry(hash).or_insert(question));
        }
    }
    Ok(!first.is_empty())
}

/// Joins the questions that share a picture of the block, and returns one for each.
fn join_block(block: &BlockIndex, questions: &[u32], forest: &mut Forest) -> Vec<Option<u32>> {
    let mut of_image: Vec<Option<u32>> = vec![None; block.images.len()];
    for (row, &question) in questions.iter().enumerate() {
        for &image in block.image_refs(row) {
            match of_image[image as usize] {
                Some(other) => forest.join(question, other),
                None => of_image[image as usize] = Some(question),
            }
        }
    }
    of_image
}

/// One question of each picture, by the hash of its bytes and by that of its pixels.
#[derive(Default)]
struct FirstQuestions {
    bytes: HashMap<u64, u32>,
    pixels: HashMap<u64, u32>,
}

impl FirstQuestions {
    fn join(&mut self, block: &BlockIndex, of_image: &[Option<u32>], forest: &mut Forest) {
        let hashes = block.images.hash.iter().zip(&block.images.pixel_hash);
        for ((&bytes, &pixels), question) in hashes.zip(of_image) {
            if let Some(question) = *question {
                self.join_pictures(question, &[[bytes, pixels]], forest);
            }
        }
    }

    /// Joins a question with those that show one of these pictures.
    fn join_pictures(&mut self, question: u32, pictures: &[[u64; 2]], forest: &mut Forest) {
        for &[bytes, pixels] in pictures {
            forest.join(question, *self.bytes.entry(bytes).or_insert(question));
            if pixels != 0 {
                forest.join(question, *self.pixels.entry(pixels).or_insert(question));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use octomed_index::{ImageTable, TraceEntry};
    use proptest::prelude::*;

    use super::*;

    /// Questions and images of the traces of a block whose images have these hashes of bytes and pixels.
    type Made = (Vec<(u64, u64)>, Vec<(u64, Vec<usize>)>);

    fn block((images, traces): &Made) -> BlockIndex {
        let mut block = BlockIndex::default();
        let mut refs = Vec::new();
        for (question_id, shown) in traces {
            let shown: Vec<u32> = shown
                .iter()
                .filter(|_| !images.is_empty())
                .map(|image| (image % images.len()) as u32)
                .collect();
            block.traces.push(&TraceEntry {
                question_id: *question_id,
                images: shown.len() as u16,
                ..TraceEntry::default()
            });
            refs.extend(shown);
        }
        let table = ImageTable {
            hash: images.iter().map(|image| image.0).collect(),
            pixel_hash: images.iter().map(|image| image.1).collect(),
            ..ImageTable::default()
        };
        block.with_images(table, refs)
    }

    fn made() -> impl Strategy<Value = Made> {
        let images = prop::collection::vec((1..12_u64, 0..6_u64), 0..4);
        let traces =
            prop::collection::vec((0..10_u64, prop::collection::vec(0..4_usize, 0..3)), 0..8);
        (images, traces)
    }

    proptest! {
        #[test]
        fn equals_a_flood_over_all_pairs(
            made in prop::collection::vec(made(), 1..4),
            links in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..3),
        ) {
            let index = Index { blocks: made.iter().map(block).collect() };
            let all = crate::questions::tests::locations(&index);
            let questions = Questions::of(&index);
            let noted = Links::default();
            let links: Vec<_> = if all.is_empty() { Vec::new() } else {
                links.iter().map(|(one, other)| (*one.get(&all), *other.get(&all))).collect()
            };
            links.iter().for_each(|(one, other)| noted.add(*one, *other));
            let found = components(&index, &questions, &noted, &[]).unwrap();

            let id = |trace: &TraceLocation| index.block(*trace).traces.question_id[trace.row as usize];
            let shows = |trace: &TraceLocation| {
                let block = index.block(*trace);
                block.image_refs(trace.row as usize).iter()
                    .map(|&image| (block.images.hash[image as usize], block.images.pixel_hash[image as usize]))
                    .collect::<Vec<_>>()
            };
            let touch = |one: &TraceLocation, other: &TraceLocation| {
                id(one) == id(other)
                    || links.contains(&(*one, *other)) || links.contains(&(*other, *one))
                    || shows(one).iter().any(|a| shows(other).iter().any(|b| {
                        a.0 == b.0 || a.1 != 0 && a.1 == b.1
                    }))
            };
            for start in &all {
                let mut reached = BTreeSet::from([*start]);
                loop {
                    let more: Vec<_> = all.iter()
                        .filter(|one| !reached.contains(one) && reached.iter().any(|other| touch(one, other)))
                        .copied().collect();
                    if more.is_empty() { break; }
                    reached.extend(more);
                }
                let smallest = reached.iter().map(id).min();
                let number = questions.number(*start) as usize;
                prop_assert_eq!(Some(questions.id(found[number])), smallest);
            }
        }
    }

    #[test]
    fn equal_values_of_a_column_join_questions_in_all_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let rows = |values: &[(u64, Option<&'static str>)]| -> Vec<crate::strata::tests::Made> {
            values
                .iter()
                .map(|(id, value)| (*id, *value, 1, true))
                .collect()
        };
        let blocks = [
            (
                "a",
                rows(&[(9, Some("p1")), (2, Some("p2")), (4, None), (5, Some(" "))]),
            ),
            ("b", rows(&[(1, Some("p2")), (7, Some("p1 ")), (6, None)])),
            ("c", rows(&[(3, Some("p1"))])),
        ];
        let index = crate::strata::tests::load(folder.path(), &blocks);
        let questions = Questions::of(&index);
        let column = [("a".to_owned(), 1), ("b".to_owned(), 1)];
        let found = components(&index, &questions, &Links::default(), &column).unwrap();
        let of = |id| questions.id(found[questions.find(id).unwrap() as usize]);
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 9].map(of), [1, 1, 3, 4, 5, 6, 7, 7]);
        let nowhere = [("a".to_owned(), 2)];
        let refused = components(&index, &questions, &Links::default(), &nowhere);
        assert!(matches!(refused, Err(CurateError::NoGroups)));
    }
}
