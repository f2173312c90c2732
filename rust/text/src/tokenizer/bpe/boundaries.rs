//! Merge boundaries of a word: positions that no token crosses, so that the text on either side merges by itself.
//!
//! Chinese and Japanese are written without spaces, so what the patterns call a word is a clause there. A clause is
//! rarely met again, and merging takes longer the longer the word is; yet its tokens are one to four characters long,
//! and most pairs of neighbours are in no token. The parts between boundaries are short and come again, as words of
//! English do.
//!
//! Why a boundary changes no id:
//!
//! 1. Take a character that alone becomes one token, by merges of ranks up to R. In a text its bytes offer a merge of
//!    rank R at most until the character is whole. Merges happen by rank, so it becomes whole unless a *split merge* of
//!    lower rank comes first: one that joins a part of the character with bytes outside it.
//! 2. Whether a split merge fits depends on the characters next to this one. Where each one that fits has a rank above R,
//!    the character becomes whole ([`WHOLE`], minus the flags below).
//! 3. Let two characters next to each other both become whole, and let no merge make a token that holds both side by side
//!    ([`NEIGHBOURS`]). A token across the position between them would hold both, or, against 2, a part of one. So
//!    no merge takes bytes from both sides, and each side merges as it would alone.
//! 4. Cutting at that position does not undo 2: a character at the end of a part has fewer neighbours, so fewer split
//!    merges fit.

use std::collections::HashMap;

use super::whole_chars::{code, is_inside, lone};
use crate::tokenizer::spec::tokenizer_spec::Vocabulary;

/// Characters of up to three bytes in UTF-8; others are never next to a boundary.
const CHARACTERS: usize = 1 << 16;
/// Bytes in which boundaries are found at once.
const WINDOW: usize = 64;
/// Flag of a character: it becomes whole, except as the flags below and those of pairs say.
const WHOLE: u8 = 1;
/// Flags of a character: perhaps not after, and not before, a character that is not common.
const NOT_AFTER_OTHERS: u8 = 2;
const NOT_BEFORE_OTHERS: u8 = 4;
/// Flag of a character: perhaps never, whatever is next to it.
const NEVER: u8 = 8;
/// Flag of a character: it is common, see [`is_common`].
const COMMON: u8 = 16;

/// Bits of the slot of a pair of characters: 256 KiB. Pairs that share a slot share their flags, which only costs
/// boundaries.
const SLOT_BITS: u32 = 20;
/// Flags of a pair: a token holds both side by side; a split merge of lower rank fits both.
const NEIGHBOURS: u64 = 1;
const SPLIT: u64 = 2;

const SPACE: u32 = b' ' as u32;

/// What is known about characters and about pairs of them.
#[derive(Debug)]
pub(crate) struct MergeBoundaries {
    kinds: Box<[u8]>,
    pairs: Box<[u64]>,
}

/// A merge that joins a part of a character with bytes outside it.
struct SplitMerge {
    rank: u32,
    beside: Beside,
}

/// What is next to the part of the character in the token that it makes.
#[derive(Clone, Copy)]
enum Beside {
    /// A character that is no space, in whole.
    One(u32),
    /// A part of a common character, or of any.
    Common,
    /// A space, or a part of a character that is not common.
    Other,
}

/// Split merges by the part of the character that they take, its start or its end.
#[derive(Default)]
struct SplitMerges {
    starts: HashMap<Vec<u8>, Vec<SplitMerge>>,
    ends: HashMap<Vec<u8>, Vec<SplitMerge>>,
}

impl MergeBoundaries {
    /// None, in any word.
    pub fn none() -> Self {
        Self {
            kinds: Box::default(),
            pairs: vec![0; 1 << (SLOT_BITS - 5)].into_boxed_slice(),
        }
    }

    /// The boundaries that a vocabulary leaves; `merged` returns the token that the bytes of a character alone become, if
    /// they become one, and the highest rank on the way.
    pub fn new(
        vocabulary: &Vocabulary,
        joined: &[u32],
        mut merged: impl FnMut(&[u8]) -> Option<(u32, u32)>,
    ) -> Self {
        let mut boundaries = Self::none();
        let common = |one| if is_common(one) { COMMON } else { 0 };
        boundaries.kinds = (0..CHARACTERS as u32).map(common).collect();
        boundaries.kinds[..0x80]
            .iter_mut()
            .for_each(|kind| *kind |= WHOLE);
        let mut splits = SplitMerges::default();
        for (rank, id) in (0..).zip(joined) {
            let token = vocabulary.get(*id).unwrap_or_default();
            if !token.is_ascii() {
                boundaries.add_neighbours(token);
                splits.add(token, rank);
            }
        }
        for bytes in vocabulary.all() {
            let one = lone(bytes).filter(|one| (*one as usize) < CHARACTERS);
            if let Some((one, (_, highest))) = one.zip(one.and_then(|_| merged(bytes))) {
                boundaries.kinds[one as usize] |= WHOLE;
                boundaries.split(one, bytes, highest, &splits);
            }
        }
        boundaries
    }

    fn add_neighbours(&mut self, token: &[u8]) {
        let (mut at, mut left) = (0, None);
        while at < token.len() {
            let right = code(token, at);
            if let (Some(left), Some((right, _))) = (left, right) {
                self.mark(left, right, NEIGHBOURS);
            }
            left = right.map(|(one, _)| one);
            at += right.map_or(1, |(_, length)| length);
        }
    }

    /// Marks beside which neighbours a character may stay split, if alone it becomes whole by merges up to the rank
    /// `highest`.
    fn split(&mut self, one: u32, bytes: &[u8], highest: u32, splits: &SplitMerges) {
        for cut in 1..bytes.len() {
            let earlier = |split: &&SplitMerge| split.rank <= highest;
            let starts = splits.starts.get(&bytes[..cut]);
            for split in starts.into_iter().flatten().filter(earlier) {
                match split.beside {
                    Beside::One(before) => self.mark(before, one, SPLIT),
                    Beside::Common => self.kinds[one as usize] |= NEVER,
                    Beside::Other => self.kinds[one as usize] |= NOT_AFTER_OTHERS,
                }
            }
            let ends = splits.ends.get(&bytes[cut..]);
            for split in ends.into_iter().flatten().filter(earlier) {
                match split.beside {
                    Beside::One(after) => self.mark(one, after, SPLIT),
                    Beside::Common => self.kinds[one as usize] |= NEVER,
                    Beside::Other => self.kinds[one as usize] |= NOT_BEFORE_OTHERS,
                }
            }
        }
    }

    fn mark(&mut self, left: u32, right: u32, what: u64) {
        let slot = slot_of(left, right);
        self.pairs[slot / 32] |= what << (slot % 32 * 2);
    }

    /// The boundaries of a word in the 64 bytes from `start`, which is its beginning or a boundary: a bit for each; and
    /// whether there are none after those. The word ends at byte `end` of the text.
    #[inline]
    pub fn within(&self, text: &[u8], start: usize, end: usize) -> (u64, bool) {
        let (mut left, length) = decode(text, start);
        let mut kind = self.kind(left);
        // Whether the left character is whole, as far as what is before it says, and then after a boundary.
        let mut whole = kind & (WHOLE | NEVER) == WHOLE;
        let mut after = false;
        let (mut boundaries, mut left_at, mut at) = (0, 0, length);
        while left_at < WINDOW && start + at < end {
            let (right, length) = decode(text, start + at);
            let right_kind = self.kind(right);
            let pair = self.pair(left, right);
            let unsplit = pair & SPLIT == 0;
            whole &= unsplit & ((kind & NOT_BEFORE_OTHERS == 0) | (right_kind & COMMON != 0));
            boundaries |= u64::from(after & whole) << left_at;
            after = whole & (pair & NEIGHBOURS == 0) & ((left | right) >= 0x80);
            whole = unsplit
                & (right_kind & (WHOLE | NEVER) == WHOLE)
                & ((right_kind & NOT_AFTER_OTHERS == 0) | (kind & COMMON != 0));
            (left, kind, left_at) = (right, right_kind, at);
            at += length;
        }
        if left_at >= WINDOW {
            return (boundaries, false);
        }
        (boundaries | u64::from(after & whole) << left_at, true)
    }

    #[inline]
    fn kind(&self, one: u32) -> u8 {
        self.kinds.get(one as usize).copied().unwrap_or(0)
    }

    #[inline]
    fn pair(&self, left: u32, right: u32) -> u64 {
        let slot = slot_of(left, right);
        self.pairs[slot / 32] >> (slot % 32 * 2)
    }
}

impl SplitMerges {
    fn add(&mut self, token: &[u8], rank: u32) {
        let rest = token.iter().take_while(|byte| is_inside(**byte)).count();
        if rest > 0 && rest < token.len() {
            let beside = match code(token, rest) {
                Some((one, _)) if one != SPACE => Beside::One(one),
                _ if is_common_lead(token[rest]) => Beside::Common,
                _ => Beside::Other,
            };
            let ends = self.ends.entry(token[..rest].to_vec()).or_default();
            ends.push(SplitMerge { rank, beside });
        }
        let begun = token.iter().rposition(|byte| !is_inside(*byte));
        if let Some(begun) = begun.filter(|begun| *begun > 0) {
            let before = token[..begun].iter().rposition(|byte| !is_inside(*byte));
            let beside = match before.and_then(|before| code(token, before)) {
                Some((one, _)) if one != SPACE => Beside::One(one),
                Some(_) => Beside::Other,
                None => Beside::Common,
            };
            let starts = self.starts.entry(token[begun..].to_vec()).or_default();
            starts.push(SplitMerge { rank, beside });
        }
    }
}

/// Whether a character is one of those that stand side by side where no spaces are written: from the marks of
/// Chinese and Japanese to the end of their characters, the wide forms of ASCII, and ASCII but for the space, with
/// which many tokens begin that end with a part of a character.
#[inline]
fn is_common(one: u32) -> bool {
    matches!(one, 0x21..=0x7F | 0x3000..=0x9FFF | 0xF000..=0xFFFF)
}

/// Whether a common character beyond ASCII may begin with this byte.
fn is_common_lead(byte: u8) -> bool {
    matches!(byte, 0xE3..=0xE9 | 0xEF)
}

/// The character at `at`, and how many bytes it has; one of four bytes is some number above the others.
#[inline]
fn decode(text: &[u8], at: usize) -> (u32, usize) {
    let four = match text.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(four) => *four,
        None => last_bytes(text, at),
    };
    let [first, second, third, _] = four.map(u32::from);
    match first {
        0xE0..=0xEF => {
            let above = (first & 0x0F) << 12;
            (above | (second & 0x3F) << 6 | third & 0x3F, 3)
        }
        ..=0x7F => (first, 1),
        0x80..=0xDF => ((first & 0x1F) << 6 | second & 0x3F, 2),
        _ => (CHARACTERS as u32, 4),
    }
}

/// Bytes at the end of a text, and zeros after them.
#[cold]
fn last_bytes(text: &[u8], at: usize) -> [u8; 4] {
    std::array::from_fn(|after| text.get(at + after).copied().unwrap_or(0))
}

/// The slot of a pair of characters.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the bits of a slot")]
fn slot_of(left: u32, right: u32) -> usize {
    let both = u64::from(left) << 32 | u64::from(right);
    (both.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOT_BITS)) as usize
}
