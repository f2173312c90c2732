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

#[test]
fn a_tiff_with_metadata_is_refused() {
    let mut bytes = file("turned_2.tif");
    let at = bytes
        .windows(4)
        .position(|four| four == [1, 6, 0, 3])
        .unwrap();
    // The tag of the photometric interpretation, which may be left out, becomes an artist's.
    bytes[at..at + 2].copy_from_slice(&315_u16.to_be_bytes());
    assert!(has_metadata(&bytes));
    assert_eq!(strip_metadata(&bytes).unwrap_err().fault, Fault::Kind);
}

#[test]
fn a_cut_file_is_not_stripped() {
    for name in ["comment.jpg", "text.png", "comment.gif", "metadata.webp"] {
        let bytes = file(name);
        let error = strip_metadata(&bytes[..bytes.len() - 3]).unwrap_err();
        assert_eq!(error.fault, Fault::Damaged, "{name}");
    }
}
