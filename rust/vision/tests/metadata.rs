//! Metadata is found, and removed without a change of pixels or orientation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{file, names, white, window};
use octomed_vision::{Fault, decode, has_metadata, read_header, strip_metadata};

/// The sample files that have some.
const TELLING: [&str; 14] = [
    "behind_the_end.jpg",
    "behind_the_end.png",
    "comment.gif",
    "comment.jpg",
    "metadata.webp",
    "text.png",
    "turned_both.jpg",
    "turned_raw.png",
    "turned_xmp.jpg",
    "turned_xmp.png",
    "turned_xmp.webp",
    "gray.jpg with EXIF",
    "lossy_80.webp with a tail",
    "plain.gif with a tail",
];

#[test]
fn metadata_is_found() {
    for name in names() {
        assert_eq!(
            has_metadata(&file(&name)),
            TELLING.contains(&name.as_str()),
            "{name}"
        );
    }
    for name in ["lossy_80.webp", "plain.gif"] {
        let bytes = file(name);
        assert!(has_metadata(&[&bytes[..], b"tail"].concat()), "{name}");
        assert!(
            !has_metadata(&[&bytes[..], &[0; 9]].concat()),
            "{name}, zeros"
        );
    }
}

#[test]
fn what_is_stripped_has_the_same_pixels_and_no_metadata() {
    for name in names() {
        let bytes = file(&name);
        let stripped = strip_metadata(&bytes).unwrap();
        assert!(!has_metadata(&stripped), "{name}");
        assert_eq!(read_header(&stripped), read_header(&bytes), "{name}");
        for rules in [window(), white()] {
            assert_eq!(decode(&stripped, &rules), decode(&bytes, &rules), "{name}");
        }
        assert_eq!(strip_metadata(&stripped).unwrap(), stripped, "{name}");
        assert!(stripped.len() <= bytes.len() + 26, "{name}");
    }
}

#[test]
fn nothing_of_it_stays() {
    for (name, words) in [
        ("comment.jpg", ["of a patient"; 3]),
        ("comment.gif", ["of a patient"; 3]),
        ("text.png", ["a name", "Patient", "tIME"]),
        ("metadata.webp", ["me\0", "xmpmeta", "EXIF\0"]),
        ("behind_the_end.jpg", ["more bytes"; 3]),
        ("turned_xmp.png", ["xmpmeta"; 3]),
    ] {
        let stripped = strip_metadata(&file(name)).unwrap();
        for word in words {
            let found = stripped
                .windows(word.len())
                .any(|part| part == word.as_bytes());
            assert!(!found, "{word} in {name}");
        }
    }
}

#[test]
fn colour_profiles_stay() {
    for name in ["comment.jpg", "metadata.webp"] {
        let stripped = strip_metadata(&file(name)).unwrap();
        assert!(stripped.windows(7).any(|part| part == b"profile"), "{name}");
    }
    let stripped = strip_metadata(&file("profile.png")).unwrap();
    assert!(stripped.windows(4).any(|part| part == b"iCCP"));
}

#[test]
fn exif_of_more_than_the_orientation_counts() {
    let bytes = file("metadata.webp");
    assert!(has_metadata(&bytes));
    let jpeg = file("turned_6.jpg");
    assert!(!has_metadata(&jpeg));
    let at = jpeg.windows(6).position(|six| six == b"Exif\0\0").unwrap() + 6;
    // Another tag than that of the orientation; a directory behind the first, as of a thumbnail.
    for offset in [11, 25] {
        let mut changed = jpeg.clone();
        changed[at + offset] ^= 1;
        assert!(has_metadata(&changed), "byte {offset}");
    }
}

/// A TIFF with one more entry in its first directory, which is put to its end: `value` behind it, and `after` as the
/// place of the next page.
fn with_entry(bytes: &[u8], tag: u16, kind: u16, value: &[u8], after: u32) -> Vec<u8> {
    let big = bytes.starts_with(b"MM");
    let two = |number: u16| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let four = |number: u32| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let number = |at: usize, length: usize| {
        let bytes = bytes[at..at + length].iter().map(|&byte| usize::from(byte));
        let join = |whole: usize, byte: usize| whole << 8 | byte;
        if big {
            bytes.fold(0, join)
        } else {
            bytes.rev().fold(0, join)
        }
    };
    let at = number(4, 4);
    let count = number(at, 2);
    let mut entries: Vec<Vec<u8>> = bytes[at + 2..at + 2 + 12 * count]
        .chunks(12)
        .map(<[u8]>::to_vec)
        .collect();
    let mut changed = bytes.to_vec();
    changed.resize(changed.len().next_multiple_of(2), 0);
    let place = changed.len() as u32;
    changed.extend(value);
    changed.resize(changed.len().next_multiple_of(2), 0);
    entries.push(
        [
            &two(tag)[..],
            &two(kind),
            &four(value.len() as u32),
            &four(place),
        ]
        .concat(),
    );
    entries.sort_by_key(|entry| {
        if big {
            (entry[0], entry[1])
        } else {
            (entry[1], entry[0])
        }
    });
    let begin = four(changed.len() as u32);
    changed[4..8].copy_from_slice(&begin);
    changed.extend(two(entries.len() as u16));
    changed.extend(entries.concat());
    changed.extend(four(after));
    changed
}

#[test]
fn a_tiff_is_written_again_without_its_metadata() {
    let tiffs: Vec<String> = names()
        .into_iter()
        .filter(|name| name.ends_with(".tif"))
        .collect();
    assert!(tiffs.len() > 5);
    for name in tiffs {
        let bytes = file(&name);
        // An artist, a description, XMP that turns, EXIF: what each says is in the file, and then is not.
        for (tag, kind) in [(315, 2), (270, 2), (700, 1), (34665, 1)] {
            let secret = b"<tiff:Orientation>1 of a patient";
            let changed = with_entry(&bytes, tag, kind, secret, 0);
            assert!(has_metadata(&changed), "{name}");
            assert_eq!(
                decode(&changed, &window()),
                decode(&bytes, &window()),
                "{name}"
            );
            let stripped = strip_metadata(&changed).unwrap();
            assert!(!has_metadata(&stripped), "{name}");
            assert_eq!(read_header(&stripped), read_header(&bytes), "{name}");
            for rules in [window(), white()] {
                assert_eq!(
                    decode(&stripped, &rules),
                    decode(&bytes, &rules),
                    "{name} {tag}"
                );
            }
            let found = stripped.windows(7).any(|part| part == b"patient");
            assert!(!found, "{name}");
            assert!(stripped.len() <= changed.len() + 64, "{name}");
        }
    }
}

#[test]
fn a_tiff_that_only_xmp_turns_stays_turned() {
    let bytes = file("turned_2.tif");
    let at = bytes
        .windows(4)
        .position(|four| four == [1, 18, 0, 3])
        .unwrap();
    let mut upright = bytes.clone();
    upright[at + 7] = 2; // of two values: none is the orientation
    let changed = with_entry(
        &upright,
        700,
        1,
        b"<tiff:Orientation>6</tiff:Orientation>",
        0,
    );
    let header = read_header(&changed).unwrap();
    assert_eq!(header.orientation, 6);
    let stripped = strip_metadata(&changed).unwrap();
    assert_eq!(read_header(&stripped).unwrap(), header);
    assert_eq!(decode(&stripped, &window()), decode(&changed, &window()));
}

#[test]
fn a_tiff_that_is_cut_or_lies_about_its_strips_is_not_stripped() {
    let bytes = with_entry(&file("turned_2.tif"), 315, 2, b"of a patient", 0);
    for at in 0..bytes.len() {
        for bit in [1, 128] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            if let Ok(stripped) = strip_metadata(&changed) {
                assert_eq!(
                    decode(&stripped, &window()).ok(),
                    decode(&changed, &window()).ok(),
                    "byte {at}"
                );
            }
        }
        if let Err(error) = strip_metadata(&bytes[..at]) {
            assert!(
                matches!(error.fault, Fault::Damaged | Fault::Kind),
                "{error}"
            );
        }
    }
}

#[test]
fn a_cut_file_is_not_stripped() {
    for name in ["comment.jpg", "text.png", "comment.gif", "metadata.webp"] {
        let bytes = file(name);
        let error = strip_metadata(&bytes[..bytes.len() - 3]).unwrap_err();
        assert_eq!(error.fault, Fault::Damaged, "{name}");
    }
}
