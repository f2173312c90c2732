//! What kind of character each code point is, as the pinned regex engine and normaliser see it.
//!
//! The table is made by `make_classes` in the tests, which asks Oniguruma (Unicode 16) and
//! `unicode-normalization-alignments` (Unicode 9) about every code point, and is checked against them.

/// A letter, `\p{L}`.
pub(crate) const LETTER: u8 = 1;
/// A digit or other number, `\p{N}`.
pub(crate) const NUMBER: u8 = 2;
/// White space, `\s`.
pub(crate) const SPACE: u8 = 4;
/// A combining mark, `\p{M}`.
pub(crate) const MARK: u8 = 8;
/// May begin a cased word: `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`.
pub(crate) const UPPER: u8 = 16;
/// May end a cased word: `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`.
pub(crate) const LOWER: u8 = 32;
/// Punctuation or a symbol, `[\p{P}\p{S}]`.
pub(crate) const SYMBOL: u8 = 64;
/// NFC may change it, or move it.
pub(crate) const UNSTABLE: u8 = 128;

/// The classes of U+4E00 to U+9FFF, which are Chinese characters.
pub(crate) const CHINESE: u8 = LETTER | UPPER | LOWER;

/// Code points a page.
const PAGE: usize = 256;
/// Number of pages, each with one byte in the index.
pub(crate) const PAGES: usize = 0x11_0000 / PAGE;

/// The page numbers, then the different pages, each of 256 classes.
static TABLE: &[u8] = include_bytes!("../../data/classes.bin");

/// The classes of a code point.
#[inline]
pub(crate) fn class_of(code: u32) -> u8 {
    let page = usize::from(TABLE[code as usize / PAGE]);
    TABLE[PAGES + page * PAGE + code as usize % PAGE]
}

/// The classes of the character at byte `at` of valid UTF-8, and its length; no class at the end.
#[inline]
pub(crate) fn class_at(text: &[u8], at: usize) -> (u8, usize) {
    match text.get(at) {
        None => (0, 0),
        Some(first) if first.is_ascii() => (TABLE[PAGES + usize::from(*first)], 1),
        Some(_) => {
            let (code, length) = decode(text, at);
            (class_of(code), length)
        }
    }
}

/// The code point at byte `at` of valid UTF-8 that is not ASCII, and its length.
#[inline]
pub(crate) fn decode(text: &[u8], at: usize) -> (u32, usize) {
    let tail = |n: usize| u32::from(text.get(at + n).copied().unwrap_or(0) & 0x3F);
    let first = u32::from(text[at]);
    match first {
        0..0xE0 => ((first & 0x1F) << 6 | tail(1), 2),
        0xE0..0xF0 => ((first & 0x0F) << 12 | tail(1) << 6 | tail(2), 3),
        _ => (
            ((first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)).min(0x10_FFFF),
            4,
        ),
    }
}

/// Where the run of characters with any class of `classes` ends that begins at `at`.
#[inline]
pub(crate) fn run_end(text: &[u8], mut at: usize, classes: u8) -> usize {
    loop {
        if classes & CHINESE != 0 {
            at = chinese_end(text, at);
        }
        let (class, length) = class_at(text, at);
        if class & classes == 0 {
            return at;
        }
        at += length;
    }
}

/// Where the run of [`CHINESE`] characters ends, without a look at the table.
#[inline]
fn chinese_end(text: &[u8], mut at: usize) -> usize {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    while matches!(byte(at), 0xE5..=0xE9) || byte(at) == 0xE4 && byte(at + 1) >= 0xB8 {
        at += 3;
    }
    at
}

/// Where the run of characters with no class of `classes` ends that begins at `at`.
#[inline]
pub(crate) fn run_end_without(text: &[u8], mut at: usize, classes: u8) -> usize {
    loop {
        let (class, length) = class_at(text, at);
        if length == 0 || class & classes != 0 {
            return at;
        }
        at += length;
    }
}

/// Whether NFC surely leaves `text` as it is.
pub(crate) fn is_stable(text: &str) -> bool {
    if text.is_ascii() {
        return true;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let ahead = bytes[at..].first_chunk();
        if ahead.is_some_and(|ahead| ahead[..STABLE].is_ascii()) {
            at += STABLE;
            continue;
        }
        if ahead.is_some_and(begins_stable) {
            at += STABLE;
            at += bytes[at..]
                .iter()
                .take_while(|byte| **byte & 0xC0 == 0x80)
                .count();
            continue;
        }
        let stop = bytes.len().min(at + STABLE);
        while at < stop {
            if bytes[at].is_ascii() {
                at += 1;
                continue;
            }
            let (code, length) = decode(bytes, at);
            if class_of(code) & UNSTABLE != 0 {
                return false;
            }
            at += length;
        }
    }
    true
}

/// Bytes that are looked at together.
const STABLE: usize = 64;

/// Whether the characters that begin in the first [`STABLE`] bytes are ASCII, U+3000 to U+3029, U+4000 to U+9FFF or
/// U+FF00 to U+FF7F: Chinese text with its marks, all stable. No branch, so that the compiler makes vectors of it.
fn begins_stable(bytes: &[u8; STABLE + 2]) -> bool {
    let mut other = false;
    for at in 0..STABLE {
        let [first, second, third] = [bytes[at], bytes[at + 1], bytes[at + 2]];
        let chinese = first.wrapping_sub(0xE4) < 6;
        let mark = (first == 0xE3) & (second == 0x80) & (third < 0xAA);
        let wide = (first == 0xEF) & (second & 0xFE == 0xBC);
        other |= (first >= 0xC0) & !(chinese | mark | wide);
    }
    !other
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn character() -> impl Strategy<Value = char> {
        prop_oneof![
            4 => 0x4000_u32..0xA000,
            2 => 0x3000_u32..0x3100,
            2 => 0xFE00_u32..0xFFFF,
            2 => 0x20_u32..0x7F,
            1 => 0..0x11_0000_u32,
            1 => 0x3020_u32..0x3030,
            1 => 0xFE20_u32..0xFE30,
        ]
        .prop_filter_map("a surrogate", char::from_u32)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5000, ..ProptestConfig::default() })]

        #[test]
        fn stable_texts_have_stable_characters(
            start in prop_oneof!["[ a中，]{0,130}", "[ -~]{0,130}"],
            characters in prop::collection::vec(character(), 0..3),
            end in prop_oneof!["[ a中，]{0,130}", "[ -~]{0,130}"],
        ) {
            let text = start + &characters.iter().collect::<String>() + &end;
            let mut classes = text.chars().map(|one| class_of(u32::from(one)));
            prop_assert_eq!(is_stable(&text), classes.all(|class| class & UNSTABLE == 0));
        }

        #[test]
        fn runs_end_where_a_character_is_of_no_class(
            characters in prop::collection::vec(character(), 0..40),
            classes in 1_u8..128,
        ) {
            let text: String = characters.iter().collect();
            let mut indices = text.char_indices();
            let end = indices.find(|(_, one)| class_of(u32::from(*one)) & classes == 0);
            let end = end.map_or(text.len(), |(at, _)| at);
            prop_assert_eq!(run_end(text.as_bytes(), 0, classes), end);
        }
    }
}
