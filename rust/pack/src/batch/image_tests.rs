#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const TOKEN: u32 = 100;
const RULES: ImageRules = ImageRules {
    token: TOKEN,
    merge: 2,
};

fn rules() -> PackRules {
    PackRules {
        images: Some(RULES),
        ..PackRules::default()
    }
}

/// What a run asks of its packs.
fn written() -> PackRules {
    PackRules {
        every_document_learned: true,
        ..rules()
    }
}

/// A part of a document: text of some tokens, or the image of this number.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Text(usize),
    Image(usize),
}

/// Owned columns of a row with images.
#[derive(Clone, Debug, Default)]
struct Columns {
    ids: Vec<u32>,
    lengths: Vec<u32>,
    spans: Vec<u32>,
    traces: Vec<u64>,
    bytes: u64,
    offsets: Vec<u8>,
    grids: Vec<u8>,
    refs: Vec<u8>,
}

fn stored(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

impl Columns {
    /// A pack of these documents; all text is learned, `grids` are those of the images.
    fn of(documents: &[Vec<Piece>], grids: &[[u32; 2]]) -> Self {
        let mut pack = Self::default();
        let mut refs = Vec::new();
        for (trace, document) in documents.iter().enumerate() {
            let begin = pack.ids.len();
            for &piece in document {
                let at = pack.ids.len() as u32;
                match piece {
                    Piece::Text(length) => {
                        pack.ids.extend((0..length as u32).map(|id| id % TOKEN));
                        pack.spans.extend([at, pack.ids.len() as u32]);
                    }
                    Piece::Image(image) => {
                        let [h, w] = grids[image];
                        let tokens = (h / 2 * (w / 2)) as usize;
                        pack.ids.extend(std::iter::repeat_n(TOKEN, tokens));
                        refs.push(image as u32);
                    }
                }
            }
            pack.lengths.push((pack.ids.len() - begin) as u32);
            pack.traces.push(trace as u64);
        }
        pack.refs = stored(refs);
        pack.grids = stored(grids.iter().flat_map(|&[h, w]| [1, h, w]));
        if !grids.is_empty() {
            pack.offsets = stored((0..=grids.len() as u32).map(|image| 9 * image));
            pack.bytes = 9 * grids.len() as u64;
        }
        pack
    }

    fn row(&self) -> PackRow<'_> {
        PackRow {
            input_ids: &self.ids,
            lengths: &self.lengths,
            loss_spans: &self.spans,
            trace_ids: &self.traces,
            images: ImageColumns {
                bytes: self.bytes,
                offsets: &self.offsets,
                grids: &self.grids,
                refs: &self.refs,
            },
        }
    }
}

/// What the batch of some rows has of images, in buffers that are full of another value.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    packs: Vec<i64>,
    positions: Vec<i64>,
    grids: Vec<i64>,
    refs: Vec<i64>,
}

fn fill(rows: &[PackRow<'_>], position_rows: usize) -> Result<Made, BatchError> {
    let size = BatchSize::of(rows);
    let full = |length| vec![-7_i64; length];
    let mut made = Made {
        packs: full(4 * size.packs),
        positions: full(position_rows * size.tokens),
        grids: full(3 * size.images),
        refs: full(size.placeholders),
    };
    let (mut ids, mut labels) = (full(size.tokens), full(size.tokens));
    let (mut traces, mut supervised) = (full(size.documents), full(size.documents));
    let mut batch = Batch {
        packs: &mut made.packs,
        input_ids: &mut ids,
        labels: &mut labels,
        position_ids: &mut made.positions,
        cu_seqlens: &mut vec![-7; size.documents + 1],
        trace_ids: &mut traces,
        supervised_tokens: &mut supervised,
        images: Some(ImageBuffers {
            grids: &mut made.grids,
            refs: &mut made.refs,
        }),
    };
    batch.fill(rows, &rules()).map(|_| made)
}

/// Positions of a document, token by token: plain, time, height, width.
fn slow_positions(document: &[Piece], grids: &[[u32; 2]]) -> Vec<[i64; 4]> {
    let mut positions: Vec<[i64; 4]> = Vec::new();
    let mut next = 0_i64;
    for &piece in document {
        match piece {
            Piece::Text(length) => {
                for _ in 0..length {
                    positions.push([positions.len() as i64, next, next, next]);
                    next += 1;
                }
            }
            Piece::Image(image) => {
                let [h, w] = grids[image].map(|side| i64::from(side / 2));
                for token in 0..h * w {
                    let (y, x) = (token / w, token % w);
                    positions.push([positions.len() as i64, next, next + y, next + x]);
                }
                next += h.max(w);
            }
        }
    }
    positions
}

/// Documents that show all of their pack's images, and the grids: text parts are never empty, two images
/// follow each other only across a document's edge or a token of text.
fn documents() -> impl Strategy<Value = (Vec<Vec<Piece>>, Vec<[u32; 2]>)> {
    let side = (1..6_u32).prop_map(|side| 2 * side);
    let grids = prop::collection::vec([side.clone(), side], 1..4);
    let shape = prop::collection::vec(
        prop::collection::vec((0..4_usize, any::<prop::sample::Index>()), 1..4),
        1..4,
    );
    (grids, shape).prop_map(|(grids, shape)| {
        let mut made: Vec<Vec<Piece>> = Vec::new();
        for parts in shape {
            let mut document = Vec::new();
            for (number, (text, image)) in parts.into_iter().enumerate() {
                if text > 0 || number > 0 {
                    document.push(Piece::Text(text.max(1)));
                }
                document.push(Piece::Image(image.index(grids.len())));
            }
            made.push(document);
        }
        made.push(vec![Piece::Text(3)]);
        made.extend((0..grids.len()).map(|image| vec![Piece::Image(image), Piece::Text(1)]));
        (made, grids)
    })
}

proptest! {
    #[test]
    fn positions_grids_and_references_equal_the_slow_ones(
        packs in prop::collection::vec(documents(), 1..3),
    ) {
        let columns: Vec<_> = packs
            .iter()
            .map(|(documents, grids)| Columns::of(documents, grids))
            .collect();
        let rows: Vec<_> = columns.iter().map(Columns::row).collect();
        let made = fill(&rows, 4).unwrap();
        let positions: Vec<_> = packs
            .iter()
            .flat_map(|(documents, grids)| documents.iter().flat_map(|one| slow_positions(one, grids)))
            .collect();
        for (row, found) in made.positions.chunks(positions.len()).enumerate() {
            let expected: Vec<i64> = positions.iter().map(|position| position[row]).collect();
            prop_assert_eq!(found, expected);
        }
        let (mut grids, mut refs) = (Vec::new(), Vec::new());
        for ((documents, sides), counts) in packs.iter().zip(made.packs.chunks(4)) {
            let before = grids.len() as i64 / 3;
            let shown: Vec<i64> = documents
                .iter()
                .flatten()
                .filter_map(|piece| match piece {
                    Piece::Image(image) => Some(*image as i64),
                    Piece::Text(_) => None,
                })
                .collect();
            prop_assert_eq!(counts[2..].to_vec(), vec![sides.len() as i64, shown.len() as i64]);
            refs.extend(shown.iter().map(|image| before + image));
            grids.extend(sides.iter().flat_map(|&[h, w]| [1, i64::from(h), i64::from(w)]));
        }
        prop_assert_eq!(made.grids, grids);
        prop_assert_eq!(made.refs, refs);
        let plain = fill(&rows, 1).unwrap().positions;
        prop_assert_eq!(&plain, &made.positions[..plain.len()]);
    }

    /// Whatever the columns hold, a fault is told or a batch is made: nothing panics.
    #[test]
    fn any_columns_are_refused_or_taken(
        ids in prop::collection::vec(prop_oneof![Just(TOKEN), any::<u32>()], 0..12),
        lengths in prop::collection::vec(prop_oneof![0..7_u32, any::<u32>()], 0..4),
        bytes in 0..30_u64,
        offsets in prop::collection::vec(prop_oneof![0..20_u32, any::<u32>()], 0..4),
        grids in prop::collection::vec(prop_oneof![0..5_u32, any::<u32>()], 0..7),
        refs in prop::collection::vec(prop_oneof![0..3_u32, any::<u32>()], 0..4),
        odd in 0..3_usize,
    ) {
        let mut pack = Columns {
            traces: vec![0; lengths.len()],
            ids, lengths, bytes,
            offsets: stored(offsets),
            grids: stored(grids),
            refs: stored(refs),
            ..Columns::default()
        };
        pack.refs.extend(vec![0; odd / 2]);
        let _ = fill(&[pack.row()], 4);
        let _ = pack.row().faults(&written()).count();
    }

    /// One number of a good pack changed: the batch is refused, or the change was none.
    #[test]
    fn a_changed_column_is_refused(
        (documents, grids) in documents(),
        column in 0..3_usize,
        at in any::<prop::sample::Index>(),
        value in 0..12_u32,
    ) {
        let good = Columns::of(&documents, &grids);
        let mut bad = good.clone();
        let columns = [&mut bad.offsets, &mut bad.grids, &mut bad.refs];
        let bytes = columns.into_iter().nth(column).unwrap();
        let entry = 4 * at.index(bytes.len() / 4);
        bytes[entry..entry + 4].copy_from_slice(&value.to_le_bytes());
        let same_tokens = |row: &PackRow<'_>| {
            let tokens = |[_, h, w]: [u32; 3]| h / 2 * (w / 2);
            row.images.shown().map(tokens).collect::<Vec<_>>()
        };
        let unseen = column == 2 && same_tokens(&bad.row()) == same_tokens(&good.row());
        let other_cut = column == 0; // offsets that still ascend cut other images: decoding finds that
        if bad.row().check(&rules()).is_ok() {
            prop_assert!(unseen || other_cut || bad.grids == good.grids);
        }
    }
}

/// Two documents; the first shows image 0 and then 1, the second image 0 at its very beginning.
fn small() -> Columns {
    let documents = [
        vec![
            Piece::Text(2),
            Piece::Image(0),
            Piece::Text(1),
            Piece::Image(1),
            Piece::Text(2),
        ],
        vec![Piece::Image(0), Piece::Text(1)],
    ];
    Columns::of(&documents, &[[2, 4], [6, 2]])
}

#[test]
fn an_image_takes_its_sides_and_text_goes_on_after_the_larger() {
    let pack = small();
    let made = fill(&[pack.row()], 4).unwrap();
    assert_eq!(made.packs, [13, 2, 2, 3]);
    let rows: Vec<&[i64]> = made.positions.chunks(13).collect();
    assert_eq!(rows[0], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]);
    assert_eq!(rows[1], [0, 1, 2, 2, 4, 5, 5, 5, 8, 9, 0, 0, 2]);
    assert_eq!(rows[2], [0, 1, 2, 2, 4, 5, 6, 7, 8, 9, 0, 0, 2]);
    assert_eq!(rows[3], [0, 1, 2, 3, 4, 5, 5, 5, 8, 9, 0, 1, 2]);
    assert_eq!(made.grids, [1, 2, 4, 1, 6, 2]);
    assert_eq!(made.refs, [0, 1, 0]);
}

#[test]
fn every_fault_of_images_has_its_words() {
    type Spoil = fn(&mut Columns);
    let cases: [(Spoil, &str); 19] = [
        (
            |pack| _ = pack.refs.pop(),
            "its `image_refs` has 11 bytes, which are not entries of 4 bytes",
        ),
        (
            |pack| pack.grids.truncate(20),
            "its `image_grid_thw` has 20 bytes, which are not entries of 12 bytes",
        ),
        (
            |pack| pack.offsets.push(0),
            "its `image_offsets` has 13 bytes, which are not entries of 4 bytes",
        ),
        (
            |pack| pack.bytes = 19,
            "its `image_offsets` do not cut the 19 bytes of `images` into 2 images",
        ),
        (
            |pack| pack.offsets = stored([0, 0, 18]),
            "its `image_offsets` do not cut the 18 bytes of `images` into 2 images",
        ),
        (
            |pack| pack.offsets = stored([1, 9, 18]),
            "its `image_offsets` do not cut the 18 bytes of `images` into 2 images",
        ),
        (
            |pack| pack.offsets = stored([0, 18]),
            "its `image_offsets` do not cut the 18 bytes of `images` into 2 images",
        ),
        (
            |pack| pack.grids = stored([2, 2, 4, 1, 6, 2]),
            "image 0 has a grid of 2 × 2 × 4 patches: the first is 1, the others are multiples of 2",
        ),
        (
            |pack| pack.grids = stored([1, 2, 4, 1, 6, 3]),
            "image 1 has a grid of 1 × 6 × 3 patches: the first is 1, the others are multiples of 2",
        ),
        (
            |pack| pack.grids = stored([1, 0, 4, 1, 6, 2]),
            "image 0 has a grid of 1 × 0 × 4 patches: the first is 1, the others are multiples of 2",
        ),
        (
            |pack| pack.refs = stored([0, 2, 0]),
            "placeholder 1 shows image 2 of 2",
        ),
        (
            |pack| pack.refs = stored([0, 0, 0]),
            "no placeholder shows image 1",
        ),
        (
            |pack| pack.refs = stored([0, 1]),
            "it has 3 runs of image tokens for 2 placeholders",
        ),
        (
            |pack| pack.refs = stored([0, 1, 0, 0]),
            "it has 3 runs of image tokens for 4 placeholders",
        ),
        (
            |pack| pack.refs = stored([1, 0, 0]),
            "2 image tokens at token 2 stand for an image of 3",
        ),
        (
            |pack| {
                *pack = Columns {
                    ids: pack.ids.clone(),
                    lengths: pack.lengths.clone(),
                    spans: pack.spans.clone(),
                    traces: pack.traces.clone(),
                    ..Columns::default()
                }
            },
            "it has 3 runs of image tokens for 0 placeholders",
        ),
        (
            |pack| (pack.ids, pack.lengths) = (vec![1, TOKEN, TOKEN, TOKEN, 4], vec![2, 3]),
            "the image at token 1 goes on in the next document",
        ),
        (
            |pack| pack.spans = vec![0, 3, 12, 13],
            "the image token 2 is supervised",
        ),
        (
            |pack| pack.ids.iter_mut().for_each(|id| *id = id.wrapping_add(1)),
            "it has 0 runs of image tokens for 3 placeholders",
        ),
    ];
    assert_eq!(small().row().check(&written()), Ok(()));
    for (spoil, words) in cases {
        let mut pack = small();
        spoil(&mut pack);
        let (row, rules) = (pack.row(), written());
        let said: Vec<String> = row.faults(&rules).map(|fault| fault.to_string()).collect();
        assert!(said.iter().any(|one| one == words), "{words}: {said:?}");
    }
}

#[test]
fn images_that_nobody_described_are_refused_and_text_is_not() {
    let pack = small();
    let fault = pack.row().check(&PackRules::default());
    assert_eq!(fault, Err(RowFault::ImagesUnknown));
    let text = Columns::of(&[vec![Piece::Text(4)]], &[]);
    assert_eq!(text.row().check(&PackRules::default()), Ok(()));
    let made = fill(&[text.row(), pack.row()], 4).unwrap();
    assert_eq!(made.packs, [4, 1, 0, 0, 13, 2, 2, 3]);
    assert_eq!(made.refs, [0, 1, 0]);
}

#[test]
fn rows_of_positions_that_have_no_meaning_for_images_are_refused() {
    let pack = small();
    for rows in [2, 3, 5] {
        let refused = fill(&[pack.row()], rows).unwrap_err();
        let buffer = "position_ids";
        assert_eq!(refused, BatchError::Buffer { buffer });
    }
}
