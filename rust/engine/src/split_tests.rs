//! What is written several times, and what for validation, against what was asked for.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use octomed_curate::Curate;
use octomed_files::Access;
use proptest::prelude::*;

use crate::check::{check_shard, read_pack};
use crate::tests::{CAPACITY, Made, VOCABULARY, made, pack, write_blocks};
use crate::{Layout, OpenRange, Output, Selection};

/// A copy of a trace where it lies: stream, pack, trace id, copy.
type Place = (String, u64, u64, u32);

fn lay_out(
    folder: &std::path::Path,
    blocks: &[Vec<Made>],
    curate: &str,
    threads: usize,
) -> Arc<Layout> {
    let never = AtomicBool::new(false);
    let blocks = write_blocks(folder, blocks);
    let curate: Curate = serde_json::from_str(curate).unwrap();
    let selection = Selection::new(&blocks, &curate, pack(), threads, &never).unwrap();
    let output = Output {
        compression: None,
        hashes: vec!["xxh3_64".into()],
        shard_size: 1500,
        mode: Access::Owner,
    };
    Arc::new(Layout::new(selection, &output, threads, &never).unwrap())
}

/// Writes all, and returns where provenance says that each copy lies.
fn write(layout: &Arc<Layout>, output: &std::path::Path) -> Vec<Place> {
    let never = AtomicBool::new(false);
    let mut places = Vec::new();
    for (stream, name) in layout.streams().iter().enumerate() {
        let folder = output.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut shards = Vec::new();
        for number in 0..layout.order.len() {
            let range = OpenRange::open(layout, number, &never).unwrap();
            let part = &layout.parts[number][stream];
            for shard in (part.first_shard..).take(part.shards.len()) {
                let written = range.write_shard(stream, shard, &folder, &never).unwrap();
                shards.push(written.info);
            }
            let table = range.provenance(stream).unwrap();
            let column = |name: &str| table.column_by_name(name).unwrap();
            let ids = column("trace_id").as_primitive::<UInt64Type>();
            let packs = column("pack").as_primitive::<UInt64Type>();
            let copies = column("copy").as_primitive::<UInt32Type>();
            places.extend((0..table.num_rows()).map(|row| {
                let (pack, id) = (packs.value(row), ids.value(row));
                (name.clone(), pack, id, copies.value(row))
            }));
        }
        std::fs::write(folder.join("index.json"), octomed_mds::index_json(&shards)).unwrap();
    }
    places
}

fn recipe(epochs: f64, share: Option<f64>) -> String {
    let validation = share.map_or(String::new(), |share| {
        format!(r#", "validation": {{"share": {share}}}"#)
    });
    format!(
        r#"{{"duplicates": {{"exact": true}}, "over_long": "reject",
            "mix": [{{"group": "g", "sources": ["made"], "epochs": {epochs}}}]{validation}}}"#
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_copy_lies_in_a_pack_of_its_own_and_validation_apart(
        blocks in prop::collection::vec(prop::collection::vec(made(), 0..40), 1..4),
        epochs in prop_oneof![Just(0.5), Just(1.0), Just(2.0), Just(2.5), Just(5.0)],
        share in prop::option::of(0.2..0.6_f64),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let layout = lay_out(folder.path(), &blocks, &recipe(epochs, share), 2);
        let output = folder.path().join("out");
        let places = write(&layout, &output);

        let mut expected: BTreeSet<(bool, u64, u32)> = BTreeSet::new();
        for block in &layout.selection.index.blocks {
            for row in block.kept_rows() {
                let (id, copies) = (block.traces.trace_id[row], u32::from(block.copies(row)));
                expected.extend((0..copies.max(1)).map(|copy| (copies == 0, id, copy)));
            }
        }
        let found: BTreeSet<(bool, u64, u32)> = places.iter()
            .map(|(stream, _, id, copy)| (stream == "validation", *id, *copy)).collect();
        prop_assert_eq!(found.len(), places.len());
        prop_assert_eq!(found, expected);

        let mut packs: BTreeMap<(&str, u64), Vec<u64>> = BTreeMap::new();
        for (stream, pack, id, _) in &places {
            packs.entry((stream, *pack)).or_default().push(*id);
        }
        for ((stream, pack), ids) in packs {
            let distinct: BTreeSet<u64> = ids.iter().copied().collect();
            prop_assert_eq!(distinct.len(), ids.len());
            let content = read_pack(&output.join(stream), pack as usize).unwrap();
            prop_assert_eq!(&content.trace_ids, &ids);
            let longest = content.lengths.iter().max().copied().unwrap();
            let of_bucket = &layout.streams()[layout.selection.buckets.bucket_of(longest)];
            prop_assert!(stream == "validation" || stream == of_bucket);
        }
        let written = layout.selection.written();
        let mut totals = (0, 0, 0);
        for (stream, name) in layout.streams().iter().enumerate() {
            let (total, _) = layout.total(stream);
            let shards: usize = layout.parts.iter().map(|parts| parts[stream].shards.len()).sum();
            for shard in 0..shards {
                let check = check_shard(&output.join(name), shard, VOCABULARY, CAPACITY, None).unwrap();
                prop_assert_eq!(check.faults, vec![]);
                totals.2 += check.tokens;
            }
            if name == "validation" { totals.1 += total.traces } else { totals.0 += total.traces }
        }
        prop_assert_eq!(totals, (written.train + written.copies, written.validation, written.tokens));
    }

    #[test]
    fn threads_change_nothing_and_one_epoch_is_no_mix(
        blocks in prop::collection::vec(prop::collection::vec(made(), 1..40), 1..4), share in 0.2..0.6_f64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let of = |recipe: &str, threads| {
            let layout = lay_out(folder.path(), &blocks, recipe, threads);
            (layout.parts.clone(), layout.order.clone())
        };
        prop_assert_eq!(of(&recipe(2.5, Some(share)), 1), of(&recipe(2.5, Some(share)), 8));
        let plain = r#"{"duplicates": {"exact": true}, "over_long": "reject"}"#;
        prop_assert_eq!(of(plain, 1), of(&recipe(1.0, None), 1));
    }
}
