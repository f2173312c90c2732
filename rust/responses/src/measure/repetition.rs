//! How much of a response is said again: n-grams of words, and lines.

use memchr::memchr_iter;
use xxhash_rust::xxh3::xxh3_64;

use super::scratch::{HashSet, share};
use crate::words::words;

/// Writes a hash of each word of `text` behind those in `hashes`.
pub(super) fn hash_words(text: &str, hashes: &mut Vec<u64>) {
    hashes.extend(words(text).map(|word| xxh3_64(word.as_bytes())));
}

/// Any odd number: of n-grams that differ in one word the hashes differ for certain.
const BASE: u64 = 0xd6e8_feb8_6659_fd93;

/// How many n-grams there are, and how many of them are the first of their kind, over all `sections`: no n-gram reaches
/// from one section into the next, and one that an earlier section has is no new one.
pub(super) fn ngrams(sections: &[&[u64]], n: usize, set: &mut HashSet) -> (usize, usize) {
    let windows = |words: &&[u64]| (words.len() + 1).saturating_sub(n);
    let all = sections.iter().map(windows).sum();
    set.clear(all);
    let first = sections.iter().map(|words| new_ngrams(words, n, set)).sum();
    (all, first)
}

fn new_ngrams(words: &[u64], n: usize, set: &mut HashSet) -> usize {
    if words.len() < n {
        return 0;
    }
    // A polynomial over the words' hashes, modulo 2^64, rolled on by a word a step.
    let highest = (0..n).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let roll = |hash: u64, word: u64| hash.wrapping_mul(BASE).wrapping_add(word);
    let mut hash = words[..n].iter().fold(0, |hash, word| roll(hash, *word));
    let mut found = usize::from(set.insert(hash));
    for (left, entered) in words.iter().zip(&words[n..]) {
        hash = roll(hash, *entered).wrapping_sub(left.wrapping_mul(highest));
        found += usize::from(set.insert(hash));
    }
    found
}

/// The share of n-grams that occurred before.
pub(super) fn ngram_share(sections: &[&[u64]], n: usize, set: &mut HashSet) -> u16 {
    let (all, first) = ngrams(sections, n, set);
    share(all - first, all)
}

/// Writes a hash of each line of `text` that has a letter or digit. White space around a line does not count.
pub(super) fn hash_lines(text: &str, hashes: &mut Vec<u64>) {
    let mut start = 0;
    let ends = memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    for end in ends {
        let line = text[start..end].trim();
        if line
            .bytes()
            .any(|byte| byte.is_ascii_alphanumeric() || byte >= 0x80)
        {
            hashes.push(xxh3_64(line.as_bytes()));
        }
        start = (end + 1).min(text.len());
    }
}

/// The share of lines that occurred before.
pub(super) fn line_share(lines: &[u64], set: &mut HashSet) -> u16 {
    set.clear(lines.len());
    let first = lines.iter().filter(|line| set.insert(**line)).count();
    share(lines.len() - first, lines.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::scratch::{HashSet, share};
    use super::{hash_lines, hash_words, line_share, ngram_share};
    use crate::words::words;
    use proptest::prelude::*;
    use std::collections::HashSet as Known;

    fn fast(texts: &[&str], n: usize) -> u16 {
        let sections: Vec<Vec<u64>> = texts
            .iter()
            .map(|text| {
                let mut hashes = Vec::new();
                hash_words(text, &mut hashes);
                hashes
            })
            .collect();
        let sections: Vec<&[u64]> = sections.iter().map(Vec::as_slice).collect();
        ngram_share(&sections, n, &mut HashSet::default())
    }

    /// N-grams as lists of words.
    fn slow(texts: &[&str], n: usize) -> u16 {
        let mut known: Known<Vec<String>> = Known::new();
        let mut all = 0;
        for text in texts {
            let words: Vec<String> = words(text).map(str::to_owned).collect();
            for ngram in words.windows(n) {
                all += 1;
                known.insert(ngram.to_vec());
            }
        }
        share(all - known.len(), all)
    }

    fn fast_lines(text: &str) -> u16 {
        let mut hashes = Vec::new();
        hash_lines(text, &mut hashes);
        line_share(&hashes, &mut HashSet::default())
    }

    fn slow_lines(text: &str) -> u16 {
        let lines: Vec<&str> = text
            .split('\n')
            .map(str::trim)
            .filter(|line| {
                line.chars()
                    .any(|character| character.is_ascii_alphanumeric() || !character.is_ascii())
            })
            .collect();
        let known: Known<&str> = lines.iter().copied().collect();
        share(lines.len() - known.len(), lines.len())
    }

    #[test]
    fn ngrams_said_again_are_counted() {
        assert_eq!(fast(&["a b c a b c"], 3), 2500); // abc bca cab abc
        assert_eq!(fast(&["a b"], 3), 0);
        assert_eq!(fast(&["a b c", "a b c"], 3), 5000);
        assert_eq!(fast(&["x x x x x x x x x x x"], 1), 9091);
        assert_eq!(fast(&[""], 1), 0);
    }

    #[test]
    fn lines_said_again_are_counted() {
        assert_eq!(fast_lines("So C.\n\nSo C.  \n---\n---\n---\nElse D."), 3333);
        assert_eq!(fast_lines(""), 0);
        assert_eq!(fast_lines("是\n是\r\n"), 5000);
    }

    proptest! {
        #[test]
        fn ngrams_are_those_of_lists(one in "[ab ]{0,80}", other in "[ab ]{0,40}", n in 1_usize..7) {
            prop_assert_eq!(fast(&[&one, &other], n), slow(&[&one, &other], n));
        }

        #[test]
        fn lines_are_those_of_a_set(text in "([ab\n -]|\n|\u{a0}|é){0,60}") {
            prop_assert_eq!(fast_lines(&text), slow_lines(&text));
        }
    }
}
