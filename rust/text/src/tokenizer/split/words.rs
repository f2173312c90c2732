//! The pattern of cl100k, Llama-3 and Qwen, which differ in how many digits make a word.

use super::common::{breaks_end, contraction, is_break, numbers_end, spaces_end};
use super::{Splitter, joining, min_certain_len};
use crate::tokenizer::classes::{LETTER, NUMBER, SPACE, class_at, run_end, run_end_without};

/// Splits by [`super::patterns::QWEN`] (1 digit) or [`super::patterns::CL100K`] (3 digits).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words<const DIGITS: usize>;

impl<const DIGITS: usize> Splitter for Words<DIGITS> {
    const MIN_CERTAIN_LEN: [u8; 256] = min_certain_len(joining(b'\''));
    const LONE_DIGITS: bool = DIGITS == 1;

    #[inline]
    fn end(&mut self, text: &[u8], start: usize) -> usize {
        let (class, length) = class_at(text, start);
        let next = start + length;
        if class & LETTER != 0 {
            return run_end(text, next, LETTER);
        }
        if class & NUMBER != 0 {
            return numbers_end(text, next, DIGITS);
        }
        let first = text[start];
        if first == b'\'' {
            let quoted = contraction(text, start);
            if quoted > 0 {
                return start + quoted;
            }
        }
        let (next_class, _) = class_at(text, next);
        if next_class & LETTER != 0 && !is_break(Some(&first)) {
            return run_end(text, next, LETTER);
        }
        if class & SPACE == 0 {
            return breaks_end(text, run_end_without(text, next, SPACE | LETTER | NUMBER));
        }
        if first == b' ' && next < text.len() && next_class & (SPACE | NUMBER) == 0 {
            return breaks_end(text, run_end_without(text, next, SPACE | LETTER | NUMBER));
        }
        spaces_end(text, start, true)
    }
}
