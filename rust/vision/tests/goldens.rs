//! Pixels, sizes and orientation of every sample file are those that Pillow gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{file, goldens, names, white, window};
use octomed_vision::{DecodeRules, Fault, Format, Gray16, Image, decode, read_header};

#[test]
fn pixels_are_pillows() {
    let goldens = goldens();
    assert!(goldens.len() > 150);
    for golden in goldens {
        let bytes = file(&golden.name);
        for (rules, hash) in [
            (DecodeRules::default(), golden.dropped),
            (white(), golden.on_white),
        ] {
            let image =
                decode(&bytes, &rules).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
            assert_eq!(
                (image.height, image.width),
                (golden.height, golden.width),
                "{}",
                golden.name
            );
            assert_eq!(
                image.pixel_hash(),
                hash,
                "{} {:?}",
                golden.name,
                rules.alpha
            );
        }
    }
}

#[test]
fn headers_say_what_decoding_gives() {
    for golden in goldens() {
        let header = read_header(&file(&golden.name)).unwrap();
        assert_eq!(
            header.upright(),
            (golden.height, golden.width),
            "{}",
            golden.name
        );
        let name = match header.format {
            Format::Jpeg => "jpg",
            Format::Tiff => "tif",
            other => other.name(),
        };
        assert!(golden.name.ends_with(name), "{}", golden.name);
        assert!(!header.gray16);
        if let Some(number) = golden
            .name
            .split(['_', '.'])
            .nth(1)
            .and_then(|word| word.parse().ok())
            && golden.name.starts_with("turned_")
        {
            assert_eq!(header.orientation, number, "{}", golden.name);
        }
    }
}

#[test]
fn xmp_and_raw_profiles_turn_where_exif_says_nothing() {
    for (name, orientation) in [
        ("turned_xmp.jpg", 6),
        ("turned_both.jpg", 8),
        ("turned_raw.png", 6),
        ("turned_xmp.png", 5),
        ("turned_behind.png", 6),
        ("turned_xmp.webp", 8),
    ] {
        assert_eq!(
            read_header(&file(name)).unwrap().orientation,
            orientation,
            "{name}"
        );
    }
}

#[test]
fn sixteen_bits_of_grey_are_refused_or_windowed() {
    let deep: Vec<String> = names()
        .into_iter()
        .filter(|name| name.starts_with("gray1"))
        .collect();
    assert_eq!(deep.len(), 5);
    let mut images = Vec::new();
    for name in deep {
        let bytes = file(&name);
        assert!(read_header(&bytes).unwrap().gray16, "{name}");
        assert_eq!(
            decode(&bytes, &DecodeRules::default()).unwrap_err().fault,
            Fault::Depth,
            "{name}"
        );
        let image = decode(&bytes, &window()).unwrap();
        assert_eq!(
            (image.pixels.iter().min(), image.pixels.iter().max()),
            (Some(&0), Some(&255)),
            "{name}"
        );
        assert!(
            image
                .pixels
                .chunks_exact(3)
                .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
        );
        images.push(image);
    }
    // The same values, however they are stored.
    assert!(images.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_window_is_even_and_rounds_half_up() {
    let (low, high) = (100_u32, 4095);
    let values: Vec<u16> = vec![100, 101, 107, 108, 2097, 2098, 4094, 4095];
    let image = decode(&gray16(&values), &window()).unwrap();
    let expected: Vec<u8> = values
        .iter()
        .map(|value| {
            let share = f64::from(u32::from(*value) - low) * 255.0 / f64::from(high - low);
            (share + 0.5).floor() as u8
        })
        .collect();
    assert_eq!(
        image.pixels.iter().copied().step_by(3).collect::<Vec<_>>(),
        expected
    );
    let flat = decode(&gray16(&[9, 9, 9]), &window()).unwrap();
    assert_eq!(flat.pixels, [0; 9]);
}

#[test]
fn sixteen_bits_of_grey_with_alpha_go_on_white() {
    let rules = DecodeRules {
        gray16: Gray16::Window,
        ..white()
    };
    let bytes = file("gray16_alpha.png");
    let (plain, composited) = (
        decode(&bytes, &window()).unwrap(),
        decode(&bytes, &rules).unwrap(),
    );
    assert_ne!(plain, composited);
    let brighter = |(below, above): (&u8, &u8)| above >= below;
    assert!(plain.pixels.iter().zip(&composited.pixels).all(brighter));
}

/// A TIFF file of one row.
fn gray16(values: &[u16]) -> Vec<u8> {
    let mut bytes = b"MM\0*\0\0\0\x08\0\x06".to_vec();
    let width = u32::try_from(values.len()).unwrap();
    let size = 2 * width;
    for (tag, value) in [
        (256, width),
        (257, 1),
        (258, 16),
        (262, 1),
        (273, 8 + 2 + 72 + 4),
        (279, size),
    ] {
        bytes.extend_from_slice(&u16::to_be_bytes(tag));
        bytes.extend_from_slice(&[0, 4, 0, 0, 0, 1]);
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    bytes
}

#[test]
fn all_eight_orientations_are_of_one_image() {
    let images: Vec<Image> = (1..=8)
        .map(|number| {
            decode(
                &file(&format!("turned_{number}.jpg")),
                &DecodeRules::default(),
            )
            .unwrap()
        })
        .collect();
    let sides: Vec<(u32, u32)> = images
        .iter()
        .map(|image| (image.height, image.width))
        .collect();
    assert_eq!(sides, [[(24, 36); 4], [(36, 24); 4]].concat());
    let at = |image: &Image, y: u32, x: u32| {
        image.pixels[3 * (y * image.width + x) as usize..][..3].to_vec()
    };
    let upper_left = at(&images[0], 0, 0);
    let corners = [
        (0, 0),
        (0, 35),
        (23, 35),
        (23, 0),
        (0, 0),
        (0, 23),
        (35, 23),
        (35, 0),
    ];
    for (image, (y, x)) in images.iter().zip(corners) {
        assert_eq!(at(image, y, x), upper_left);
    }
}
