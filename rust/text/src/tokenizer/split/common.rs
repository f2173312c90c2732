//! Rules that several patterns share.

use crate::tokenizer::classes::{SPACE, class_at};

/// Whether a byte is a line break.
#[inline]
pub(super) fn is_break(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'\r' | b'\n'))
}

/// The end of `[\r\n]*` at `at`.
#[inline]
pub(super) fn breaks_end(text: &[u8], mut at: usize) -> usize {
    while is_break(text.get(at)) {
        at += 1;
    }
    at
}

/// The end of `\p{N}{1,limit}`, given that the first number ends at `at`.
#[inline]
pub(super) fn numbers_end(text: &[u8], mut at: usize, limit: usize) -> usize {
    for _ in 1..limit {
        let (class, length) = class_at(text, at);
        if class & super::super::classes::NUMBER == 0 {
            break;
        }
        at += length;
    }
    at
}

/// The length of `(?i:'s|'t|'re|'ve|'m|'ll|'d)` at a quote, or 0. U+017F folds to `s`.
#[inline]
pub(super) fn contraction(text: &[u8], at: usize) -> usize {
    let lower = |n: usize| text.get(at + n).map_or(0, u8::to_ascii_lowercase);
    match (lower(1), lower(2)) {
        (b's' | b't' | b'm' | b'd', _) => 2,
        (b'r' | b'v', b'e') | (b'l', b'l') => 3,
        (0xC5, 0xBF) => 3,
        _ => 0,
    }
}

/// The end of `\s*[\r\n]+|\s+(?!\S)|\s+` at a white space character; the first part only with `breaks`.
#[inline]
pub(super) fn spaces_end(text: &[u8], start: usize, breaks: bool) -> usize {
    let mut after_break = 0;
    let (mut last, mut at) = (start, start);
    loop {
        let (class, length) = class_at(text, at);
        if class & SPACE == 0 {
            break;
        }
        last = at;
        at += length;
        if is_break(text.get(last)) {
            after_break = at;
        }
    }
    if breaks && after_break > 0 {
        after_break
    } else if at == text.len() || last == start {
        at
    } else {
        last
    }
}
