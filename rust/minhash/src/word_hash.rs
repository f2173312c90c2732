//! The hash of a word.

/// The bit that lower-case letters have, and digits: with it, upper case is lower case.
const LOWER: u64 = 0x2020_2020_2020_2020;

/// An odd number with many bits: multiplying by it loses nothing.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The hash of the ASCII word `begin..end`, of which case does not count. No two words of eight letters or fewer have
/// the same one.
#[inline]
pub fn ascii_word(text: &[u8], begin: usize, end: usize) -> u64 {
    hash(text, begin, end, LOWER)
}

/// The hash of a word whose characters are as they shall count; that of an ASCII word is [`ascii_word`]'s.
pub fn folded_word(word: &[u8]) -> u64 {
    hash(word, 0, word.len(), 0)
}

#[inline]
fn hash(text: &[u8], begin: usize, end: usize, set: u64) -> u64 {
    let mut hash = 0;
    let mut begin = begin;
    while end - begin > 8 {
        hash = mixed(hash ^ (eight(text, begin) | set));
        begin += 8;
    }
    // A word has a byte at least: what is beyond its end goes, and never all of it.
    let beyond = 64 - 8 * (end - begin) as u32;
    mixed(hash ^ ((eight(text, begin) | set) & (u64::MAX >> (beyond & 63))))
}

/// Eight bytes from `begin` on, zeros beyond the end of the text.
#[inline]
fn eight(text: &[u8], begin: usize) -> u64 {
    match text[begin..].first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => last_bytes(&text[begin..]),
    }
}

#[cold]
fn last_bytes(rest: &[u8]) -> u64 {
    let byte = |value, byte: &u8| value << 8 | u64::from(*byte);
    rest.iter().rev().fold(0, byte)
}

#[inline]
fn mixed(value: u64) -> u64 {
    let product = value.wrapping_mul(FACTOR);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn case_and_what_surrounds_a_word_do_not_count(
            before in "[ -~]{0,9}", word in "[0-9A-Za-z]{1,30}", after in "[ -~]{0,9}",
        ) {
            let text = format!("{before}{word}{after}");
            let found = ascii_word(text.as_bytes(), before.len(), before.len() + word.len());
            prop_assert_eq!(found, folded_word(word.to_lowercase().as_bytes()));
        }
    }

    #[test]
    fn words_of_up_to_three_letters_and_their_repetitions_have_hashes_of_their_own() {
        let letters = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut words: Vec<Vec<u8>> = letters.iter().map(|letter| vec![*letter]).collect();
        for _ in 0..2 {
            let longer = words.iter().flat_map(|word| {
                let with = |letter: &u8| [word.as_slice(), &[*letter]].concat();
                letters.iter().map(with)
            });
            words = words.iter().cloned().chain(longer).collect();
        }
        words.extend((4..200).map(|length| vec![b'a'; length]));
        let mut seen = HashMap::new();
        for word in words {
            if let Some(other) = seen.insert(folded_word(&word), word.clone()) {
                assert_eq!(other, word);
            }
        }
    }
}
