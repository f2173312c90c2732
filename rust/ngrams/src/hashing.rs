//! Hashes of words and of n-grams: one pass over the bytes of a text, then one over its words.

const WORD_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const LENGTH_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;
const LAST_FACTOR: u64 = 0xff51_afd7_ed55_8ccd;

/// Bytes that are looked at together.
const PIECE: usize = 8;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// What small letters of ASCII have and large ones have not. Other characters become one another by it, too: their words
/// have one hash, and are told apart where words are compared.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// Whether a byte is white space of ASCII as Python has it.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b'\x1c'..=b'\x1f' | b' ')
}

/// The hashes of the words of a text that is ASCII or normalised; they replace what is in `hashes`. Words that differ in
/// no more than large and small letters have one hash.
pub(crate) fn word_hashes(text: &str, hashes: &mut Vec<u64>) {
    hashes.clear();
    let bytes = text.as_bytes();
    let mut start = 0;
    let (pieces, rest) = bytes.as_chunks::<PIECE>();
    for (number, piece) in pieces.iter().enumerate() {
        let mut low = at_most_a_blank(u64::from_le_bytes(*piece));
        while low != 0 {
            let at = number * PIECE + low.trailing_zeros() as usize / 8;
            low &= low - 1;
            if is_space(bytes[at]) {
                if at > start {
                    hashes.push(word_hash(bytes, start, at));
                }
                start = at + 1;
            }
        }
    }
    for (place, &byte) in rest.iter().enumerate() {
        let at = bytes.len() - rest.len() + place;
        if is_space(byte) {
            if at > start {
                hashes.push(word_hash(bytes, start, at));
            }
            start = at + 1;
        }
    }
    if bytes.len() > start {
        hashes.push(word_hash(bytes, start, bytes.len()));
    }
}

/// The high bit of each byte that is a blank or less: white space, and control characters that are none.
fn at_most_a_blank(piece: u64) -> u64 {
    let above = (piece & !HIGH_BITS) + 0x5f5f_5f5f_5f5f_5f5f;
    !(above | piece) & HIGH_BITS
}

fn word_hash(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = (end - start) as u64;
    let mut hash = length.wrapping_mul(LENGTH_FACTOR);
    let mut at = start;
    while end - at > PIECE {
        hash = joined(hash, piece_at(bytes, at));
        at += PIECE;
    }
    let behind = 8 * (PIECE - (end - at)) as u32;
    let last = piece_at(bytes, at) << behind >> behind;
    mixed(joined(hash, last))
}

/// Eight bytes, zeros where the text has ended.
fn piece_at(bytes: &[u8], at: usize) -> u64 {
    let piece = bytes[at..].first_chunk::<PIECE>();
    let piece = piece.copied().unwrap_or_else(|| {
        let mut piece = [0; PIECE];
        piece[..bytes.len() - at].copy_from_slice(&bytes[at..]);
        piece
    });
    u64::from_le_bytes(piece)
}

fn joined(hash: u64, piece: u64) -> u64 {
    let hash = (hash ^ (piece | SMALL)).wrapping_mul(WORD_FACTOR);
    hash ^ (hash >> 29)
}

fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(LAST_FACTOR);
    hash ^ (hash >> 29)
}

/// A hash of all words together.
pub(crate) fn whole_hash(words: &[u64]) -> u64 {
    let joined = words.iter().fold(words.len() as u64, |hash, &word| {
        hash.wrapping_mul(WORD_FACTOR).wrapping_add(word)
    });
    mixed(joined)
}

/// Rolls over words: the hash of `n` of them follows from that of the `n` one word earlier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rolling {
    n: usize,
    /// What the word that leaves was multiplied with.
    oldest: u64,
}

impl Rolling {
    pub(crate) fn new(n: usize) -> Self {
        let power = (0..n).fold(1_u64, |power, _| power.wrapping_mul(WORD_FACTOR));
        Self { n, oldest: power }
    }

    /// The hashes of all n-grams, in their order.
    pub(crate) fn hashes(self, words: &[u64]) -> impl Iterator<Item = u64> {
        let mut rolled = 0_u64;
        let ends = words.iter().enumerate();
        let each = ends.map(move |(end, &word)| {
            rolled = rolled.wrapping_mul(WORD_FACTOR).wrapping_add(word);
            if end >= self.n {
                let gone = words[end - self.n].wrapping_mul(self.oldest);
                rolled = rolled.wrapping_sub(gone);
            }
            rolled
        });
        each.skip(self.n - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{normalised, ready};

    fn of(text: &str) -> Vec<u64> {
        let mut hashes = Vec::new();
        word_hashes(&ready(text), &mut hashes);
        hashes
    }

    #[test]
    fn a_text_has_the_hashes_of_its_normalised_form() {
        for text in [
            "The  Heart\tFAILS\n",
            " É\u{a0}x ",
            "a\0b c\x1fd",
            "",
            " ",
            "A",
            "\0",
        ] {
            assert_eq!(of(text), of(&normalised(text)), "{text:?}");
            let words = normalised(text);
            let count = words.split(' ').filter(|word| !word.is_empty()).count();
            assert_eq!(of(text).len(), count, "{text:?}");
        }
        assert_ne!(of("a\0b"), of("a b"));
        assert_ne!(of("ab c"), of("a bc"));
    }

    #[test]
    fn rolled_hashes_are_those_of_the_words_alone() {
        let words: Vec<u64> = (1..30).map(mixed).collect();
        for n in 1..12 {
            let rolling = Rolling::new(n);
            let rolled: Vec<u64> = rolling.hashes(&words).collect();
            let alone: Vec<u64> = words
                .windows(n)
                .flat_map(|words| rolling.hashes(words))
                .collect();
            assert_eq!(rolled, alone);
        }
        assert_eq!(Rolling::new(3).hashes(&words[..2]).count(), 0);
    }
}
