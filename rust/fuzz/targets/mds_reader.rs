//! A folder of MDS shards from elsewhere: any `index.json` over any bytes.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use octomed_mds::{INDEX_NAME, Index, MdsError, Reader, verify};
use octomed_pack::ImageRules;

const IMAGES: ImageRules = ImageRules { token: 7, merge: 2 };

static FOLDER: LazyLock<std::path::PathBuf> = LazyLock::new(|| octomed_fuzz::folder("mds"));

// Index and shard, parted by the first zero byte.
fuzz_target!(init: octomed_fuzz::let_panics_unwind(), |input: &[u8]| {
    let Some(middle) = input.iter().position(|&byte| byte == 0) else {
        return;
    };
    let (index, shard) = (&input[..middle], &input[middle + 1..]);
    let folder = FOLDER.as_path();
    std::fs::write(folder.join(INDEX_NAME), index).expect("room for an index");
    for name in names(folder) {
        std::fs::write(folder.join(name), shard).expect("room for a shard");
    }
    let _ = read(folder);
    let _ = verify(folder, 1);
    let _ = octomed_engine::check_shard(folder, 0, 1000, 1000, None);
    let _ = octomed_engine::check_shard(folder, 0, 1000, 1000, Some(IMAGES));
    let _ = octomed_engine::read_pack(folder, 0);
});

/// Files that the index names, less any that would lead out of the folder: those the reader must refuse.
fn names(folder: &Path) -> Vec<String> {
    let Ok(index) = Index::read(folder) else {
        return Vec::new();
    };
    let files = index
        .shards
        .iter()
        .take(4)
        .map(|shard| shard.file().basename.clone());
    files
        .inspect(|name| {
            assert!(
                !name.contains('/') && name != "..",
                "{name} leads out of its folder"
            )
        })
        .filter(|name| name.len() < 100 && name != INDEX_NAME && !name.contains('\0'))
        .collect()
}

fn read(folder: &Path) -> Result<(), MdsError> {
    let reader = Reader::open(folder)?;
    let _ = (reader.is_empty(), reader.locate(0));
    for number in 0..reader.shards().len().min(4) {
        let _ = reader.check_written(number);
        let Ok(shard) = reader.shard(number) else {
            continue;
        };
        for row in 0..shard.len().min(50) {
            let Ok(row) = shard.row(row) else { continue };
            let _ = row.columns();
            for name in shard.schema().names() {
                let _ = row
                    .array(name)
                    .map(|array| (array.to_u32(), array.to_u64()));
            }
        }
    }
    Ok(())
}
