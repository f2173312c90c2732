//! Image files of every format: what the header says holds for the pixels, and metadata go without changing them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octomed_vision::{
    Alpha, DecodeRules, Gray16, Image, decode, has_metadata, pixel_hash, read_header,
    strip_metadata,
};

fuzz_target!(|file: &[u8]| {
    let rules = DecodeRules {
        gray16: Gray16::Window,
        max_source_pixels: 1 << 17,
        ..DecodeRules::default()
    };
    let white = DecodeRules {
        alpha: Alpha::White,
        ..rules
    };
    let header = read_header(file);
    let image = decode(file, &rules);
    // Transparency never decides whether a file is whole.
    assert_eq!(image.is_ok(), decode(file, &white).is_ok());
    assert_eq!(
        pixel_hash(file, &rules),
        image.as_ref().map(Image::pixel_hash).map_err(Clone::clone)
    );
    let _ = has_metadata(file);
    if let Ok(image) = image {
        assert_eq!(
            header.map(|header| header.upright()),
            Ok((image.height, image.width))
        );
        assert_eq!(
            image.pixels.len() as u64,
            3 * u64::from(image.height) * u64::from(image.width)
        );
        if let Ok(stripped) = strip_metadata(file) {
            assert!(!has_metadata(&stripped));
            assert!(
                decode(&stripped, &rules) == Ok(image),
                "other pixels without metadata"
            );
        }
    }
});
