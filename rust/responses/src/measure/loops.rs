//! A loop at the end: the longest tail that repeats a period.

use crate::words::saturated;

/// The length in words of the longest tail that is one period two times or more, the last time perhaps cut short.
///
/// The last word may itself be cut in half, as a limit of tokens leaves it: the longer of the tails with it and without it.
/// Linear: lengths of matches of the reversed words with themselves (the Z algorithm), twice.
pub(super) fn loop_words(words: &[u64], matches: &mut Vec<u32>) -> u32 {
    let whole = periodic_tail(words, matches);
    match words.split_last() {
        Some((_, shorter)) => whole.max(periodic_tail(shorter, matches)),
        None => whole,
    }
}

fn periodic_tail(words: &[u64], matches: &mut Vec<u32>) -> u32 {
    let count = words.len();
    let Some(last) = words.last() else {
        return 0;
    };
    // Each is written before it is read.
    matches.resize(count.max(matches.len()), 0);
    let from_end = |at: usize| words[count - 1 - at];
    // The window `left..right` is the match that reaches furthest; what lies in it is known from its beginning.
    let (mut left, mut right, mut longest) = (0, 0, 0);
    for (at, word) in words.iter().rev().enumerate().skip(1) {
        if word != last {
            matches[at] = 0;
            continue;
        }
        let mut length = 1;
        if at < right {
            length = length.max((matches[at - left] as usize).min(right - at));
        }
        while at + length < count && from_end(length) == from_end(at + length) {
            length += 1;
        }
        if at + length > right {
            (left, right) = (at, at + length);
        }
        matches[at] = saturated(length);
        if length >= at {
            longest = longest.max(at + length);
        }
    }
    saturated(longest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::loop_words;
    use proptest::prelude::*;

    fn fast(text: &str) -> u32 {
        let words: Vec<u64> = text.bytes().map(u64::from).collect();
        loop_words(&words, &mut Vec::new())
    }

    /// Every tail, every period.
    fn slow(words: &[u8]) -> usize {
        let tail = |words: &[u8]| {
            let is_loop = |tail: &[u8]| {
                (1..=tail.len() / 2)
                    .any(|period| (period..tail.len()).all(|at| tail[at] == tail[at - period]))
            };
            (2..=words.len())
                .rev()
                .find(|length| is_loop(&words[words.len() - length..]))
                .unwrap_or(0)
        };
        tail(words).max(tail(&words[..words.len().saturating_sub(1)]))
    }

    #[test]
    fn tails_that_repeat_are_found() {
        assert_eq!(fast("abcdef"), 0);
        assert_eq!(fast("xyabab"), 4);
        assert_eq!(fast("xyababa"), 5);
        assert_eq!(fast("xyababaq"), 5); // the last word cut in half
        assert_eq!(fast("xyababqq"), 2);
        assert_eq!(fast("aaaa"), 4);
        assert_eq!(fast("a"), 0);
        assert_eq!(fast(""), 0);
    }

    proptest! {
        #[test]
        fn loops_are_those_of_all_periods(text in "([abc]{0,6}(ab|ca|abc|a){0,9}[abc]{0,2})") {
            prop_assert_eq!(fast(&text) as usize, slow(text.as_bytes()));
        }
    }

    #[test]
    fn a_megabyte_of_almost_a_loop_is_linear() {
        let mut words: Vec<u64> = vec![1; 1_000_000];
        words[500_000] = 2;
        assert_eq!(loop_words(&words, &mut Vec::new()), 499_999);
        let fibonacci = (0..28).fold((vec![1_u64], vec![2_u64]), |(one, other), _| {
            let next = [other.clone(), one].concat();
            (other, next)
        });
        assert!(loop_words(&fibonacci.1, &mut Vec::new()) > 0);
    }
}
