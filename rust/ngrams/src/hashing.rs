//! Hashes of words and of n-grams: one pass over the bytes of a text, then one over its words.

/// What a byte becomes: itself in lower case, and 0 where it is white space of ASCII, as Python has it.
const LOWER: [u8; 256] = lower();

const fn lower() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        table[byte] = match value {
            b'\t'..=b'\r' | b'\x1c'..=b'\x1f' | b' ' => SPACE,
            _ => value.to_ascii_lowercase(),
        };
        byte += 1;
    }
    // A text may hold a zero byte, which is a letter like others; 0xff stands in no UTF-8.
    table[0] = ZERO;
    table
}

const SPACE: u8 = 0;
const ZERO: u8 = 0xff;
const BYTE_FACTOR: u64 = 0x0000_0100_0000_01b3;
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const WORD_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const LAST_FACTOR: u64 = 0xff51_afd7_ed55_8ccd;

/// The hashes of the words of a text that is ASCII or normalised; they replace what is in `hashes`.
pub(crate) fn word_hashes(text: &str, hashes: &mut Vec<u64>) {
    hashes.clear();
    let (mut hash, mut is_word) = (BASIS, false);
    for &byte in text.as_bytes() {
        let lower = LOWER[usize::from(byte)];
        if lower != SPACE {
            hash = (hash ^ u64::from(lower)).wrapping_mul(BYTE_FACTOR);
            is_word = true;
        } else if is_word {
            hashes.push(mixed(hash));
            (hash, is_word) = (BASIS, false);
        }
    }
    if is_word {
        hashes.push(mixed(hash));
    }
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
