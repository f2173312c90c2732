//! SELECT and WRITE against slow oracles, over blocks written here without a scan.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use octomed_curate::{Curate, Duplicates, OverLongPolicy};
use octomed_files::Access;
use octomed_index::{
    BlockImages, BlockRef, FilteredColumns, Header, RefusalColumns, SCAN_VERSION, TraceColumns,
    TraceEntry, checksum, index_bytes, verify_block,
};
use proptest::prelude::*;

use crate::check::{check_shard, read_pack};
use crate::ids::pack_ids;
use crate::{EngineError, Layout, OpenRange, Output, Pack, Selection};

pub(crate) const CAPACITY: u32 = 64;
pub(crate) const VOCABULARY: u32 = 200_000;

/// A trace of a block: length, the number its hash is made of, and its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub tokens: u32,
    pub hash: u64,
    pub trace_id: u64,
}

pub(crate) fn made() -> impl Strategy<Value = Made> {
    (2..CAPACITY + 8, 0..40_u64, 0..1000_u64).prop_map(|(tokens, hash, trace_id)| Made {
        tokens,
        hash,
        trace_id,
    })
}

/// Ids that name their trace, so that a mix-up shows.
fn ids(block: usize, row: usize, tokens: u32) -> Vec<u32> {
    (0..tokens)
        .map(|token| (block as u32 * 7919 + row as u32 * 104_729 + token * 31) % VOCABULARY)
        .collect()
}

/// Writes blocks whose source order is not their shuffle order.
pub(crate) fn write_blocks(folder: &Path, blocks: &[Vec<Made>]) -> Vec<BlockRef> {
    let write = |(number, traces): (usize, &Vec<Made>)| {
        let mut columns = TraceColumns::default();
        let mut stored = Vec::new();
        for (row, trace) in traces.iter().enumerate() {
            let before = stored.len();
            for edge in [1, trace.tokens] {
                stored.extend_from_slice(&edge.to_le_bytes());
            }
            pack_ids(&ids(number, row, trace.tokens), &mut stored);
            let position = traces.len() - row;
            columns.push(&TraceEntry {
                trace_id: trace.trace_id,
                shuffle_key: (row as u64) << 56 | number as u64,
                hash_low: trace.hash,
                question_id: trace.hash % 7,
                position: position as u64,
                ordinal: position as u32,
                tokens: trace.tokens,
                supervised: trace.tokens - 1,
                spans: 1,
                stored: (stored.len() - before) as u32,
                checksum: checksum(&stored[before..]),
                ..TraceEntry::default()
            });
        }
        let path = folder.join(number.to_string());
        std::fs::write(path.with_extension("ids"), stored).unwrap();
        let header = Header {
            version: SCAN_VERSION,
            source: "made".into(),
            file: format!("{number}.jsonl"),
            rows: traces.len() as u64,
            traces: traces.len() as u64,
            ..Header::default()
        };
        let index = path.with_extension("index");
        let bytes = index_bytes(
            &header,
            columns,
            RefusalColumns::default(),
            BlockImages::default(),
            &FilteredColumns::default(),
        )
        .unwrap();
        std::fs::write(&index, bytes).unwrap();
        BlockRef {
            path,
            first_row: 100 * number as u64,
        }
    };
    blocks.iter().enumerate().map(write).collect()
}

fn curate(over_long: OverLongPolicy) -> Curate {
    let duplicates = Duplicates {
        exact: true,
        ..Duplicates::default()
    };
    Curate {
        duplicates,
        over_long,
        ..Curate::default()
    }
}

pub(crate) fn pack() -> Pack {
    Pack {
        capacity: CAPACITY,
        buckets: vec![8, 24],
        seed: 17,
        traces_per_image: 1,
        max_patches: None,
    }
}

fn select(blocks: &[BlockRef], over_long: OverLongPolicy) -> Result<Selection, EngineError> {
    let never = AtomicBool::new(false);
    Selection::new(blocks, &curate(over_long), pack(), 1, &never)
}

/// Block and row of the traces that stay: the first of each hash in source order that fits a pack.
fn expected(blocks: &[Vec<Made>]) -> BTreeSet<(usize, usize)> {
    let mut seen = BTreeSet::new();
    let mut kept = BTreeSet::new();
    for (number, traces) in blocks.iter().enumerate() {
        for (row, trace) in traces.iter().enumerate().rev() {
            if trace.tokens <= CAPACITY && seen.insert(trace.hash) {
                kept.insert((number, row));
            }
        }
    }
    kept
}

fn lay_out(folder: &Path, blocks: &[Vec<Made>], threads: usize) -> Arc<Layout> {
    let never = AtomicBool::new(false);
    let blocks = write_blocks(folder, blocks);
    let curate = curate(OverLongPolicy::Reject);
    let selection = Selection::new(&blocks, &curate, pack(), threads, &never).unwrap();
    let output = Output {
        compression: Some("zstd:1".into()),
        hashes: vec!["xxh3_64".into()],
        shard_size: 1500,
        mode: Access::Owner,
    };
    Arc::new(Layout::new(selection, &output, threads, &never).unwrap())
}

/// Writes all shards and returns where provenance says that each trace lies.
fn write_all(layout: &Arc<Layout>, output: &Path) -> Vec<(String, u64, u64, u64, u32, u32)> {
    let never = AtomicBool::new(false);
    let mut rows = Vec::new();
    for (stream, name) in layout.streams().iter().enumerate() {
        let folder = output.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut shards = Vec::new();
        for number in 0..layout.order.len() {
            let range = OpenRange::open(layout, number, &never).unwrap();
            let part = &layout.parts[number][stream];
            assert_eq!(part.shard_bytes.len(), part.shards.len());
            assert_eq!(part.shard_bytes.iter().sum::<u64>(), part.bytes);
            let mut bytes = 0;
            for shard in (part.first_shard..).take(part.shards.len()) {
                let info = range
                    .write_shard(stream, shard, &folder, &never)
                    .unwrap()
                    .info;
                assert!(info.raw_data.bytes <= 1500 || info.samples == 1);
                bytes += info.raw_data.bytes;
                shards.push(info);
            }
            assert!(part.bytes <= bytes);
            let table = range.provenance(stream).unwrap();
            let long = |name: &str| {
                table
                    .column_by_name(name)
                    .unwrap()
                    .as_primitive::<UInt64Type>()
                    .clone()
            };
            let short = |name: &str| {
                table
                    .column_by_name(name)
                    .unwrap()
                    .as_primitive::<UInt32Type>()
                    .clone()
            };
            let columns = (
                long("trace_id"),
                long("row"),
                long("pack"),
                short("offset"),
                short("length"),
            );
            for row in 0..table.num_rows() {
                let (trace_id, from, pack) = (
                    columns.0.value(row),
                    columns.1.value(row),
                    columns.2.value(row),
                );
                rows.push((
                    name.clone(),
                    trace_id,
                    from,
                    pack,
                    columns.3.value(row),
                    columns.4.value(row),
                ));
            }
        }
        std::fs::write(folder.join("index.json"), octomed_mds::index_json(&shards)).unwrap();
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_kept_trace_is_written_once_whole_and_where_provenance_says(
        blocks in prop::collection::vec(prop::collection::vec(made(), 0..40), 1..5),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let layout = lay_out(folder.path(), &blocks, 2);
        let output = folder.path().join("out");
        let rows = write_all(&layout, &output);

        let found: BTreeSet<(usize, usize)> = rows.iter().map(|(_, _, from, ..)| {
            let number = usize::try_from(from / 100).unwrap();
            (number, blocks[number].len() - usize::try_from(from % 100).unwrap())
        }).collect();
        prop_assert_eq!(found.len(), rows.len());
        prop_assert_eq!(&found, &expected(&blocks));

        for (stream, trace_id, from, pack, offset, length) in &rows {
            let number = usize::try_from(from / 100).unwrap();
            let row = blocks[number].len() - usize::try_from(from % 100).unwrap();
            let content = read_pack(&output.join(stream), usize::try_from(*pack).unwrap()).unwrap();
            let (start, end) = (*offset as usize, (offset + length) as usize);
            prop_assert_eq!(&content.input_ids[start..end], &ids(number, row, *length)[..]);
            prop_assert!(content.trace_ids.contains(trace_id));
            prop_assert!(content.loss_spans.contains(&[offset + 1, offset + length]));
        }
    }

    #[test]
    fn packs_are_sound_and_lie_in_the_stream_of_their_longest_trace(
        blocks in prop::collection::vec(prop::collection::vec(made(), 1..40), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let layout = lay_out(folder.path(), &blocks, 1);
        let output = folder.path().join("out");
        let rows = write_all(&layout, &output);
        let mut longest: BTreeMap<(&str, u64), u32> = BTreeMap::new();
        for (stream, _, _, pack, _, length) in &rows {
            let entry = longest.entry((stream, *pack)).or_default();
            *entry = (*entry).max(*length);
        }
        for ((stream, _), length) in longest {
            prop_assert_eq!(stream, &layout.streams()[layout.selection.buckets.bucket_of(length)]);
        }
        for (stream, name) in layout.streams().iter().enumerate() {
            let shards: usize = layout.parts.iter().map(|parts| parts[stream].shards.len()).sum();
            for shard in 0..shards {
                let check = check_shard(&output.join(name), shard, VOCABULARY, CAPACITY, None).unwrap();
                prop_assert_eq!(check.faults, vec![]);
            }
        }
    }

    #[test]
    fn trace_ids_end_unique_and_threads_change_nothing(
        blocks in prop::collection::vec(prop::collection::vec(made(), 1..40), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let one = lay_out(folder.path(), &blocks, 1);
        let two = lay_out(folder.path(), &blocks, 8);
        prop_assert_eq!(&one.parts, &two.parts);
        let ids: Vec<u64> = one.selection.index.blocks.iter().flat_map(|block| block.traces.trace_id.clone()).collect();
        let unique: BTreeSet<u64> = ids.iter().copied().collect();
        prop_assert_eq!(unique.len(), ids.len());
        let mut firsts: HashMap<u64, usize> = HashMap::new();
        for (number, traces) in blocks.iter().enumerate() {
            for (row, trace) in traces.iter().enumerate().rev() {
                if firsts.insert(trace.trace_id, number).is_none() {
                    prop_assert_eq!(one.selection.index.blocks[number].traces.trace_id[row], trace.trace_id);
                }
            }
        }
    }
}

#[test]
fn an_over_long_trace_is_an_error_when_the_recipe_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let made = Made {
        tokens: CAPACITY + 1,
        hash: 1,
        trace_id: 1,
    };
    let blocks = write_blocks(folder.path(), &[vec![made]]);
    let refused = select(&blocks, OverLongPolicy::Error).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "trace made/0.jsonl row 1 sample 0 has 65 tokens, a pack holds 64"
    );
}

#[test]
fn a_damaged_block_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = Made {
        tokens: 9,
        hash: 1,
        trace_id: 1,
    };
    let blocks = write_blocks(folder.path(), &[vec![made]]);
    let path = blocks[0].path.with_extension("ids");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let refused = select(&blocks, OverLongPolicy::Reject).err().unwrap();
    assert!(
        refused
            .to_string()
            .contains("0.ids` is damaged: 25 bytes, the index counts 26"),
        "{refused}"
    );
    assert!(refused.hint().unwrap().contains("the disk is at fault"));
}

#[test]
fn what_is_damaged_after_selection_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let made = |tokens, hash| Made {
        tokens,
        hash,
        trace_id: hash,
    };
    let layout = lay_out(folder.path(), &[vec![made(9, 1), made(7, 2)]], 1);
    let path = folder.path().join("0.ids");
    let bytes = std::fs::read(&path).unwrap();
    let never = AtomicBool::new(false);
    let write = |name: &str| {
        let output = folder.path().join(name);
        std::fs::create_dir_all(&output).unwrap();
        let range = OpenRange::open(&layout, 0, &never).unwrap();
        range.write_shard(1, 0, &output, &never)
    };
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 4;
        std::fs::write(&path, changed).unwrap();
        let refused = write("changed").unwrap_err().to_string();
        assert!(
            refused.contains("0.ids` is damaged: a trace's bytes are not those written"),
            "byte {at}: {refused}"
        );
    }
    assert!(verify_block(&path.with_extension("index")).is_err());
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let refused = write("cut").unwrap_err().to_string();
    assert!(
        refused.contains("0.ids` is damaged: its end is missing"),
        "{refused}"
    );
    std::fs::write(&path, &bytes).unwrap();
    assert!(verify_block(&path.with_extension("index")).is_ok());
    assert_eq!(write("whole").unwrap().info.samples, 1);
}

#[test]
fn a_cancelled_selection_ends() {
    let folder = tempfile::tempdir().unwrap();
    let made = Made {
        tokens: 9,
        hash: 1,
        trace_id: 1,
    };
    let blocks = write_blocks(folder.path(), &[vec![made]]);
    let (curate, cancelled) = (curate(OverLongPolicy::Reject), AtomicBool::new(true));
    let refused = Selection::new(&blocks, &curate, pack(), 1, &cancelled);
    let refused = refused.err().unwrap();
    assert_eq!(refused.to_string(), "cancelled");
}
