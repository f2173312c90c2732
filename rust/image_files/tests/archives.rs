//! Archives: those of other writers, hostile ones, and many threads at one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use octomed_image_files::{FileFault, FilesError, ImageRoot, Outside};
use proptest::prelude::*;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

const MOST: u64 = 1 << 20;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn open(path: &Path) -> Result<ImageRoot, FilesError> {
    ImageRoot::open(Some(path), Outside::Refuse)
}

/// A folder with an archive of these bytes.
struct Archive(tempfile::TempDir, PathBuf);

impl Archive {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Self(folder, path)
    }

    fn open(&self) -> Result<ImageRoot, FilesError> {
        assert!(self.0.path().exists());
        open(&self.1)
    }
}

fn read(root: &ImageRoot, path: &str) -> Result<Vec<u8>, FileFault> {
    root.read(path, MOST).map(|found| {
        assert_eq!(found.file, None);
        found.bytes
    })
}

/// The members that `make.py` writes.
fn members() -> BTreeMap<String, Vec<u8>> {
    let long = format!("deep/{}/{}.jpg", "x".repeat(120), "y".repeat(90));
    let members: [(&str, Vec<u8>); 5] = [
        ("a.jpg", b"first".to_vec()),
        ("images/b c.png", b"second ".repeat(500)),
        ("images/é医.png", b"third".to_vec()),
        ("empty.png", vec![]),
        (&long, b"long".to_vec()),
    ];
    members.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

#[test]
fn archives_that_python_writes_are_read() {
    let names = [
        "deflated.zip",
        "comment.zip",
        "zip64.zip",
        "stream.zip",
        "ustar.tar",
        "gnu.tar",
        "pax.tar",
    ];
    for name in names {
        let root = open(&data(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (path, bytes) in members() {
            assert_eq!(read(&root, &path).unwrap(), bytes, "{name} {path}");
            let odd = format!("./x/..//{}", path.replace('/', "/./"));
            assert_eq!(read(&root, &odd).unwrap(), bytes, "{name} {odd}");
            let absolute = format!("{}/{path}", data(name).display());
            assert_eq!(read(&root, &absolute).unwrap(), bytes, "{name} {absolute}");
        }
        for path in [
            "images", "images/", "A.jpg", "a.jpg/", "", ".", "b.png", "../a.jpg", "/a.jpg",
            "a.jpg\0",
        ] {
            let fault = read(&root, path).unwrap_err();
            let leaves = matches!(path, "../a.jpg" | "/a.jpg");
            assert_eq!(
                matches!(fault, FileFault::OutsideRoot(_)),
                leaves,
                "{name} {path}: {fault}"
            );
            assert_eq!(
                matches!(fault, FileFault::Missing(_)),
                !leaves,
                "{name} {path}: {fault}"
            );
        }
        assert!(
            matches!(root.read("a.jpg", 4), Err(FileFault::TooLarge(5))),
            "{name}"
        );
    }
}

#[test]
fn links_in_a_tar_are_read_or_said() {
    for name in ["ustar.tar", "gnu.tar", "pax.tar"] {
        let root = open(&data(name)).unwrap();
        assert_eq!(read(&root, "same.jpg").unwrap(), b"first");
        assert!(matches!(
            read(&root, "lost.jpg"),
            Err(FileFault::Missing(_))
        ));
        assert!(
            read(&root, "link.jpg")
                .unwrap_err()
                .to_string()
                .contains("is a link")
        );
        assert!(matches!(read(&root, "pipe"), Err(FileFault::Missing(_))));
    }
}

#[test]
fn folders_may_be_left_out_where_one_member_fits() {
    let root = open(&data("deflated.zip")).unwrap();
    assert_eq!(read(&root, "images/a.jpg").unwrap(), b"first");
    assert_eq!(read(&root, "b c.png").unwrap(), b"second ".repeat(500));
    assert!(read(&root, "other/b c.png").is_err());
    let twice = zip_of(&[
        ("x/a.jpg", b"1", true),
        ("y/a.jpg", b"2", true),
        ("b.jpg", b"3", true),
    ]);
    let archive = Archive::new("t.zip", &twice);
    let root = archive.open().unwrap();
    let fault = read(&root, "a.jpg").unwrap_err();
    assert!(
        matches!(&fault, FileFault::Missing(what) if what.contains("several")),
        "{fault}"
    );
    assert_eq!(read(&root, "images/x/a.jpg").unwrap(), b"1");
    let paths = [archive.1.as_path(), &data("deflated.zip")];
    let both = ImageRoot::open_all(paths, Outside::Refuse).unwrap();
    assert_eq!(
        read(&both, "a.jpg").unwrap(),
        b"first",
        "a whole name comes before part of one"
    );
    assert_eq!(read(&both, "b.jpg").unwrap(), b"3");
    assert_ne!(both.fingerprint(), root.fingerprint());
}

#[test]
fn what_is_no_archive_of_ours_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, what) in [
        ("a.tar.gz", &b"\x1f\x8b\x08"[..], "compressed by gzip"),
        ("a.zst", b"\x28\xb5\x2f\xfd", "compressed by zstd"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        ("a.bin", b"nothing of this", "another kind"),
        ("a", b"", "another kind"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, FilesError::Kind { .. }), "{error}");
        assert!(
            error.to_string().contains(what) && error.hint().unwrap().contains("unpack"),
            "{error}"
        );
    }
    let absent = open(&folder.path().join("absent")).unwrap_err();
    assert!(matches!(absent, FilesError::NotThere(_)) && absent.hint().is_some());
    for (name, bytes) in [
        ("b.zip", &b"no zip"[..]),
        ("b.tar", b"no tar"),
        ("c.tar", &[1; 512]),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert!(
            matches!(open(&path), Err(FilesError::Damaged { .. })),
            "{name}"
        );
    }
    let path = folder.path().join("empty.tar");
    fs::write(&path, [0; 1024]).unwrap();
    assert!(matches!(
        read(&open(&path).unwrap(), "a"),
        Err(FileFault::Missing(_))
    ));
    assert!(
        read(&open(&data("lzma.zip")).unwrap(), "a.jpg")
            .unwrap_err()
            .to_string()
            .contains("lzma")
    );
}

/// An archive of names, contents, and whether these are stored.
fn zip_of(members: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes, stored) in members {
        let method = if *stored {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const ENTRY: &[u8] = b"PK\x01\x02";

/// Where the directory's entries begin.
fn entries(bytes: &[u8]) -> Vec<usize> {
    let starts = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, four)| *four == ENTRY);
    starts.map(|(at, _)| at).collect()
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn damage_of(bytes: &[u8], path: &str) -> String {
    let archive = Archive::new("h.zip", bytes);
    match read(&archive.open().unwrap(), path) {
        Err(FileFault::Damaged(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hostile_members_are_said() {
    let zeros = vec![0; 100_000];
    for stored in [true, false] {
        let good = zip_of(&[
            ("a", &zeros, stored),
            ("b", b"xyz", stored),
            ("c", b"", stored),
        ]);
        let [first, second, _] = entries(&good)[..] else {
            panic!("three entries")
        };
        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            bytes
        };
        let claims = |size| changed(&|bytes| put(bytes, first + 24, size));
        let archive = Archive::new("h.zip", &claims(u32::MAX - 1));
        let refused = archive.open().unwrap().read("a", MOST);
        assert!(matches!(
            refused,
            Err(FileFault::TooLarge(_) | FileFault::Damaged(_))
        ));
        damage_of(&claims(99_999), "a");
        damage_of(&claims(100_001), "a");
        assert!(damage_of(&changed(&|bytes| put(bytes, first + 16, 7)), "a").contains("checksum"));
        assert!(damage_of(&changed(&|bytes| bytes[first + 8] |= 1), "a").contains("encrypted"));
        let other = if stored { 8 } else { 0 };
        damage_of(&changed(&|bytes| bytes[first + 10] = other), "a");
        assert!(damage_of(&changed(&|bytes| bytes[first + 10] = 93), "a").contains("zstd"));
        let same = changed(&|bytes| put(bytes, second + 42, 0));
        assert!(damage_of(&same, "a").contains("overlaps"));
        assert!(damage_of(&same, "b").contains("overlaps"));
        let long = changed(&|bytes| put(bytes, first + 20, 90_000_000));
        damage_of(&long, "a");
        let link = changed(&|bytes| {
            bytes[first + 5] = 3;
            put(bytes, first + 38, 0xA1FF_0000);
        });
        assert!(damage_of(&link, "a").contains("link"));
        let twice = changed(&|bytes| bytes[second + 46] = b'a');
        assert!(damage_of(&twice, "a").contains("several"));
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_inflated() {
    let bomb = zip_of(&[("a", &vec![0; 50 << 20], false)]);
    assert!(bomb.len() < 1 << 17);
    let archive = Archive::new("bomb.zip", &bomb);
    let root = archive.open().unwrap();
    assert!(matches!(root.read("a", 1 << 20), Err(FileFault::TooLarge(size)) if size == 50 << 20));
    let mut lies = bomb.clone();
    let [entry] = entries(&lies)[..] else {
        panic!("one entry")
    };
    put(&mut lies, entry + 24, 1000);
    assert!(damage_of(&lies, "a").contains("more bytes"));
}

#[test]
fn many_threads_read_one_archive() {
    let contents: Vec<(String, Vec<u8>)> = (0..200_u32)
        .map(|n| {
            (
                format!("d{}/{n}.png", n % 7),
                format!("{n} ").repeat(n as usize * 20).into_bytes(),
            )
        })
        .collect();
    let members: Vec<_> = contents
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice(), bytes.len() % 3 == 0))
        .collect();
    let archive = Archive::new("m.zip", &zip_of(&members));
    let root = archive.open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (root, contents) = (&root, &contents);
            scope.spawn(move || {
                for step in 0..contents.len() {
                    let (name, bytes) = &contents[(step * 37 + thread * 11) % contents.len()];
                    assert_eq!(&read(root, name).unwrap(), bytes);
                }
            });
        }
    });
}

#[test]
fn a_fingerprint_tells_archives_apart() {
    let print = |bytes: &[u8]| {
        let archive = Archive::new("f.zip", bytes);
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        fs::File::options()
            .write(true)
            .open(&archive.1)
            .unwrap()
            .set_modified(time)
            .unwrap();
        archive.open().unwrap().fingerprint().unwrap()
    };
    let one = zip_of(&[("a", b"1", true)]);
    assert_eq!(print(&one), print(&one));
    assert_ne!(print(&one), print(&zip_of(&[("a", b"2", true)])));
    assert_ne!(print(&one), print(&zip_of(&[("b", b"1", true)])));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(folder.path()).unwrap().fingerprint(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is cut off or flipped: what is read is what was written, or an error.
    #[test]
    fn damage_gives_the_bytes_or_an_error(
        which in prop::sample::select(vec!["deflated.zip", "comment.zip", "zip64.zip", "stream.zip", "ustar.tar", "gnu.tar", "pax.tar"]),
        cut in prop::option::of(any::<prop::sample::Index>()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 0..4),
    ) {
        let mut bytes = fs::read(data(which)).unwrap();
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (place, flip) in flips {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] ^= flip;
            }
        }
        let archive = Archive::new(which, &bytes);
        if let Ok(root) = archive.open() {
            for (path, written) in members() {
                if let Ok(found) = read(&root, &path) {
                    // A .tar has no checksums of its members' data.
                    prop_assert!(found == written || (which.ends_with("tar")), "{}", path);
                }
            }
        }
    }

    #[test]
    fn archives_of_another_writer_are_read(
        members in prop::collection::btree_map("[a-z0-9/é. ]{1,20}[a-z]", (prop::collection::vec(any::<u8>(), 0..3000), any::<bool>()), 0..20)
    ) {
        let members: Vec<(String, (Vec<u8>, bool))> = members.into_iter().filter(|(name, _)| !name.starts_with('/') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))).collect();
        let written: Vec<_> = members.iter().map(|(name, (bytes, stored))| (name.as_str(), bytes.as_slice(), *stored)).collect();
        let archive = Archive::new("w.zip", &zip_of(&written));
        let root = archive.open().unwrap();
        for (name, (bytes, _)) in &members {
            prop_assert_eq!(&read(&root, name).unwrap(), bytes);
        }
    }
}
