//! Tar shards: members of one key are a row, however the bytes arrive and whatever is damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{cases, findings, mapping};
use octomed_trace::{Block, Finding, Mapping, ShardCutter, TraceError};
use proptest::prelude::*;

const PAIR: &str =
    r#"{"question": "q", "response": "r", "images": {"any_of": ["jpg"], "optional": true}}"#;

/// A member: its name, its kind, and its data.
type Member<'a> = (&'a str, u8, &'a [u8]);

fn header(name: &str, kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().copied().map(u64::from).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, data) in members {
        bytes.extend(header(name, *kind, data.len()));
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn cut(
    bytes: &[u8],
    mapping: &Mapping,
    piece: usize,
    target: u64,
) -> Result<Vec<Block>, TraceError> {
    let mut cutter = ShardCutter::new(mapping, target).with_max_row_bytes(4096);
    let mut blocks = Vec::new();
    for chunk in bytes.chunks(piece.max(1)) {
        blocks.extend(cutter.feed(chunk)?);
    }
    blocks.extend(cutter.finish()?);
    Ok(blocks)
}

/// Each row in a word: the question and its images, or the reason and detail of its refusal.
fn read(members: &[Member<'_>], mapping: &Mapping) -> Vec<String> {
    let mut found = Vec::new();
    for block in cut(&archive(members), mapping, 700, 1 << 20).unwrap() {
        let read = block.for_each(mapping, |finding| {
            found.push(match finding {
                Finding::Row(row) => format!("{} {:?}", row.position, row.images),
                Finding::Refused(no) => format!("{}: {}", no.reason.as_str(), no.detail),
            });
            Ok::<(), std::convert::Infallible>(())
        });
        read.unwrap();
    }
    found
}

const ROW: &[u8] = br#"{"q": "Why?", "r": "So."}"#;
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 as one begins";

#[test]
fn members_of_a_key_are_a_row_in_any_order() {
    let mapping = mapping(PAIR);
    let found = read(
        &[
            ("d/", b'5', b""),
            ("d/1.jpg", b'0', JPEG),
            ("d/1.json", b'0', ROW),
            ("__meta__/x.json", b'0', b"{}"),
            ("../../2.JSON", 0, ROW),
            ("LICENSE", b'0', b"free"),
            ("3.txt", b'0', b"no row"),
        ],
        &mapping,
    );
    assert_eq!(found.len(), 3);
    assert!(
        found[0].starts_with("0 [ImageRef") && found[0].contains("Bytes(18)"),
        "{found:?}"
    );
    assert_eq!(found[1], "1 []");
    assert!(found[2].starts_with("missing_field"), "{found:?}");
}

#[test]
fn what_is_not_a_file_refuses_its_row_and_no_other() {
    let mapping = mapping(PAIR);
    for (kind, what) in [
        (b'1', "a link"),
        (b'2', "a link"),
        (b'3', "a device"),
        (b'6', "a device"),
        (b'S', "a file with holes"),
        (b'M', "of a kind"),
    ] {
        let members: [Member<'_>; 4] = [
            ("1.json", b'0', ROW),
            ("1.jpg", kind, b""),
            ("1.txt", b'0', b"more of it"),
            ("2.json", b'0', ROW),
        ];
        let found = read(&members, &mapping);
        assert!(
            found[0].starts_with("wrong_type") && found[0].contains(what),
            "{found:?}"
        );
        assert_eq!(found[1..], ["1 []"]);
    }
}

#[test]
fn what_a_row_says_twice_refuses_it() {
    let pair = mapping(r#"{"question": "q", "response": "txt"}"#);
    let twice = read(
        &[
            ("1.json", b'0', ROW),
            ("1.txt", b'0', b"a"),
            ("1.TXT", b'0', b"b"),
        ],
        &pair,
    );
    assert_eq!(twice, ["duplicate_key: the row has two members `txt`"]);
    let also = br#"{"q": "Why?", "txt": "So."}"#;
    let both = read(&[("1.json", b'0', also), ("1.txt", b'0', b"a")], &pair);
    assert_eq!(
        both,
        ["duplicate_key: `txt` is a member of the row and a key of its `.json`"]
    );
}

#[test]
fn a_picture_that_nobody_maps_is_found_and_the_name_of_its_own_is_none() {
    let text = mapping(r#"{"question": "q", "response": "r"}"#);
    let unmapped = read(&[("1.json", b'0', ROW), ("1.png", b'0', JPEG)], &text);
    assert!(unmapped[0].starts_with("has_image"), "{unmapped:?}");
    let named = br#"{"q": "Why?", "r": "So.", "file_name": "a/1.jpg"}"#;
    let own = [("d/1.json", b'0', &named[..]), ("d/1.jpg", b'0', JPEG)];
    assert!(read(&own, &mapping(PAIR))[0].starts_with("0 [ImageRef"));
    let other = [("2.json", b'0', &named[..]), ("2.jpg", b'0', JPEG)];
    assert!(read(&other, &mapping(PAIR))[0].starts_with("has_image"));
}

#[test]
fn texts_classes_and_keys_are_columns() {
    let by_name = mapping(r#"{"id": "__key__", "question": "left.txt", "response": "cls"}"#);
    let members: [Member<'_>; 2] = [
        ("a/7.left.txt", b'0', b"Why?\n"),
        ("a/7.cls", b'0', b" 3\n"),
    ];
    let block = &cut(&archive(&members), &by_name, 1, 1 << 20).unwrap()[0];
    let found = findings(block, &by_name);
    assert!(
        found[0].contains(r#"id: Some("a/7")"#) && found[0].contains(r#""Why?\n""#),
        "{found:?}"
    );
    assert!(found[0].contains(r#"response: "3""#), "{found:?}");
    assert_eq!(
        block.top_level_keys(9).unwrap(),
        ["__key__", "left.txt", "cls"]
    );
    let bad = read(
        &[("1.left.txt", b'0', b"\xff"), ("1.cls", b'0', b"3")],
        &by_name,
    );
    assert_eq!(bad, ["invalid_utf8: byte 0 of the value in `left.txt`"]);
}

#[test]
fn a_row_that_is_too_large_is_refused_and_not_kept() {
    let mapping = mapping(PAIR);
    let large = vec![b'x'; 5000];
    let members: [Member<'_>; 3] = [
        ("1.json", b'0', ROW),
        ("1.jpg", b'0', &large),
        ("2.json", b'0', ROW),
    ];
    let blocks = cut(&archive(&members), &mapping, 700, 1 << 20).unwrap();
    assert!(blocks[0].memory() < 64 << 10, "{}", blocks[0].memory());
    let found = read(&members, &mapping);
    assert!(found[0].starts_with("row_too_large"), "{found:?}");
    assert_eq!(found[1], "1 []");
    let many: Vec<String> = (0..1100).map(|number| format!("1.{number}")).collect();
    let many: Vec<Member<'_>> = many.iter().map(|name| (&**name, b'0', &b""[..])).collect();
    assert!(read(&many, &mapping)[0].starts_with("row_too_large"));
}

#[test]
fn damage_and_scattered_keys_are_errors_of_the_archive() {
    let mapping = mapping(PAIR);
    let whole = archive(&[("1.json", b'0', ROW), ("2.json", b'0', ROW)]);
    let fault = |bytes: &[u8]| cut(bytes, &mapping, 700, 1 << 20).unwrap_err().to_string();
    for length in [0, 100, 512, 530, 1024, 2048] {
        assert!(fault(&whole[..length]).contains("cut off"), "{length}");
    }
    assert!(
        cut(&whole[..2560], &mapping, 700, 1 << 20).is_ok(),
        "one block of zeros is an end"
    );
    assert!(fault(&[&whole[..], &whole[..]].concat()).contains("two archives"));
    let mut flipped = whole.clone();
    flipped[3] ^= 1;
    assert!(
        fault(&flipped).contains("byte 512 of the archive"),
        "{}",
        fault(&flipped)
    );
    let scattered: [Member<'_>; 3] = [
        ("1.json", b'0', ROW),
        ("2.json", b'0', ROW),
        ("1.jpg", b'0', JPEG),
    ];
    assert!(fault(&archive(&scattered)).contains("members of `1` stand in two places"));
    let long = archive(&[("x", b'L', &[b'n'; 5000]), ("1.json", b'0', ROW)]);
    assert!(fault(&long).contains("larger than any file's"));
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn rows_are_the_same_however_the_bytes_arrive(
        rows in prop::collection::vec((0_usize..3, 0_usize..900), 0..12), piece in 1_usize..3000, target in 1_u64..4000
    ) {
        let mapping = mapping(PAIR);
        let image: Vec<u8> = JPEG.iter().copied().cycle().take(900).collect();
        let names: Vec<String> = (0..rows.len()).map(|row| format!("{row}.j")).collect();
        let names: Vec<(String, String)> = names.iter().map(|name| (format!("{name}son"), format!("{name}pg"))).collect();
        let mut members: Vec<Member<'_>> = Vec::new();
        for ((kind, size), (json, jpg)) in rows.iter().zip(&names) {
            members.push((json, b'0', if *kind == 1 { b"{" } else { ROW }));
            if *kind != 2 {
                members.push((jpg, b'0', &image[..*size]));
            }
        }
        let bytes = archive(&members);
        let all = |blocks: Vec<Block>| -> Vec<String> {
            blocks.iter().flat_map(|block| findings(block, &mapping)).collect()
        };
        let whole = all(cut(&bytes, &mapping, bytes.len(), u64::MAX).unwrap());
        prop_assert_eq!(whole.len(), rows.len());
        prop_assert_eq!(&whole, &all(cut(&bytes, &mapping, piece, target).unwrap()));
    }

    #[test]
    fn whatever_stands_there_ends(
        mut bytes in Just(archive(&[("1.json", b'0', ROW), ("x", b'x', b"15 path=2.json\n"), ("1.jpg", b'0', JPEG)])),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), piece in 1_usize..900
    ) {
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mapping = mapping(PAIR);
        let once = cut(&bytes, &mapping, bytes.len(), 100);
        let pieces = cut(&bytes, &mapping, piece, 100);
        let shown = |found: Result<Vec<Block>, TraceError>| {
            found.map(|blocks| blocks.iter().flat_map(|block| findings(block, &mapping)).collect::<Vec<_>>())
        };
        prop_assert_eq!(shown(once), shown(pieces));
    }
}
