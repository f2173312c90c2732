//! The clauses of a text, and which options each may name, in one pass over the text for each.

use std::ops::Range;

use memchr::memchr2;

use super::choices::{Choices, Key, MAX_CHOICES, Set};

/// What a byte does to clauses: nothing, ends one, may end one with what follows, or begins a character that may.
const PLAIN: u8 = 0;
const ENDS: u8 = 1;
const POINT: u8 = 2;
const LEADS: u8 = 3;

const BYTES: [u8; 256] = {
    let mut table = [PLAIN; 256];
    table[b',' as usize] = ENDS;
    table[b';' as usize] = ENDS;
    table[b'\n' as usize] = ENDS;
    table[b'.' as usize] = POINT;
    // The first bytes of `—`, `。`, `，` and `；`.
    table[0xe2] = LEADS;
    table[0xe3] = LEADS;
    table[0xef] = LEADS;
    table
};

/// The stretches of a text that commas, semicolons, dashes and ends of sentences or lines divide, each with what ends it.
pub(super) struct Clauses<'t> {
    text: &'t str,
    at: usize,
    /// Whether commas, semicolons and dashes are of options.
    has_commas: bool,
}

impl<'t> Clauses<'t> {
    pub(super) fn of(text: &'t str, has_commas: bool) -> Self {
        Self {
            text,
            at: 0,
            has_commas,
        }
    }

    /// The bytes of a mark at `at` with which a clause ends; 0 of none.
    fn mark(&self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        match BYTES[bytes[at] as usize] {
            ENDS => usize::from(bytes[at] == b'\n' || !self.has_commas),
            POINT if bytes.get(at + 1) == Some(&b' ') => 2,
            LEADS => {
                let is_mark = bytes[at..].starts_with("。".as_bytes())
                    || !self.has_commas
                        && ["—", "，", "；"]
                            .iter()
                            .any(|mark| bytes[at..].starts_with(mark.as_bytes()));
                if is_mark { 3 } else { 0 }
            }
            _ => 0,
        }
    }
}

impl Iterator for Clauses<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if start == bytes.len() {
            return None;
        }
        let mut at = start;
        while at < bytes.len() {
            let plain = bytes[at..]
                .iter()
                .position(|&byte| BYTES[byte as usize] != PLAIN);
            let Some(plain) = plain else {
                break;
            };
            at += plain;
            match self.mark(at) {
                0 => at += 1,
                length => {
                    self.at = at + length;
                    return Some(start..self.at);
                }
            }
        }
        self.at = bytes.len();
        Some(start..self.at)
    }
}

/// Where the words that options cannot be named without stand next.
pub(super) struct Hits<'t> {
    choices: &'t Choices,
    text: &'t str,
    is_ascii: bool,
    /// Of each option with such a word the next place at or behind the clause; the text's length of none.
    next: [usize; MAX_CHOICES],
    /// Options that may be named without any word.
    anywhere: Set,
}

impl<'t> Hits<'t> {
    pub(super) fn of(choices: &'t Choices, text: &'t str) -> Self {
        let mut hits = Self {
            choices,
            text,
            is_ascii: text.is_ascii(),
            next: [0; MAX_CHOICES],
            anywhere: 0,
        };
        for option in 0..choices.len() {
            match choices.key(option) {
                Some(key) => hits.next[option] = hits.find(key, 0),
                None => hits.anywhere |= 1 << option,
            }
        }
        hits
    }

    /// The options that the clause may name: others it cannot. Clauses come in their order.
    pub(super) fn possible(&mut self, clause: &Range<usize>) -> Set {
        let all = if self.choices.len() == MAX_CHOICES {
            Set::MAX
        } else {
            (1 << self.choices.len()) - 1
        };
        // Words of ASCII tell nothing of a text in which accents may stand for letters.
        let is_told = self.is_ascii || self.text[clause.clone()].is_ascii();
        if !is_told {
            return all;
        }
        let mut possible = self.anywhere;
        for option in 0..self.choices.len() {
            if self.next[option] >= clause.end {
                continue;
            }
            let Some(key) = self.choices.key(option) else {
                continue;
            };
            if self.next[option] < clause.start {
                self.next[option] = self.find(key, clause.start);
            }
            // Words hold no mark that ends a clause: one that begins in it stands in it.
            possible |= Set::from(self.next[option] < clause.end) << option;
        }
        possible
    }

    /// The first place of a word from `from` on.
    fn find(&self, key: &Key, from: usize) -> usize {
        let text = self.text.as_bytes();
        let rare = key.rare();
        let mut at = from + rare;
        while at < text.len() {
            let (lower, upper) = key.letters();
            let Some(found) = memchr2(lower, upper, &text[at..]) else {
                break;
            };
            let start = at + found - rare;
            let word = text.get(start..start + key.word().len());
            if word.is_some_and(|word| word.eq_ignore_ascii_case(key.word().as_bytes())) {
                return start;
            }
            at += found + 1;
        }
        text.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn clauses_are_those_of_the_standard_library(
            text in "(a| |\\.|\\. |,|;|\n|—|–|。|，|；|é|呋|x){0,30}", has_commas: bool
        ) {
            let separators: &[char] = if has_commas {
                &['\n', '。']
            } else {
                &[',', ';', '\n', '—', '，', '；', '。']
            };
            let clauses = text.split_inclusive(separators);
            let expected: Vec<&str> = clauses.flat_map(|clause| clause.split_inclusive(". ")).collect();
            let found: Vec<&str> = Clauses::of(&text, has_commas).map(|clause| &text[clause]).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
