//! How vocabularies cut text into words, written by hand instead of as regular expressions.
//!
//! A splitter finds the end of the word that begins at a byte. It sees the whole text, because some rules
//! look ahead. Each equals one pattern of [`patterns`], which says what a backtracking engine does with it.

mod cased;
mod common;
mod deepseek;
mod gpt2;
mod patterns;
mod words;

pub(crate) use cased::Cased;
pub(crate) use deepseek::DeepSeek;
pub(crate) use gpt2::Gpt2;
#[cfg(test)]
pub(crate) use patterns::{CL100K, DEEPSEEK, O200K, TEKKEN};
pub(crate) use patterns::{QWEN, Scheme, recognise};
pub(crate) use words::Words;

/// Cuts words off a text, from its first byte to its last.
pub(crate) trait Splitter: Default {
    /// For the first byte of a word made of it and ASCII letters: the fewest bytes that make such a word
    /// certain, given that the byte after it is ASCII and no letter; [`NEVER`] when that byte needs a look
    /// at the general rule. A mark with 2 here is a word by itself when a space follows.
    const MIN_CERTAIN_LEN: [u8; 256];
    /// Whether an upper-case letter after a lower-case one begins a word, and a quote may prolong one.
    const CASED: bool = false;
    /// Whether every digit is a word.
    const LONE_DIGITS: bool = false;

    /// The end of the word that begins at `start`, which is before the end of `text`.
    fn end(&mut self, text: &[u8], start: usize) -> usize;
}

/// In [`Splitter::MIN_CERTAIN_LEN`]: more bytes than a short word has.
pub(crate) const NEVER: u8 = u8::MAX;

/// A table of min_certain_len: letters alone, and the other ASCII bytes for which `joins` holds with a letter after them.
pub(crate) const fn min_certain_len(joins: [u8; 128]) -> [u8; 256] {
    let mut table = [NEVER; 256];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphabetic() {
            table[byte] = 1;
        } else if joins[byte] != 0 {
            table[byte] = 2;
        }
        byte += 1;
    }
    table
}

/// For [`min_certain_len`]: every ASCII byte but letters, digits, line breaks, and `without`.
pub(crate) const fn joining(without: u8) -> [u8; 128] {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        let letter_or_digit = (byte as u8).is_ascii_alphanumeric();
        let line_break = byte == 10 || byte == 13;
        if !letter_or_digit && !line_break && byte != without as usize {
            table[byte] = 1;
        }
        byte += 1;
    }
    table
}
