//! Shards against slow oracles: where they are cut, how rows are laid out, that they read back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use octomed_mds::{
    Cell, Dtype, MdsError, Reader, Schema, ShardBuilder, ShardCutter, ShardEncoder, Value, Writer,
    cut, shard_basename, verify,
};
use proptest::prelude::*;

/// A row of the oracle: a pack's ids, spans, images and one number.
#[derive(Clone, Debug)]
struct Pack {
    ids: Vec<u32>,
    spans: Vec<[u32; 2]>,
    images: Vec<u8>,
    weight: f64,
}

const COLUMNS: [(&str, &str); 4] = [
    ("images", "bytes"),
    ("ids", "ndarray:uint32"),
    ("weight", "float64"),
    ("spans", "ndarray"),
];

fn pack() -> impl Strategy<Value = Pack> {
    let ids = prop_oneof![
        prop::collection::vec(any::<u32>(), 1..20),
        prop::collection::vec(any::<u32>(), 250..260),
    ];
    let spans = prop::collection::vec(any::<[u32; 2]>(), 1..5);
    let images = prop::collection::vec(any::<u8>(), 0..30);
    (ids, spans, images, any::<f64>()).prop_map(|(ids, spans, images, weight)| Pack {
        ids,
        spans,
        images,
        weight,
    })
}

fn schema(limit: Option<u64>) -> Arc<Schema> {
    Arc::new(
        Schema::of(&COLUMNS)
            .size_limit(limit)
            .hashes(&["md5"])
            .build()
            .unwrap(),
    )
}

fn little(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// The row as the format describes it, column by column in the order ids, images, spans, weight.
fn slow_row(pack: &Pack) -> Vec<u8> {
    let mut ids = Vec::new();
    match u8::try_from(pack.ids.len()) {
        Ok(axis) => ids.extend([1 << 2, axis]),
        Err(_) => {
            ids.push(1 << 2 | 1);
            ids.extend(u16::try_from(pack.ids.len()).unwrap().to_le_bytes());
        }
    }
    ids.extend(little(&pack.ids));
    let mut spans = vec![32, 2 << 2, u8::try_from(pack.spans.len()).unwrap(), 2];
    spans.extend(little(pack.spans.as_flattened()));
    let sizes =
        [ids.len(), pack.images.len(), spans.len()].map(|size| u32::try_from(size).unwrap());
    let mut row = little(&sizes);
    row.extend([&ids[..], &pack.images, &spans, &pack.weight.to_le_bytes()].concat());
    row
}

/// The shard as the format describes it.
fn slow_shard(schema: &Schema, packs: &[Pack]) -> Vec<u8> {
    let rows: Vec<Vec<u8>> = packs.iter().map(slow_row).collect();
    let mut offset = 8 + 4 * rows.len() + schema.config().len();
    let mut words = vec![
        u32::try_from(rows.len()).unwrap(),
        u32::try_from(offset).unwrap(),
    ];
    for row in &rows {
        offset += row.len();
        words.push(u32::try_from(offset).unwrap());
    }
    [little(&words), schema.config().to_vec(), rows.concat()].concat()
}

/// Calls `with` with the values of `pack` in column order.
fn with_values<T>(pack: &Pack, with: impl FnOnce(&[Value<'_>]) -> T) -> T {
    let (ids, spans) = (little(&pack.ids), little(pack.spans.as_flattened()));
    with(&[
        Value::Array(Dtype::Uint32, &[pack.ids.len() as u64], &ids),
        Value::Bytes(&pack.images),
        Value::Array(Dtype::Uint32, &[pack.spans.len() as u64, 2], &spans),
        Value::Bytes(&pack.weight.to_le_bytes()),
    ])
}

/// Where shards end, with nothing but the rule: a row opens a new shard if it would pass the limit.
fn slow_cut(head: u64, limit: Option<u64>, sizes: &[u64]) -> Vec<usize> {
    let mut shards: Vec<Vec<u64>> = Vec::new();
    for &size in sizes {
        let fits = |shard: &Vec<u64>| {
            let bytes = head + shard.iter().map(|size| size + 4).sum::<u64>();
            limit.is_none_or(|limit| bytes + size + 4 <= limit)
        };
        match shards.last_mut().filter(|shard| fits(shard)) {
            Some(shard) => shard.push(size),
            None => shards.push(vec![size]),
        }
    }
    shards.into_iter().map(|shard| shard.len()).collect()
}

/// The shapes of a pack's ids and spans.
fn shapes(pack: &Pack) -> ([u64; 1], [u64; 2]) {
    ([pack.ids.len() as u64], [pack.spans.len() as u64, 2])
}

/// What a pack's row is announced to hold.
fn cells<'a>(pack: &Pack, ids: &'a [u64], spans: &'a [u64]) -> [Cell<'a>; 4] {
    [
        Cell::Array(Dtype::Uint32, ids),
        Cell::Bytes(pack.images.len() as u64),
        Cell::Array(Dtype::Uint32, spans),
        Cell::Bytes(8),
    ]
}

proptest! {
    #[test]
    fn a_shard_is_what_the_format_says(
        packs in prop::collection::vec(pack(), 0..8),
        guess in 0_usize..12,
        old in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let schema = schema(None);
        let mut builder = ShardBuilder::reuse(&schema, guess, old);
        for pack in &packs {
            let size = with_values(pack, |values| schema.values_size(values)).unwrap();
            prop_assert_eq!(size, slow_row(pack).len() as u64);
            with_values(pack, |values| builder.push(values)).unwrap();
        }
        prop_assert_eq!(builder.finish(), slow_shard(&schema, &packs));
    }

    #[test]
    fn rows_written_in_pieces_are_the_same(
        packs in prop::collection::vec(pack(), 1..5),
        piece in 1_usize..9,
    ) {
        let schema = schema(None);
        let mut builder = ShardBuilder::new(&schema, packs.len());
        for pack in &packs {
            let (ids, spans) = shapes(pack);
            let cells = cells(pack, &ids, &spans);
            let mut abandoned = builder.row(&cells).unwrap();
            abandoned.append_u32(&pack.ids[..1]).unwrap();
            drop(abandoned);
            let mut row = builder.row(&cells).unwrap();
            for ids in pack.ids.chunks(piece) {
                row.append_u32(ids).unwrap();
            }
            for bytes in pack.images.chunks(piece) {
                row.append(bytes).unwrap();
            }
            for span in &pack.spans {
                row.append_u32(span).unwrap();
            }
            for byte in pack.weight.to_le_bytes() {
                row.append(&[byte]).unwrap();
            }
            row.finish().unwrap();
        }
        prop_assert_eq!(builder.finish(), slow_shard(&schema, &packs));
    }

    #[test]
    fn room_that_is_left_and_filled_later_makes_the_same_shard(
        packs in prop::collection::vec(pack(), 1..5),
    ) {
        let schema = schema(None);
        let mut builder = ShardBuilder::new(&schema, packs.len());
        let mut rooms = Vec::new();
        for pack in &packs {
            let (ids, spans) = shapes(pack);
            let cells = cells(pack, &ids, &spans);
            let mut row = builder.row(&cells).unwrap();
            prop_assert!(row.leave(4 * pack.ids.len() + 1).is_err());
            let room = row.leave(4 * pack.ids.len()).unwrap();
            rooms.push((room, pack.ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>()));
            row.append(&pack.images).unwrap();
            let room = row.leave(8 * pack.spans.len()).unwrap();
            rooms.push((room, pack.spans.iter().flatten().flat_map(|edge| edge.to_le_bytes()).collect()));
            row.append(&pack.weight.to_le_bytes()).unwrap();
            row.finish().unwrap();
        }
        let mut raw = builder.finish();
        for (room, bytes) in rooms {
            prop_assert!(raw[room..room + bytes.len()].iter().all(|byte| *byte == 0));
            raw[room..room + bytes.len()].copy_from_slice(&bytes);
        }
        prop_assert_eq!(raw, slow_shard(&schema, &packs));
    }

    #[test]
    fn shards_are_cut_by_the_rule(
        sizes in prop::collection::vec(0_u64..400, 0..60),
        limit in prop::option::of(1_u64..1_500),
    ) {
        let schema = schema(limit);
        prop_assert_eq!(cut(&schema, sizes.iter().copied()).unwrap(), slow_cut(schema.head_size(0), limit, &sizes));
    }

    #[test]
    fn a_dataset_reads_back_and_is_cut_as_planned(
        packs in prop::collection::vec(pack(), 0..20),
        limit in 800_u64..4_000,
        threads in 1_usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let schema = schema(Some(limit));
        let mut writer = Writer::create(folder.path(), Schema::clone(&schema), threads).unwrap();
        for pack in &packs {
            with_values(pack, |values| writer.push(values)).unwrap();
        }
        let shards = writer.finish().unwrap();
        let planned = cut(&schema, packs.iter().map(|pack| slow_row(pack).len() as u64)).unwrap();
        let written: Vec<_> = shards.iter().map(|shard| usize::try_from(shard.samples).unwrap()).collect();
        prop_assert_eq!(planned, written);
        prop_assert_eq!(verify(folder.path(), threads).unwrap(), vec![]);
        let reader = Reader::open(folder.path()).unwrap();
        prop_assert_eq!(reader.shards(), &shards[..]);
        for (row, pack) in packs.iter().enumerate() {
            let (shard, row) = reader.locate(row).unwrap();
            let shard = reader.shard(shard).unwrap();
            let row = shard.row(row).unwrap();
            prop_assert_eq!(row.array("ids").unwrap().to_u32().unwrap(), pack.ids.clone());
            prop_assert_eq!(row.columns().unwrap()[1], &pack.images[..]);
            let spans = row.array("spans").unwrap();
            prop_assert_eq!(&spans.shape, &[pack.spans.len() as u64, 2]);
            prop_assert_eq!(spans.data, little(pack.spans.as_flattened()));
            prop_assert_eq!(row.columns().unwrap()[3], pack.weight.to_le_bytes());
        }
    }

    /// Whatever a reader finds in place of a shard, it answers with an error or a finding.
    #[test]
    fn damage_is_never_a_panic(
        packs in prop::collection::vec(pack(), 1..4),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut_at in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(folder.path(), Schema::clone(&schema(None)), 1).unwrap();
        for pack in &packs {
            with_values(pack, |values| writer.push(values)).unwrap();
        }
        let shards = writer.finish().unwrap();
        let path = folder.path().join(&shards[0].file().basename);
        let original = std::fs::read(&path).unwrap();
        let mut data = original.clone();
        for (place, byte) in places {
            // Half of the damage hits the head.
            let most = if byte % 2 == 0 { data.len().min(200) } else { data.len() };
            let place = place.index(most);
            data[place] = byte;
        }
        if truncate {
            data.truncate(cut_at.index(data.len()));
        }
        std::fs::write(&path, &data).unwrap();
        prop_assert_eq!(verify(folder.path(), 1).unwrap().is_empty(), data == original);
        let reader = Reader::open(folder.path()).unwrap();
        let shard = reader.shard(0).unwrap();
        for row in 0..shard.len() {
            if let Ok(row) = shard.row(row) {
                let _ = row.columns();
                let _ = row.array("spans");
            }
        }
    }
}

#[test]
fn offsets_never_wrap() {
    let unlimited = schema(None);
    let mut cutter = ShardCutter::new(&unlimited);
    assert!(!cutter.push(1 << 31).unwrap());
    assert!(matches!(
        cutter.push(1 << 31),
        Err(MdsError::TooLarge { .. })
    ));
    let mut cutter = ShardCutter::new(&schema(Some(1 << 30)));
    assert!(matches!(
        cutter.push(u64::from(u32::MAX) - 100),
        Err(MdsError::TooLarge { .. })
    ));
    let cells = [
        Cell::Bytes(1),
        Cell::Bytes(1 << 32),
        Cell::Bytes(1),
        Cell::Bytes(8),
    ];
    assert!(matches!(
        unlimited.row_size(&cells),
        Err(MdsError::TooLarge { .. })
    ));
    let huge = [u64::MAX, 4];
    let cells = [
        Cell::Array(Dtype::Uint32, &huge),
        Cell::Bytes(1),
        Cell::Bytes(1),
        Cell::Bytes(8),
    ];
    assert!(matches!(
        unlimited.row_size(&cells),
        Err(MdsError::Array { .. })
    ));
}

#[test]
fn a_row_that_is_not_what_was_announced_is_taken_back() {
    let schema = Arc::new(
        Schema::of(&[("a", "bytes"), ("b", "bytes")])
            .build()
            .unwrap(),
    );
    let mut builder = ShardBuilder::new(&schema, 1);
    let cells = [Cell::Bytes(2), Cell::Bytes(3)];
    let mut row = builder.row(&cells).unwrap();
    row.append(b"12").unwrap();
    assert!(
        matches!(row.append(b"1234"), Err(MdsError::ValueSize { column, expected: 3, actual: 4 }) if column == "b")
    );
    assert!(matches!(row.finish(), Err(MdsError::ValueSize { .. })));
    assert_eq!(builder.rows(), 0);
    builder
        .push(&[Value::Bytes(b"12"), Value::Bytes(b"345")])
        .unwrap();
    let shard = builder.finish();
    assert_eq!(&shard[shard.len() - 13..], b"\x02\0\0\0\x03\0\0\x0012345");
}

#[test]
fn an_encoded_shard_is_the_file_that_a_writer_writes_and_is_nowhere_before_it_is_put() {
    for compression in [None, Some("zstd:1")] {
        let schema = || {
            let schema = Schema::of(&[("a", "bytes")]).hashes(&["md5"]);
            match compression {
                Some(name) => schema.compression(name),
                None => schema,
            }
            .build()
            .unwrap()
        };
        let written = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(written.path(), schema(), 1).unwrap();
        writer.push(&[Value::Bytes(b"a row of bytes")]).unwrap();
        let shards = writer.finish().unwrap();
        let schema = Arc::new(schema());
        let mut builder = ShardBuilder::new(&schema, 1);
        builder.push(&[Value::Bytes(b"a row of bytes")]).unwrap();
        let raw = builder.finish();
        let folder = tempfile::tempdir().unwrap();
        let mut encoder = ShardEncoder::new(&schema).unwrap();
        let encoded = encoder.encode(&raw, &shard_basename(0)).unwrap();
        let name = encoded.info.file().basename.clone();
        assert_eq!(encoded.info, shards[0]);
        assert_eq!(
            encoded.bytes,
            std::fs::read(written.path().join(&name)).unwrap()
        );
        assert!(!folder.path().join(&name).exists());
        encoded
            .put(
                folder.path(),
                octomed_files::Access::Umask,
                octomed_files::Sync::Now,
            )
            .unwrap();
        assert_eq!(
            std::fs::read(folder.path().join(&name)).unwrap(),
            encoded.bytes
        );
    }
}

#[test]
fn more_rows_than_can_be_counted_are_an_error_and_not_fewer() {
    let shard = |samples: u64| {
        format!(
            r#"{{"column_encodings":["int"],"column_names":["a"],"column_sizes":[8],"compression":null,"format":"mds",
            "hashes":[],"raw_data":{{"basename":"a.mds","bytes":0,"hashes":{{}}}},"samples":{samples},
            "size_limit":null,"version":2,"zip_data":null}}"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let open = |shards: [u64; 2]| {
        let [one, two] = shards.map(shard);
        let index = format!(r#"{{"shards":[{one},{two}],"version":2}}"#);
        std::fs::write(folder.path().join("index.json"), index).unwrap();
        octomed_mds::Reader::open(folder.path()).map(|reader| reader.len())
    };
    assert_eq!(open([3, 4]).unwrap(), 7);
    let error = open([u64::MAX, 1]).err().unwrap();
    assert!(
        error.to_string().contains("more than can be counted"),
        "{error}"
    );
}
