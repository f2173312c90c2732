//! What a row says of its image, and archives from elsewhere.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use octomed_image_files::{ImageRoot, Outside};

const MOST: u64 = 1 << 16;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("octomed-fuzz-{}", std::process::id())));

// The first byte chooses the kind: a value, a `.zip`, a `.tar`.
fuzz_target!(|input: &[u8]| {
    let [kind, rest @ ..] = input else { return };
    if kind % 3 == 0 {
        let value = String::from_utf8_lossy(rest);
        let found = ImageRoot::default().read(&value, MOST);
        assert!(found.map_or(true, |found| found.bytes.len() as u64 <= MOST));
        return;
    }
    let path = FILE.with_extension(if kind % 3 == 1 { "zip" } else { "tar" });
    if std::fs::write(&path, rest).is_err() {
        return;
    }
    let Ok(root) = ImageRoot::open(Some(&path), Outside::Refuse) else {
        return;
    };
    for name in ["a.png", "b/a.png", "images/b.png", "é.png", "link"] {
        if let Ok(found) = root.read(name, MOST) {
            assert!(found.bytes.len() as u64 <= MOST && found.file.is_none());
        }
    }
});
