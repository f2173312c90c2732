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
        let (class, length) = class_at(text, at);
        if class & classes == 0 {
            return at;
        }
        at += length;
    }
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
        if bytes[at..]
            .first_chunk::<64>()
            .is_some_and(|chunk| chunk.is_ascii())
        {
            at += 64;
            continue;
        }
        if let Some(eight) = bytes[at..].first_chunk() {
            let beyond = u64::from_le_bytes(*eight) & 0x8080_8080_8080_8080;
            at += (beyond.trailing_zeros() / 8) as usize;
            if beyond == 0 {
                continue;
            }
        } else if bytes[at].is_ascii() {
            at += 1;
            continue;
        }
        let (code, length) = decode(bytes, at);
        if class_of(code) & UNSTABLE != 0 {
            return false;
        }
        at += length;
    }
    true
}
