//! A block of a working store: an index of any bytes whose checksum is right, stored ids of any bytes.
#![no_main]

use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use libfuzzer_sys::fuzz_target;
use octomed_curate::{Curate, Duplicates};
use octomed_engine::{Pack, Selection, pack_ids, unpack_ids};
use octomed_index::{BlockRef, SCAN_VERSION, first_refusal, read_header, read_index};
use xxhash_rust::xxh3::xxh3_64;

static FOLDER: LazyLock<std::path::PathBuf> = LazyLock::new(|| octomed_fuzz::folder("block"));

fuzz_target!(init: octomed_fuzz::let_panics_unwind(), |input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    if choice & 1 == 1 {
        ids(*choice, rest);
    } else {
        index(rest);
    }
});

/// What is unpacked is packed to the same bytes, but for ids that were stored in more words than they need.
fn ids(choice: u8, stored: &[u8]) {
    let mut out = vec![0; usize::from(choice >> 1) * 4];
    if !unpack_ids(stored, &mut out) {
        return;
    }
    let ids: Vec<u32> = out
        .as_chunks::<4>()
        .0
        .iter()
        .map(|id| u32::from_le_bytes(*id))
        .collect();
    let mut packed = Vec::new();
    pack_ids(&ids, &mut packed);
    let mut again = vec![0; out.len()];
    assert!(packed.len() <= stored.len() && unpack_ids(&packed, &mut again) && again == out);
}

/// The same index as this version would write it, so that the corpus outlives a new version.
fn of_this_version(bytes: &[u8]) -> Vec<u8> {
    const KEY: &[u8] = b"\"version\":";
    let mut bytes = bytes.to_vec();
    let key = bytes.windows(KEY.len()).position(|window| window == KEY);
    if let Some(digit) = key.and_then(|at| bytes.get_mut(at + KEY.len())) {
        *digit = b'0' + (SCAN_VERSION % 10) as u8;
    }
    bytes
}

fn index(bytes: &[u8]) {
    let path = FOLDER.join("0.index");
    let bytes = &of_this_version(bytes)[..];
    let hashed = [bytes, &xxh3_64(bytes).to_le_bytes()].concat();
    std::fs::write(&path, hashed).expect("room for an index");
    let _ = read_header(&path);
    let _ = first_refusal(&path);
    if read_index(&path).is_err() {
        return;
    }
    let blocks = [BlockRef {
        path: FOLDER.join("0"),
        first_row: 0,
    }];
    let curate = Curate {
        duplicates: Duplicates {
            exact: true,
            ..Duplicates::default()
        },
        ..Curate::default()
    };
    let pack = Pack {
        capacity: 1024,
        buckets: vec![256, 512],
        seed: 1,
        traces_per_image: 4,
        max_patches: Some(4096),
    };
    let _ = Selection::new(&blocks, &curate, pack, 1, &AtomicBool::new(false));
}
