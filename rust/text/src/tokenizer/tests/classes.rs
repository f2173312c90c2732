//! The table of character classes, made from the pinned engines and compared with them.

use unicode_normalization_alignments::char::canonical_combining_class;
use unicode_normalization_alignments::{IsNormalized, is_nfc_quick};

use crate::tokenizer::classes;

/// Writes `data/classes.bin`: run with `cargo test -p octomed-text make_classes -- --ignored`.
#[test]
#[ignore = "writes the committed table"]
fn make_classes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/classes.bin");
    std::fs::write(path, class_table()).unwrap();
}

/// The classes of every code point as the pinned engines see them, in pages.
fn class_table() -> Vec<u8> {
    use classes::{LETTER, LOWER, MARK, NUMBER, PAGES, SPACE, SYMBOL, UPPER};
    let mut classes = vec![0u8; PAGES * 256];
    let patterns = [
        (LETTER, r"\p{L}+"),
        (NUMBER, r"\p{N}+"),
        (SPACE, r"\s+"),
        (MARK, r"\p{M}+"),
        (UPPER, r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"),
        (LOWER, r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"),
        (SYMBOL, r"[\p{P}\p{S}]+"),
    ];
    let every: String = (0..=0x10_FFFF).filter_map(char::from_u32).collect();
    for (bit, pattern) in patterns {
        let regex = tokenizers::utils::SysRegex::new(pattern).unwrap();
        for (start, end) in regex.find_iter(&every) {
            for character in every[start..end].chars() {
                classes[character as usize] |= bit;
            }
        }
    }
    mark_unstable(&mut classes);
    in_pages(&classes)
}

fn mark_unstable(classes: &mut [u8]) {
    for character in (0..=0x10_FFFF).filter_map(char::from_u32) {
        let stays = is_nfc_quick(std::iter::once(character)) == IsNormalized::Yes;
        if !stays || canonical_combining_class(character) != 0 {
            classes[character as usize] |= classes::UNSTABLE;
        }
    }
}

fn in_pages(classes: &[u8]) -> Vec<u8> {
    let mut pages: Vec<&[u8]> = Vec::new();
    let mut index = Vec::new();
    for page in classes.chunks(256) {
        let known = pages.iter().position(|other| *other == page);
        index.push(u8::try_from(known.unwrap_or(pages.len())).unwrap());
        if known.is_none() {
            pages.push(page);
        }
    }
    index.extend(pages.concat());
    index
}

#[test]
fn classes_equal_the_pinned_engines() {
    let table = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/classes.bin")).unwrap();
    assert!(table == class_table(), "run make_classes");
}

#[test]
fn chinese_characters_are_alike() {
    let mut codes = 0x4E00..0xA000;
    assert!(codes.all(|code| classes::class_of(code) == classes::CHINESE));
    let mut codes = (0x3000..0x302A).chain(0x4000..0xA000).chain(0xFF00..0xFF80);
    assert!(codes.all(|code| classes::class_of(code) & classes::UNSTABLE == 0));
}
