//! The patterns of o200k and tekken, which also cut before a capital inside a word.

use super::common::{contraction, is_break, numbers_end, spaces_end};
use super::{Splitter, joining, min_certain_len};
use crate::tokenizer::classes::{
    LETTER, LOWER, NUMBER, SPACE, UPPER, class_at, run_end, run_end_without,
};

/// Splits by [`super::patterns::O200K`] (3 digits, with contractions) or [`super::patterns::TEKKEN`] (1, without).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cased<const DIGITS: usize, const CONTRACTIONS: bool>;

impl<const DIGITS: usize, const CONTRACTIONS: bool> Splitter for Cased<DIGITS, CONTRACTIONS> {
    const MIN_CERTAIN_LEN: [u8; 256] = min_certain_len(joining(super::NEVER));
    const CASED: bool = true;
    const LONE_DIGITS: bool = DIGITS == 1;

    #[inline]
    fn end(&mut self, text: &[u8], start: usize) -> usize {
        let (class, length) = class_at(text, start);
        let next = start + length;
        let first = text[start];
        if let Some(end) = word_end(text, start, next, class) {
            let quoted = CONTRACTIONS && text.get(end) == Some(&b'\'');
            return if quoted {
                end + contraction(text, end)
            } else {
                end
            };
        }
        if class & NUMBER != 0 {
            return numbers_end(text, next, DIGITS);
        }
        if class & SPACE == 0 {
            return tail_end(text, run_end_without(text, next, SPACE | LETTER | NUMBER));
        }
        let (next_class, _) = class_at(text, next);
        if first == b' ' && next < text.len() && next_class & (SPACE | LETTER | NUMBER) == 0 {
            return tail_end(text, run_end_without(text, next, SPACE | LETTER | NUMBER));
        }
        spaces_end(text, start, true)
    }
}

/// The end of `[\r\n/]*` at `at`.
fn tail_end(text: &[u8], mut at: usize) -> usize {
    while is_break(text.get(at)) || text.get(at) == Some(&b'/') {
        at += 1;
    }
    at
}

/// The first two alternatives, each with and without the character that may stand before the letters.
fn word_end(text: &[u8], start: usize, next: usize, class: u8) -> Option<usize> {
    let prefixed = class & (LETTER | NUMBER) == 0 && !is_break(text.get(start));
    let after_prefix = if prefixed { Some(next) } else { None };
    after_prefix
        .and_then(|at| lower_word_end(text, at))
        .or_else(|| lower_word_end(text, start))
        .or_else(|| after_prefix.and_then(|at| upper_word_end(text, at)))
        .or_else(|| upper_word_end(text, start))
}

/// `[upper]*[lower]+`: when nothing lower follows the upper run, the engine gives characters back up to the
/// last one that is both (marks, letters without case).
fn lower_word_end(text: &[u8], start: usize) -> Option<usize> {
    let mut after_both = None;
    let mut at = start;
    loop {
        let (class, length) = class_at(text, at);
        if class & UPPER == 0 {
            return if class & LOWER != 0 {
                Some(run_end(text, at, LOWER))
            } else {
                after_both
            };
        }
        at += length;
        if class & LOWER != 0 {
            after_both = Some(at);
        }
    }
}

/// `[upper]+[lower]*`.
fn upper_word_end(text: &[u8], start: usize) -> Option<usize> {
    let end = run_end(text, start, UPPER);
    (end > start).then(|| run_end(text, end, LOWER))
}
