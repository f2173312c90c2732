//! Folders: which paths are opened, and what is at them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_image_files::{FileFault, Found, ImageRoot, Outside};
use proptest::prelude::*;
use proptest::sample::select;

const MOST: u64 = 1 << 20;

/// `root` with some files, a secret beside it, and links.
fn folder() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    let root = top.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::create_dir_all(root.join("~")).unwrap();
    fs::create_dir_all(top.path().join("blobs/deep")).unwrap();
    for (path, content) in [
        ("root/x.png", "x"),
        ("root/a/y.png", "y"),
        ("root/a/b/z z.png", "z"),
        ("root/back\\slash.png", "s"),
        ("root/~/h.png", "h"),
        ("secret.png", "secret"),
        ("blobs/deep/blob", "blob"),
        ("blobs/other", "secret"),
    ] {
        fs::write(top.path().join(path), content).unwrap();
    }
    symlink("../blobs/deep/blob", root.join("linked.png")).unwrap();
    symlink("../../blobs/deep", root.join("a/folder")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("nowhere", root.join("dangling.png")).unwrap();
    top
}

fn open(top: &tempfile::TempDir, outside: Outside) -> ImageRoot {
    ImageRoot::open(Some(&top.path().join("root")), outside).unwrap()
}

fn content(found: Result<Found, FileFault>) -> String {
    String::from_utf8(found.unwrap().bytes).unwrap()
}

fn kind(found: Result<Found, FileFault>) -> &'static str {
    match found {
        Ok(_) => "found",
        Err(FileFault::Missing(_)) => "missing",
        Err(FileFault::OutsideRoot(_)) => "outside",
        Err(FileFault::Url(_)) => "url",
        Err(FileFault::TooLarge(_)) => "large",
        Err(FileFault::Damaged(_)) => "damaged",
        Err(FileFault::Io(_)) => "io",
    }
}

#[test]
fn paths_below_the_root_are_read() {
    let top = folder();
    let root = open(&top, Outside::Refuse);
    let absolute = top.path().join("root").display().to_string();
    for (path, expected) in [
        ("x.png", "x"),
        ("./a//y.png", "y"),
        ("a/b/../y.png", "y"),
        ("a/b/z z.png", "z"),
        ("back\\slash.png", "s"),
        ("linked.png", "blob"),
        ("a/folder/blob", "blob"),
        ("~/h.png", "h"),
        (&format!("{absolute}/x.png"), "x"),
        (&format!("/{absolute}/./a/../x.png"), "x"),
        (&format!("file://{absolute}/a/b/z%20z.png"), "z"),
        ("data:text/plain,inline", "inline"),
    ] {
        assert_eq!(content(root.read(path, MOST)), expected, "{path}");
    }
    let found = root.read("./a//y.png", MOST).unwrap();
    let stamp = found.file.unwrap();
    assert_eq!((stamp.path.as_str(), stamp.size), ("a/y.png", 1));
    assert_eq!(root.stamp("a/y.png").unwrap(), stamp);
    fs::write(top.path().join("root/a/y.png"), "yy").unwrap();
    assert_ne!(root.stamp("a/y.png").unwrap(), stamp);
    fs::remove_file(top.path().join("root/a/y.png")).unwrap();
    assert!(matches!(root.stamp("a/y.png"), Err(FileFault::Missing(_))));
}

#[test]
fn each_refusal_is_told() {
    let top = folder();
    let root = open(&top, Outside::Refuse);
    let secret = top.path().join("secret.png").display().to_string();
    let deep = top.path().join("root/../secret.png").display().to_string();
    for (path, expected) in [
        ("../secret.png", "outside"),
        ("a/../../secret.png", "outside"),
        ("a/folder/../other", "outside"),
        ("a\\..\\..\\secret.png", "outside"),
        ("C:\\secret.png", "outside"),
        ("\\\\host\\share\\secret.png", "outside"),
        (&secret, "outside"),
        (&deep, "outside"),
        (&format!("file://{secret}"), "outside"),
        ("/etc/passwd", "outside"),
        ("/dev/zero", "outside"),
        ("~/.ssh/id_rsa", "outside"),
        ("~root/x.png", "outside"),
        ("X.PNG", "missing"),
        ("absent/../x.png", "missing"),
        ("x.png/../x.png", "missing"),
        ("x.png/", "missing"),
        ("x.png/y", "missing"),
        ("a", "missing"),
        ("a/", "missing"),
        ("", "missing"),
        (".", "missing"),
        ("loop", "missing"),
        ("dangling.png", "missing"),
        ("x.png\0", "missing"),
        (&"n".repeat(300), "missing"),
        ("https://example.org/x.png", "url"),
        ("s3://bucket/x.png", "url"),
        ("file://host/x.png", "url"),
        ("data:image/png;base64,????", "damaged"),
    ] {
        assert_eq!(kind(root.read(path, MOST)), expected, "{path}");
    }
    assert!(matches!(
        root.read("linked.png", 3),
        Err(FileFault::TooLarge(4))
    ));
    assert!(root.read("linked.png", 4).is_ok());
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let top = folder();
    let pipe = top.path().join("root/pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    symlink("/dev/zero", top.path().join("root/zero")).unwrap();
    symlink("/proc/self/status", top.path().join("root/status")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(top.path().join("root/socket")).unwrap();
    let root = open(&top, Outside::Refuse);
    for path in ["pipe", "zero", "socket"] {
        assert_eq!(kind(root.read(path, MOST)), "missing", "{path}");
    }
    assert_eq!(
        kind(root.read("status", MOST)),
        "damaged",
        "it says that it is empty"
    );
    drop(socket);
}

#[test]
fn paths_elsewhere_are_read_where_that_is_allowed() {
    let top = folder();
    let secret = top.path().join("secret.png").display().to_string();
    let root = open(&top, Outside::Allow);
    for path in [
        "../secret.png",
        &secret,
        "a/folder/../other",
        &format!("file://{secret}"),
    ] {
        let found = root.read(path, MOST).unwrap();
        assert_eq!(found.bytes, b"secret", "{path}");
        let stamp = found.file.unwrap();
        assert_eq!(root.stamp(&stamp.path).unwrap(), stamp);
    }
    assert_eq!(kind(root.read("/dev/zero", MOST)), "missing");
    assert_eq!(kind(root.read("~/x", MOST)), "missing");
    let none = ImageRoot::open(None, Outside::Allow).unwrap();
    assert_eq!(content(none.read(&secret, MOST)), "secret");
    assert_eq!(kind(none.read("secret.png", MOST)), "missing");
    let none = ImageRoot::default();
    assert_eq!(kind(none.read(&secret, MOST)), "outside");
    assert_eq!(kind(none.read("x.png", MOST)), "missing");
    assert_eq!(content(none.read("data:,a", MOST)), "a");
}

#[test]
fn several_roots_are_searched_in_order() {
    let (first, second) = (folder(), folder());
    fs::remove_file(first.path().join("root/x.png")).unwrap();
    fs::write(second.path().join("root/a/y.png"), "second").unwrap();
    let paths = [first.path().join("root"), second.path().join("root")];
    let root =
        ImageRoot::open_all(paths.iter().map(|path| path.as_path()), Outside::Refuse).unwrap();
    assert_eq!(content(root.read("x.png", MOST)), "x");
    assert_eq!(content(root.read("a/y.png", MOST)), "y");
    let absolute = paths[1].join("a/y.png").display().to_string();
    assert_eq!(content(root.read(&absolute, MOST)), "second");
    assert_eq!(kind(root.read("../x.png", MOST)), "outside");
    assert_eq!(kind(root.read("none.png", MOST)), "missing");
}

/// A file that is written while it is read is all of one time, or damaged.
#[test]
fn a_file_that_grows_or_shrinks_is_damaged() {
    let top = folder();
    let path = top.path().join("root/x.png");
    let root = open(&top, Outside::Refuse);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = fs::File::options().write(true).open(&path).unwrap();
            for size in (0..).map(|n| 1 + n % 2 * 400_000) {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                file.set_len(size).unwrap();
            }
        });
        for _ in 0..2000 {
            match root.read("x.png", MOST) {
                Ok(found) => assert_eq!(found.bytes.len() as u64, found.file.unwrap().size),
                Err(fault) => assert!(matches!(fault, FileFault::Damaged(_)), "{fault}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However a path is put together, the secret beside the root is not read, and what is read is below the root.
    #[test]
    fn no_path_reads_what_is_beside_the_root(
        parts in prop::collection::vec(select(vec!["..", ".", "", "a", "b", "folder", "x.png", "secret.png", "root", "other", "..\\..", "~"]), 0..8),
        prefix in select(vec!["", "/", "//", "file://", "ROOT/", "file://ROOT/", "file:ROOT/"]),
        escaped in any::<bool>(),
    ) {
        let top = &*FOLDER;
        let root = open(top, Outside::Refuse);
        let mut path = parts.join("/");
        if escaped {
            path = path.replace('.', "%2e").replace('/', "%2F");
        }
        let prefix = prefix.replace("ROOT", top.path().join("root").to_str().unwrap());
        if let Ok(found) = root.read(&(prefix + &path), MOST) {
            prop_assert_ne!(&found.bytes, b"secret");
            let real = fs::canonicalize(top.path().join("root").join(Path::new(&found.file.unwrap().path))).unwrap();
            prop_assert_eq!(fs::read(real).unwrap(), found.bytes);
        }
    }
}

static FOLDER: std::sync::LazyLock<tempfile::TempDir> = std::sync::LazyLock::new(folder);
