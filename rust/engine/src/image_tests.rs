//! SELECT and WRITE of traces with images, over blocks written here without a scan.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use octomed_curate::{Curate, OverLongPolicy};
use octomed_files::Access;
use octomed_index::{
    BlockRef, Header, NewBlock, NewImage, NewImages, SCAN_VERSION, TraceColumns, TraceEntry,
    Verdict,
};
use octomed_mds::{Reader, ShardBuilder, Value};
use octomed_pack::ImageRules;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::check::check_shard;
use crate::ids::pack_ids;
use crate::pack_bytes::PackBytes;
use crate::range_cells::RangeLimits;
use crate::range_packs::pack_range;
use crate::ranges::KeySpace;
use crate::row::PackShape;
use crate::split::Split;
use crate::{Layout, OpenRange, Output, Pack, Selection, image_cost, rejects};

const CAPACITY: u32 = 96;
const PAD: u32 = 70_000;

/// A trace: the images that it shows, by number, and tokens of text besides.
#[derive(Clone, Debug)]
struct Made {
    text: u32,
    images: Vec<u8>,
}

fn made() -> impl Strategy<Value = Made> {
    let images = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(0..6_u8, 1..2),
        1 => prop::collection::vec(0..20_u8, 1..4),
    ];
    (2..40_u32, images).prop_map(|(text, images)| Made { text, images })
}

fn hash(image: u8) -> u64 {
    xxh3_64(&[image])
}

fn grid(image: u8) -> [u16; 2] {
    [2 + 2 * u16::from(image % 3), 2 + 2 * u16::from(image % 4)]
}

fn patches(image: u8) -> u64 {
    let [h, w] = grid(image).map(u64::from);
    h * w
}

/// What is stored of an image by a source that keeps originals, and by one that stores what the model sees.
fn stored(image: u8, resized: bool) -> Vec<u8> {
    let bytes = 1 + usize::from(image) * 37 % 300;
    let bytes = if resized { bytes / 2 + 1 } else { bytes };
    let of = |at: usize| xxh3_64(&[image, u8::from(resized), at as u8]) as u8;
    (0..bytes).map(of).collect()
}

/// Ids that name their trace; a run of `PAD` for each image.
fn ids(block: usize, row: usize, trace: &Made) -> Vec<u32> {
    let mut ids = Vec::new();
    for &image in &trace.images {
        ids.push(1);
        ids.extend(vec![PAD; patches(image) as usize / 4]);
        ids.push(2);
    }
    let text = |token| (block as u32 * 7919 + row as u32 * 104_729 + token * 31) % 50_000 + 3;
    ids.extend((0..trace.text).map(text));
    ids
}

fn trace_id(block: usize, row: usize) -> u64 {
    1000 * block as u64 + row as u64
}

/// Writes blocks, the sources of whose even numbers store originals.
fn write_blocks(folder: &Path, blocks: &[Vec<Made>]) -> Vec<BlockRef> {
    let numbered = blocks.iter().enumerate();
    numbered
        .map(|(number, traces)| write_block(folder, number, traces, number % 2 == 1))
        .collect()
}

fn write_block(folder: &Path, number: usize, traces: &[Made], resized: bool) -> BlockRef {
    let (mut columns, mut arena, mut images) =
        (TraceColumns::default(), Vec::new(), NewImages::default());
    for (row, trace) in traces.iter().enumerate() {
        let ids = ids(number, row, trace);
        let start = arena.len();
        // Nothing of an image is learned.
        let end = ids.len() as u32;
        for edge in [end - trace.text + 1, end] {
            arena.extend_from_slice(&edge.to_le_bytes());
        }
        pack_ids(&ids, &mut arena);
        for &image in &trace.images {
            let found = images.number(hash(image));
            let place = found.unwrap_or_else(|| images.add(new_image(image, resized)));
            images.show(place);
        }
        let identity = xxh3_64(&trace_id(number, row).to_le_bytes());
        let key = match trace.images.first() {
            Some(&image) => (hash(image) & !0xFFFF_FFFF) | (identity >> 32),
            None => identity,
        };
        columns.push(&TraceEntry {
            trace_id: trace_id(number, row),
            shuffle_key: key,
            hash_low: trace_id(number, row),
            position: row as u64,
            ordinal: row as u32,
            tokens: ids.len() as u32,
            supervised: trace.text - 1,
            spans: 1,
            stored: (arena.len() - start) as u32,
            checksum: octomed_index::checksum(&arena[start..]),
            images: trace.images.len() as u16,
            ..TraceEntry::default()
        });
    }
    let images = images.settled();
    let header = Header {
        version: SCAN_VERSION,
        source: format!("source-{number}"),
        file: format!("{number}.jsonl"),
        rows: traces.len() as u64,
        traces: traces.len() as u64,
        images: images.images().len() as u64,
        image_bytes: images.bytes(),
        image_placeholders: images.placeholders(),
        ..Header::default()
    };
    let block = NewBlock {
        traces: columns,
        stored: &arena,
        images: &images,
        ..NewBlock::new(&header)
    };
    let path = folder.join(number.to_string());
    block.write(&path, Access::Owner).unwrap();
    BlockRef { path, first_row: 0 }
}

fn new_image(image: u8, resized: bool) -> NewImage {
    let [grid_h, grid_w] = grid(image);
    NewImage {
        hash: hash(image),
        grid_h,
        grid_w,
        stored: stored(image, resized),
        ..NewImage::default()
    }
}

fn pack(traces_per_image: u32, max_patches: Option<u64>) -> Pack {
    Pack {
        capacity: CAPACITY,
        buckets: vec![16, 40],
        seed: 17,
        traces_per_image,
        max_patches,
    }
}

fn lay_out(blocks: &[BlockRef], pack: Pack, threads: usize) -> Arc<Layout> {
    let limits = RangeLimits {
        tokens: 1_000_000,
        image_bytes: 1_000_000,
    };
    lay_out_within(blocks, pack, threads, limits)
}

/// A layout whose ranges are so large at most.
fn lay_out_within(
    blocks: &[BlockRef],
    pack: Pack,
    threads: usize,
    limits: RangeLimits,
) -> Arc<Layout> {
    let never = AtomicBool::new(false);
    let mut selection = Selection::new(blocks, &Curate::default(), pack, threads, &never).unwrap();
    selection.key_space = KeySpace::cut_within(&selection.index, Split::Train, limits);
    let output = Output {
        compression: None,
        hashes: vec!["xxh3_64".into()],
        shard_size: 3000,
        mode: Access::Owner,
    };
    Arc::new(Layout::new(selection, &output, threads, &never).unwrap())
}

/// Columns of a pack that was read back, but for its spans.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    image_grid_thw: Vec<u32>,
    image_offsets: Vec<u32>,
    image_refs: Vec<u32>,
    images: Vec<u8>,
    input_ids: Vec<u32>,
    trace_ids: Vec<u64>,
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.as_chunks::<4>();
    assert!(words.1.is_empty());
    words
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word))
        .collect()
}

/// Writes every shard of a layout, and reads the packs of each stream back.
fn write_and_read(layout: &Arc<Layout>, output: &Path) -> Vec<Content> {
    let never = AtomicBool::new(false);
    let mut packs = Vec::new();
    for (stream, name) in layout.streams().iter().enumerate() {
        let folder = output.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut shards = Vec::new();
        for number in 0..layout.order.len() {
            let range = OpenRange::open(layout, number, &never).unwrap();
            let part = &layout.parts[number][stream];
            for shard in (part.first_shard..).take(part.shards.len()) {
                let written = range.write_shard(stream, shard, &folder, &never).unwrap();
                let at = (shard - part.first_shard) as usize;
                assert!(written.info.raw_data.bytes > part.shard_bytes[at]);
                assert!(written.info.raw_data.bytes <= 3000 || written.info.samples == 1);
                shards.push(written.info);
            }
        }
        std::fs::write(folder.join("index.json"), octomed_mds::index_json(&shards)).unwrap();
        let reader = Reader::open(&folder).unwrap();
        for (shard, info) in shards.iter().enumerate() {
            let rules = Some(ImageRules {
                token: PAD,
                merge: 2,
            });
            let check = check_shard(&folder, shard, PAD + 1, CAPACITY, rules).unwrap();
            assert_eq!(check.faults, vec![]);
            let path = folder.join(&info.raw_data.basename);
            let shard = reader.written_shard(shard).unwrap();
            let mut again = ShardBuilder::new(layout.schema(), shard.len());
            for row in 0..shard.len() {
                let row = shard.row(row).unwrap();
                let columns = row.columns().unwrap();
                let values: Vec<Value<'_>> =
                    columns.iter().map(|bytes| Value::Bytes(bytes)).collect();
                again.push(&values).unwrap();
                packs.push(Content {
                    image_grid_thw: numbers(columns[0]),
                    image_offsets: numbers(columns[1]),
                    image_refs: numbers(columns[2]),
                    images: columns[3].to_vec(),
                    input_ids: row.array("input_ids").unwrap().to_u32().unwrap(),
                    trace_ids: row.array("trace_ids").unwrap().to_u64().unwrap(),
                });
            }
            // As a plain writer of rows puts it, which is compared with MosaicML's.
            assert_eq!(again.finish(), std::fs::read(path).unwrap());
        }
    }
    packs
}

/// What a pack of these traces has to be, put together the slow way.
fn expected(blocks: &[Vec<Made>], trace_ids: &[u64]) -> Content {
    let mut content = Content {
        image_grid_thw: Vec::new(),
        image_offsets: Vec::new(),
        image_refs: Vec::new(),
        images: Vec::new(),
        input_ids: Vec::new(),
        trace_ids: trace_ids.to_vec(),
    };
    let mut shown: Vec<(u8, bool)> = Vec::new();
    for id in trace_ids {
        let (block, row) = ((id / 1000) as usize, (id % 1000) as usize);
        let trace = &blocks[block][row];
        content.input_ids.extend(ids(block, row, trace));
        for &image in &trace.images {
            let image = (image, block % 2 == 1);
            let place = shown.iter().position(|known| *known == image);
            let place = place.unwrap_or_else(|| {
                shown.push(image);
                shown.len() - 1
            });
            content.image_refs.push(place as u32);
        }
    }
    for &(image, resized) in &shown {
        let [h, w] = grid(image).map(u32::from);
        content.image_grid_thw.extend([1, h, w]);
        if content.image_offsets.is_empty() {
            content.image_offsets.push(0);
        }
        content.images.extend(stored(image, resized));
        content.image_offsets.push(content.images.len() as u32);
    }
    content
}

fn bounds() -> impl Strategy<Value = (u32, Option<u64>)> {
    let patches = prop_oneof![Just(None), (60..400_u64).prop_map(Some)];
    (
        prop_oneof![Just(1_u32), Just(4), Just(8), Just(16)],
        patches,
    )
}

/// No range has more bytes of images than `most`, but where all that shows images shows the same one first.
fn check_ranges(layout: &Layout, most: u64) {
    for &range in &layout.order {
        let packs = pack_range(&layout.selection, range).unwrap();
        let bytes = |image| packs.images.bytes(&layout.selection.index, image);
        let of_range: u64 = (0..packs.images.locations.len() as u32).map(bytes).sum();
        let entries = 0..packs.traces.len() as u32;
        let firsts = entries.filter_map(|entry| packs.images.of_trace(entry).first().copied());
        let firsts: BTreeSet<u32> = firsts.collect();
        // One image of which two sources store different bytes has two numbers.
        assert!(
            of_range <= most || firsts.len() <= 2,
            "{of_range} bytes of {firsts:?}"
        );
    }
}

/// A pack is split only where its images have more than `most` bytes, into parts that have no more, and have each
/// trace once and in its order; a trace that has more alone is a part.
fn check_splits(layout: &Layout, most: u64) {
    for &range in &layout.order {
        let packs = pack_range(&layout.selection, range).unwrap();
        let index = &layout.selection.index;
        let bytes_of = |entries: &[u32]| -> u64 {
            let images = entries
                .iter()
                .flat_map(|&entry| packs.images.of_trace(entry));
            let images: BTreeSet<u32> = images.copied().collect();
            images
                .iter()
                .map(|&image| packs.images.bytes(index, image))
                .sum()
        };
        let bytes = PackBytes::new(index, &packs.images, most);
        for stream in &packs.streams {
            for pack in (0..stream.len()).map(|pack| stream.pack(pack)) {
                let parts = bytes.split(pack);
                assert_eq!(parts.len() == 1, bytes_of(pack) <= most || pack.len() == 1);
                assert!(
                    parts
                        .iter()
                        .all(|part| bytes_of(part) <= most || part.len() == 1)
                );
                assert!(
                    parts.iter().all(|part| part.is_sorted()),
                    "entries of a pack are sorted"
                );
                let mut entries: Vec<u32> =
                    parts.iter().flat_map(|part| part.iter().copied()).collect();
                entries.sort_unstable();
                assert_eq!(entries, pack);
            }
        }
    }
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn packs_have_the_images_of_their_traces_once_each(
        blocks in prop::collection::vec(prop::collection::vec(made(), 0..40), 1..5),
        (traces_per_image, max_patches) in bounds(),
        tokens in 100..3000_u64, image_bytes in 300..3000_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let written = write_blocks(folder.path(), &blocks);
        let limits = RangeLimits { tokens, image_bytes };
        let layout = lay_out_within(&written, pack(traces_per_image, max_patches), 2, limits);
        check_ranges(&layout, image_bytes);
        check_splits(&layout, image_bytes / 2);
        let packs = write_and_read(&layout, &folder.path().join("out"));

        let fits = |block: usize, row: usize| {
            let trace = &blocks[block][row];
            let distinct: BTreeSet<u8> = trace.images.iter().copied().collect();
            let shown: u64 = distinct.into_iter().map(patches).sum();
            ids(block, row, trace).len() as u32 <= CAPACITY
                && max_patches.is_none_or(|most| shown <= most)
        };
        let mut kept = BTreeSet::new();
        for (block, traces) in blocks.iter().enumerate() {
            let rows = (0..traces.len()).filter(|&row| fits(block, row));
            kept.extend(rows.map(|row| trace_id(block, row)));
        }
        let found: Vec<u64> = packs.iter().flat_map(|pack| pack.trace_ids.clone()).collect();
        prop_assert_eq!(found.len(), kept.len());
        prop_assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), kept);

        let (mut images, mut image_bytes, mut all_patches) = (0, 0, 0);
        for pack in &packs {
            prop_assert_eq!(pack, &expected(&blocks, &pack.trace_ids));
            prop_assert!(pack.input_ids.len() <= CAPACITY as usize);
            let patches: u64 = pack.image_grid_thw.chunks(3).map(|grid| u64::from(grid[1] * grid[2])).sum();
            prop_assert!(max_patches.is_none_or(|most| patches <= most));
            images += pack.image_grid_thw.len() as u64 / 3;
            image_bytes += pack.images.len() as u64;
            all_patches += patches;
        }
        let totals: Vec<_> = (0..layout.streams().len()).map(|stream| layout.total(stream).0).collect();
        prop_assert_eq!(totals.iter().map(|total| total.images).sum::<u64>(), images);
        prop_assert_eq!(totals.iter().map(|total| total.image_bytes).sum::<u64>(), image_bytes);
        prop_assert_eq!(totals.iter().map(|total| total.patches).sum::<u64>(), all_patches);
        let never = AtomicBool::new(false);
        let cost = image_cost(&layout.selection, &[1, traces_per_image], 2, &never).unwrap();
        let packed = &cost.packed[1];
        let counted = (packed.packs, packed.images, packed.image_bytes, packed.patches);
        prop_assert_eq!(counted, (packs.len() as u64, images, image_bytes, all_patches));
        prop_assert!(cost.images <= images);
    }

    #[test]
    fn threads_change_no_byte(
        blocks in prop::collection::vec(prop::collection::vec(made(), 1..40), 1..4),
        (traces_per_image, max_patches) in bounds(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let written = write_blocks(folder.path(), &blocks);
        let write = |threads| {
            let limits = RangeLimits { tokens: 700, image_bytes: 1500 };
            let layout =
                lay_out_within(&written, pack(traces_per_image, max_patches), threads, limits);
            let output = folder.path().join("out");
            write_and_read(&layout, &output);
            let files = files(&output);
            std::fs::remove_dir_all(&output).unwrap();
            files
        };
        let one = write(1);
        prop_assert_eq!(&one, &write(2));
        prop_assert_eq!(&one, &write(8));
    }
}

#[test]
fn a_row_of_more_than_four_gibibytes_is_refused_by_its_size_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let layout = lay_out(
        &write_blocks(folder.path(), &responses(1)),
        pack(1, None),
        1,
    );
    let shape = |image_bytes| PackShape {
        traces: 1,
        tokens: 9,
        spans: 1,
        images: 3,
        placeholders: 3,
        image_bytes,
        patches: 12,
    };
    let most = u64::from(u32::MAX);
    assert!(shape(most).row_bytes(layout.schema()).is_ok());
    let error = shape(most + 1).row_bytes(layout.schema()).unwrap_err();
    assert!(
        error.to_string().contains("has 4294967296 bytes"),
        "{error}"
    );
    let hint = crate::EngineError::from(error).hint().unwrap();
    assert!(hint.contains("`images.store: resized`"), "{hint}");
    // A row that fits by its columns, and passes the limit with all of them.
    let sizes = [shape(most).row_bytes(layout.schema()).unwrap()];
    let error = octomed_mds::cut(layout.schema(), sizes).unwrap_err();
    assert!(error.to_string().starts_with("a row has 42949"), "{error}");
}

/// Sixteen responses to each of some questions about an image.
fn responses(images: u8) -> Vec<Vec<Made>> {
    let traces = (0..images).flat_map(|image| {
        (0..16).map(move |_| Made {
            text: 5,
            images: vec![image],
        })
    });
    vec![traces.collect()]
}

#[test]
fn more_traces_of_an_image_in_a_pack_write_it_less_often() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = write_blocks(folder.path(), &responses(40));
    let layout = lay_out(&blocks, pack(1, None), 1);
    let never = AtomicBool::new(false);
    let cost = image_cost(&layout.selection, &[1, 4, 8], 2, &never).unwrap();
    let [one, four, eight] = [0, 1, 2].map(|at| cost.packed[at]);
    assert_eq!((cost.images, four.traces_per_image), (40, 4));
    assert!(one.images > 2 * four.images, "{cost:?}");
    assert!(
        four.images <= 4 * 40 && eight.images < four.images,
        "{cost:?}"
    );
    assert!(one.image_bytes > four.image_bytes && four.image_bytes > eight.image_bytes);
    assert!(one.patches > four.patches && four.patches > eight.patches);
    assert_eq!((cost.ranges, cost.runs), (1, 1));
}

#[test]
fn an_image_that_several_blocks_hold_is_read_from_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let traces = responses(3).remove(0);
    // Blocks of even numbers store the same bytes.
    let made = vec![traces.clone(), Vec::new(), traces];
    let blocks = write_blocks(folder.path(), &made);
    let layout = lay_out(&blocks, pack(8, None), 1);
    std::fs::remove_file(folder.path().join("2.images")).unwrap();
    for pack in write_and_read(&layout, &folder.path().join("out")) {
        assert_eq!(pack, expected(&made, &pack.trace_ids));
    }
}

#[test]
fn an_image_that_was_damaged_after_selection_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = write_blocks(folder.path(), &responses(2));
    let layout = lay_out(&blocks, pack(16, None), 1);
    let path = folder.path().join("0.images");
    let bytes = std::fs::read(&path).unwrap();
    let never = AtomicBool::new(false);
    let write = || {
        let range = OpenRange::open(&layout, 0, &never)?;
        let streams = layout.parts[0].iter().enumerate();
        for (stream, part) in streams {
            for shard in (part.first_shard..).take(part.shards.len()) {
                range.write_shard(stream, shard, folder.path(), &never)?;
            }
        }
        Ok::<(), crate::EngineError>(())
    };
    assert!(write().is_ok());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 4;
        std::fs::write(&path, changed).unwrap();
        let refused = write().unwrap_err().to_string();
        let expected = "0.images` is damaged: an image's bytes are not those written";
        assert!(refused.contains(expected), "byte {at}: {refused}");
    }
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let refused = write().unwrap_err().to_string();
    assert!(
        refused.contains("0.images` is damaged: its end is missing"),
        "{refused}"
    );
    std::fs::remove_file(&path).unwrap();
    let refused = write().unwrap_err().to_string();
    assert!(
        refused.contains("0.images` is damaged: it is missing"),
        "{refused}"
    );
}

#[test]
fn what_no_pack_holds_is_a_reject_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let trace = |text, images: &[u8]| Made {
        text,
        images: images.to_vec(),
    };
    // Image 11 has 6 by 8 patches, image 0 has 2 by 2.
    let traces = vec![
        trace(5, &[11, 0, 11]),
        trace(5, &[11]),
        trace(CAPACITY, &[11]),
        trace(CAPACITY + 1, &[]),
    ];
    let blocks = write_blocks(folder.path(), &[traces]);
    let layout = lay_out(&blocks, pack(1, Some(50)), 1);
    let table = rejects(&layout.selection, 0).unwrap();
    let text = |name: &str| {
        let column = table
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .iter();
        column
            .map(|value| value.unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let named = format!("2 images ({:016x}, {:016x})", hash(11), hash(0));
    assert_eq!(text("reason"), ["over_patches", "over_long", "over_long"]);
    assert_eq!(
        text("detail"),
        [
            format!("52 patches of {named}, a pack holds 50"),
            "110 tokens, a pack holds 96; its images alone take 12".to_owned(),
            "97 tokens, a pack holds 96".to_owned(),
        ]
    );
    assert_eq!(layout.selection.counts()[Verdict::Kept as usize], 1);
    let curate = Curate {
        over_long: OverLongPolicy::Error,
        ..Curate::default()
    };
    let never = AtomicBool::new(false);
    let select = |pack| Selection::new(&blocks, &curate, pack, 1, &never);
    let large = Pack {
        capacity: 200,
        ..pack(1, Some(50))
    };
    let error = select(large).err().unwrap();
    assert_eq!(
        error.to_string(),
        "trace source-0/0.jsonl row 0 sample 0 has images of 52 patches, a pack holds 50"
    );
    assert!(error.hint().unwrap().contains("raise `pack.max_patches`"));
}

#[test]
fn provenance_names_the_images_of_a_trace_where_the_run_has_any() {
    let folder = tempfile::tempdir().unwrap();
    let mut traces = responses(1).remove(0);
    traces.push(Made {
        text: 9,
        images: vec![5, 3, 5],
    });
    traces.push(Made {
        text: 9,
        images: Vec::new(),
    });
    let never = AtomicBool::new(false);
    let column = |blocks: &[BlockRef]| {
        let layout = lay_out(blocks, pack(1, None), 1);
        let range = OpenRange::open(&layout, 0, &never).unwrap();
        let mut images = BTreeMap::new();
        for stream in 0..layout.streams().len() {
            let table = range.provenance(stream).unwrap();
            let ids = table
                .column_by_name("trace_id")
                .unwrap()
                .as_primitive::<UInt64Type>()
                .clone();
            let lists = table
                .column_by_name("images")
                .map(|column| column.as_list::<i32>().clone());
            for (row, id) in ids.values().iter().enumerate() {
                let hashes = lists.as_ref().map(|lists| {
                    lists
                        .value(row)
                        .as_primitive::<UInt64Type>()
                        .values()
                        .to_vec()
                });
                images.insert(*id, hashes);
            }
        }
        images
    };
    let named = column(&write_blocks(folder.path(), &[traces]));
    assert_eq!(named.len(), 18);
    assert_eq!(named[&0], Some(vec![hash(0)]));
    assert_eq!(named[&16], Some(vec![hash(5), hash(3), hash(5)]));
    assert_eq!(named[&17], Some(Vec::new()));
    let text = Made {
        text: 9,
        images: Vec::new(),
    };
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        column(&write_blocks(folder.path(), &[vec![text]]))[&0],
        None
    );
}
