//! The three splits of DeepSeek-V3, one after the other: numbers, Chinese and kana, then words.

use super::common::{breaks_end, is_break, numbers_end, spaces_end};
use super::{Splitter, joining, min_certain_len};
use crate::tokenizer::classes::{LETTER, MARK, NUMBER, SPACE, SYMBOL, class_at, decode, run_end};

/// Splits by [`super::patterns::DEEPSEEK`].
///
/// The first two splits make pieces; the third sees one piece at a time, so its look-ahead ends there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeepSeek {
    piece_end: usize,
}

impl Splitter for DeepSeek {
    // A byte beyond the letters is no letter, and numbers and Chinese end a word just the same.
    const MIN_CERTAIN_LEN: [u8; 256] = min_certain_len(joining(b'\n'));

    #[inline]
    fn end(&mut self, text: &[u8], start: usize) -> usize {
        let (class, length) = class_at(text, start);
        if class & NUMBER != 0 {
            return numbers_end(text, start + length, 3);
        }
        if start >= self.piece_end {
            self.piece_end = piece_end(text, start);
        }
        let piece = &text[..self.piece_end];
        if let Some(end) = match_end(piece, start) {
            return end;
        }
        let mut at = start + length;
        while at < piece.len() && match_end(piece, at).is_none() {
            at += class_at(piece, at).1;
        }
        at
    }
}

/// Whether the second split isolates the character at `at`: Chinese, hiragana or katakana.
fn is_east(text: &[u8], at: usize) -> bool {
    !text[at].is_ascii()
        && matches!(decode(text, at).0, 0x4E00..=0x9FA5 | 0x3040..=0x309F | 0x30A0..=0x30FF)
}

/// The end of the piece that begins at `start`, which is no number.
fn piece_end(text: &[u8], start: usize) -> usize {
    let east = is_east(text, start);
    let mut at = start;
    while at < text.len() {
        let (class, length) = class_at(text, at);
        if class & NUMBER != 0 || is_east(text, at) != east {
            break;
        }
        at += length;
    }
    at
}

/// The end of a match of the third split at `start`, if there is one.
fn match_end(piece: &[u8], start: usize) -> Option<usize> {
    let (class, length) = class_at(piece, start);
    let next = start + length;
    let first = piece[start];
    let (next_class, next_length) = class_at(piece, next);
    if first.is_ascii_punctuation() && piece.get(next).is_some_and(u8::is_ascii_alphabetic) {
        let letters = piece[next..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        return Some(next + letters);
    }
    let prefixed = class & (LETTER | SYMBOL) == 0 && !is_break(Some(&first));
    if prefixed && next_class & (LETTER | MARK) != 0 {
        return Some(run_end(piece, next, LETTER | MARK));
    }
    if class & (LETTER | MARK) != 0 {
        return Some(run_end(piece, next, LETTER | MARK));
    }
    if class & SYMBOL != 0 {
        return Some(breaks_end(piece, run_end(piece, next, SYMBOL)));
    }
    if first == b' ' && next_length > 0 && next_class & SYMBOL != 0 {
        return Some(breaks_end(piece, run_end(piece, next, SYMBOL)));
    }
    (class & SPACE != 0).then(|| spaces_end(piece, start, true))
}
