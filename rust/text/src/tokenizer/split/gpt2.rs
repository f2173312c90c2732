//! The pattern of GPT-2, which `ByteLevel` applies by itself.

use super::common::spaces_end;
use super::{Splitter, min_certain_len};
use crate::tokenizer::classes::{LETTER, NUMBER, SPACE, class_at, run_end, run_end_without};

/// Splits as [`super::Scheme::Gpt2`] says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gpt2;

/// Only a space joins the letters after it.
const fn joins() -> [u8; 128] {
    let mut table = [0; 128];
    table[b' ' as usize] = 1;
    table
}

impl Splitter for Gpt2 {
    const MIN_CERTAIN_LEN: [u8; 256] = min_certain_len(joins());

    #[inline]
    fn end(&mut self, text: &[u8], start: usize) -> usize {
        let first = text[start];
        if first == b'\'' {
            match (text.get(start + 1), text.get(start + 2)) {
                (Some(b's' | b't' | b'm' | b'd'), _) => return start + 2,
                (Some(b'r' | b'v'), Some(b'e')) | (Some(b'l'), Some(b'l')) => return start + 3,
                _ => {}
            }
        }
        let body = start + usize::from(first == b' ');
        let (class, length) = class_at(text, body);
        match class & (LETTER | NUMBER | SPACE) {
            _ if length == 0 => spaces_end(text, start, false),
            LETTER => run_end(text, body, LETTER),
            NUMBER => run_end(text, body, NUMBER),
            0 => run_end_without(text, body, SPACE | LETTER | NUMBER),
            _ => spaces_end(text, start, false),
        }
    }
}
