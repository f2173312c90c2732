//! Files that are cut, broken, or no images: each has its fault, and none a wrong result.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{file, goldens, names, white, window};
use octomed_vision::{
    DecodeRules, Fault, decode, has_metadata, pixel_hash, read_header, strip_metadata,
};
use proptest::prelude::*;

/// Files with something behind their end, which may be cut.
fn longer(name: &str) -> bool {
    name.starts_with("behind_the_end") || name == "pages.tif"
}

#[test]
fn no_cut_file_passes() {
    for name in names().into_iter().filter(|name| !longer(name)) {
        let bytes = file(&name);
        let length = bytes.len();
        for kept in (0..length).filter(|kept| kept % 5 == 0 || length - kept < 20) {
            let fault = decode(&bytes[..kept], &window())
                .map(|_| ())
                .map_err(|error| error.fault);
            let expected = if kept < 16 {
                [Fault::Damaged, Fault::Kind]
            } else {
                [Fault::Damaged; 2]
            };
            assert!(
                matches!(fault, Err(fault) if expected.contains(&fault)),
                "{name} to {kept} of {length}: {fault:?}"
            );
        }
    }
}

/// The hash without the image, and that of the image: the same, or the same fault.
fn assert_same_hash(bytes: &[u8], what: &str) {
    for rules in [DecodeRules::default(), white(), window()] {
        let image = decode(bytes, &rules).map(|image| image.pixel_hash());
        assert_eq!(pixel_hash(bytes, &rules), image, "{what}");
    }
}

#[test]
fn pixels_are_hashed_as_they_come_as_those_of_the_image_are() {
    for name in names() {
        let bytes = file(&name);
        assert_same_hash(&bytes, &name);
        for kept in (1..8).map(|eighths| bytes.len() * eighths / 8) {
            assert_same_hash(&bytes[..kept], &format!("{name} to {kept}"));
        }
        let few = DecodeRules {
            max_source_pixels: 100,
            ..DecodeRules::default()
        };
        let image = decode(&bytes, &few).map(|image| image.pixel_hash());
        assert_eq!(pixel_hash(&bytes, &few), image, "{name} of many pixels");
    }
}

#[test]
fn a_jpeg_is_whole_or_damaged() {
    for name in [
        "40x33_420.jpg",
        "40x33_420_progressive.jpg",
        "restarts.jpg",
        "cmyk.jpg",
        "gray.jpg",
    ] {
        let bytes = file(name);
        let scan = bytes
            .windows(2)
            .position(|pair| pair == [0xFF, 0xDA])
            .unwrap();
        let rules = DecodeRules::default();
        for kept in [
            bytes.len() / 2,
            scan,
            scan + 14,
            bytes.len() - 10,
            bytes.len() - 2,
            bytes.len() - 1,
        ] {
            assert_eq!(
                decode(&bytes[..kept], &rules).unwrap_err().fault,
                Fault::Damaged,
                "{name} to {kept}"
            );
        }
        let ended = [&bytes[..scan + (bytes.len() - scan) / 2], &[0xFF, 0xD9]].concat();
        assert_eq!(
            decode(&ended, &rules).unwrap_err().fault,
            Fault::Damaged,
            "{name}, an end put to half of it"
        );
        let longer = [&bytes[..], b"trailing"].concat();
        assert_eq!(decode(&longer, &rules), decode(&bytes, &rules));
    }
}

#[test]
fn a_restart_marker_at_the_wrong_place_is_damage() {
    let mut bytes = file("restarts.jpg");
    let at = bytes
        .windows(2)
        .position(|pair| pair == [0xFF, 0xD1])
        .unwrap();
    bytes[at + 1] = 0xD5;
    assert_eq!(
        decode(&bytes, &DecodeRules::default()).unwrap_err().fault,
        Fault::Damaged
    );
}

#[test]
fn a_webp_frame_without_pixels_is_damage() {
    let bytes = file("lossy_alpha.webp");
    let at = bytes
        .windows(3)
        .position(|start| start == [0x9D, 0x01, 0x2A])
        .unwrap();
    for side in [3, 5] {
        let mut changed = bytes.clone();
        changed[at + side..at + side + 2].copy_from_slice(&[0, 0]);
        let fault = decode(&changed, &DecodeRules::default()).unwrap_err().fault;
        assert_eq!(fault, Fault::Damaged);
    }
}

#[test]
fn harmless_warnings_pass() {
    let bytes = file("gray.jpg");
    let tables = bytes
        .windows(2)
        .position(|pair| pair == [0xFF, 0xDB])
        .unwrap();
    let junk = [&bytes[..tables], &[0, 1, 2], &bytes[tables..]].concat();
    let mut newer = bytes.clone();
    newer[11] = 9;
    for changed in [junk, newer] {
        assert_eq!(
            decode(&changed, &DecodeRules::default()),
            decode(&bytes, &DecodeRules::default())
        );
    }
}

#[test]
fn jpegs_that_are_not_read_are_named() {
    let bytes = file("gray.jpg");
    let frame = bytes
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    for (offset, value, word) in [
        (1, 0xC3, "lossless"),
        (1, 0xC5, "hierarchical"),
        (4, 12, "12 bits"),
        (9, 2, "2 channels"),
    ] {
        let mut changed = bytes.clone();
        changed[frame + offset] = value;
        let error = read_header(&changed).unwrap_err();
        assert_eq!(error.fault, Fault::Kind);
        assert!(error.detail.contains(word), "{}", error.detail);
        assert_eq!(
            decode(&changed, &DecodeRules::default()).unwrap_err(),
            error
        );
    }
}

#[test]
fn other_files_are_named() {
    let padded = |length: usize, magic: &[u8]| [&vec![0; length], magic, &[0; 600]].concat();
    let text = |text: &str| text.as_bytes().to_vec();
    for (bytes, word) in [
        (padded(128, b"DICM"), "DICOM"),
        (padded(344, b"n+1\0"), "NIfTI"),
        (b"\x1F\x8B\x08\0\0\0\0\0".to_vec(), "gzip"),
        (text("%PDF-1.7"), "PDF"),
        (text("PK\x03\x04rest"), "zip"),
        (b"\0\0\0\x20ftypisom\0\0\0\0".to_vec(), "MP4"),
        (b"\0\0\0\x20ftypheic\0\0\0\0".to_vec(), "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0".to_vec(), "AVIF"),
        (b"\0\0\0\x0CjP  \r\n\x87\n".to_vec(), "JPEG 2000"),
        (b"\xFF\x4F\xFF\x51".to_vec(), "JPEG 2000"),
        (b"\0\0\0\x0CJXL \r\n\x87\n".to_vec(), "JPEG XL"),
        (b"\xFF\x0A\x00\x00".to_vec(), "JPEG XL"),
        (b"\x1A\x45\xDF\xA3webm".to_vec(), "WebM"),
        (b"RIFF\x10\0\0\0AVI LIST".to_vec(), "AVI"),
        (text("  <!DOCTYPE html><html>404</html>"), "HTML"),
        (text("\u{FEFF}<HTML><body>"), "HTML"),
        (text("<?xml version=\"1.0\"?><svg xmlns=\"\"/>"), "SVG"),
        (
            text("version https://git-lfs.github.com/spec/v1\n"),
            "Git LFS",
        ),
        (b"II+\0\x08\0\0\0".to_vec(), "BigTIFF"),
    ] {
        for error in [
            read_header(&bytes).unwrap_err(),
            decode(&bytes, &DecodeRules::default()).unwrap_err(),
        ] {
            assert_eq!(error.fault, Fault::Kind, "{word}");
            assert!(error.detail.contains(word), "{word}: {}", error.detail);
        }
        assert!(!has_metadata(&bytes));
    }
    assert_eq!(read_header(b"anything").unwrap_err().fault, Fault::Kind);
    assert_eq!(read_header(b"").unwrap_err().fault, Fault::Damaged);
}

#[test]
fn nothing_is_decoded_beyond_the_limit() {
    for golden in goldens() {
        let pixels = u64::from(golden.height) * u64::from(golden.width);
        let rules = |max_source_pixels| DecodeRules {
            max_source_pixels,
            ..DecodeRules::default()
        };
        let bytes = file(&golden.name);
        assert!(decode(&bytes, &rules(pixels)).is_ok());
        let fault = decode(&bytes, &rules(pixels - 1)).unwrap_err().fault;
        assert_eq!(fault, Fault::TooLarge, "{}", golden.name);
    }
}

#[test]
fn claims_of_size_cost_nothing() {
    let mut jpeg = file("gray.jpg");
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    let mut gif = file("plain.gif");
    gif[6..10].copy_from_slice(&[0xFF; 4]);
    let begin = std::time::Instant::now();
    for bytes in [jpeg.clone(), gif] {
        assert_eq!(
            decode(&bytes, &DecodeRules::default()).unwrap_err().fault,
            Fault::TooLarge
        );
    }
    let rules = DecodeRules {
        max_source_pixels: u64::MAX,
        ..DecodeRules::default()
    };
    assert_eq!(decode(&jpeg, &rules).unwrap_err().fault, Fault::Damaged);
    assert!(begin.elapsed().as_secs() < 5);
}

/// A progressive JPEG file of one grey block: each scan says again that it has no difference.
fn scans(count: usize) -> Vec<u8> {
    let segment = |marker: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], length.as_slice(), body].concat()
    };
    let scan = [segment(0xDA, &[1, 1, 0, 0, 0, 0]), vec![0x7F]].concat();
    let codes = [[0, 1].as_slice(), &[0; 15], &[0]].concat();
    [
        vec![0xFF, 0xD8],
        segment(0xDB, &[[0].as_slice(), &[1; 64]].concat()),
        segment(0xC2, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]),
        segment(0xC4, &codes),
        scan.repeat(count),
        vec![0xFF, 0xD9],
    ]
    .concat()
}

#[test]
fn many_scans_are_refused() {
    let rules = DecodeRules::default();
    assert_eq!(decode(&scans(60), &rules).unwrap().pixels, [128; 3 * 64]);
    assert_eq!(
        decode(&scans(65), &rules).unwrap_err().fault,
        Fault::TooLarge
    );
}

#[test]
fn broken_exif_is_no_orientation() {
    let bytes = file("turned_5.jpg");
    let exif = bytes.windows(6).position(|six| six == b"Exif\0\0").unwrap() + 6;
    let plain = decode(&file("turned_1.jpg"), &DecodeRules::default());
    // Order of bytes, place of the directory, kind, count, value.
    for (offset, value) in [
        (0, b'X'),
        (3, 1),
        (4, 0xFF),
        (13, 9),
        (17, 0xFF),
        (19, 77),
        (19, 0),
    ] {
        let mut changed = bytes.clone();
        changed[exif + offset] = value;
        assert_eq!(
            read_header(&changed).unwrap().orientation,
            1,
            "byte {offset}"
        );
        assert_eq!(
            decode(&changed, &DecodeRules::default()),
            plain,
            "byte {offset}"
        );
    }
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(
        number in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let names = names();
        let mut bytes = file(&names[number.index(names.len())]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let rules = DecodeRules { max_source_pixels: 1 << 20, ..window() };
        let header = read_header(&bytes);
        let image = decode(&bytes, &rules);
        let hash = image.as_ref().map(octomed_vision::Image::pixel_hash);
        prop_assert_eq!(pixel_hash(&bytes, &rules), hash.map_err(Clone::clone));
        if let Ok(image) = &image {
            prop_assert_eq!(header.map(|header| header.upright()), Ok((image.height, image.width)));
            prop_assert_eq!(image.pixels.len() as u64, 3 * u64::from(image.height) * u64::from(image.width));
            if let Ok(stripped) = strip_metadata(&bytes) {
                let again = decode(&stripped, &rules);
                prop_assert_eq!(again.as_ref(), Ok(image));
                prop_assert!(!has_metadata(&stripped));
            }
        }
        let _ = (decode(&bytes, &DecodeRules { max_source_pixels: 1 << 20, ..white() }), has_metadata(&bytes));
    }

    #[test]
    fn any_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..400), number in any::<prop::sample::Index>(), kept in 2..40_usize) {
        let names = names();
        let head = file(&names[number.index(names.len())]);
        bytes.splice(..0, head[..kept.min(head.len())].iter().copied());
        let rules = DecodeRules { max_source_pixels: 1 << 20, ..window() };
        let _ = (read_header(&bytes), decode(&bytes, &rules), strip_metadata(&bytes), has_metadata(&bytes));
    }
}
