//! Characters that are one token before anything else can happen to their bytes, so that merging may begin with them:
//! text beyond ASCII has two or three bytes a character, and most of its merges only put those together.
//!
//! Why beginning with a whole character changes no id:
//!
//! 1. Merges happen in the order of their ranks if no merge makes a token that a merge of lower rank uses; [`in_order`]
//!    checks that.
//! 2. Alone, the character becomes one token by merges of ranks up to R. Let S be the lowest rank of a merge that joins a
//!    part of the character with bytes outside it ([`SplitRanks`]).
//! 3. If R < S, then whatever the text around it, the character is whole before the first merge that could take a part of
//!    it. A merge that uses the whole character has a rank above R by 1.
//! 4. So every other merge finds the tokens that it would have found, and may start from the whole character.

use std::collections::HashMap;

use super::pairs::NO_RANK;
use crate::tokenizer::spec::tokenizer_spec::{MAX_ID, Vocabulary};

/// Characters of up to three bytes in UTF-8, the longest that are looked at.
const CHARACTERS: usize = 1 << 16;
/// In place of an id: begin with the bytes.
const BYTES: u32 = u32::MAX;
/// Flags above an id: do not begin with it after an ASCII byte; do not before one.
const NOT_AFTER_ASCII: u32 = 1 << 30;
const NOT_BEFORE_ASCII: u32 = 1 << 31;

/// The ids of the characters to begin with.
#[derive(Debug)]
pub(crate) struct WholeChars {
    ids: Box<[u32]>,
}

/// The lowest rank of a merge that joins a part of a character with bytes outside it: by that part, and by whether the
/// byte next to it is ASCII.
#[derive(Debug, Default)]
struct SplitRanks {
    starts: [HashMap<Vec<u8>, u32>; 2],
    ends: [HashMap<Vec<u8>, u32>; 2],
}

impl WholeChars {
    /// None: merging begins with bytes.
    pub fn none() -> Self {
        Self {
            ids: Box::default(),
        }
    }

    /// The characters of a vocabulary; `merged` returns the token that the bytes of one alone become, if they
    /// become one, and the highest rank on the way.
    pub fn new(
        vocabulary: &Vocabulary,
        pairs: &[(u32, u32)],
        joined: &[u32],
        mut merged: impl FnMut(&[u8]) -> Option<(u32, u32)>,
    ) -> Self {
        if !in_order(vocabulary.len(), pairs, joined) {
            return Self::none();
        }
        let splits = SplitRanks::new(vocabulary, joined);
        let mut ids = vec![BYTES; CHARACTERS].into_boxed_slice();
        for bytes in vocabulary.all() {
            let Some(at) = lone(bytes).and_then(|one| ids.get_mut(one as usize)) else {
                continue;
            };
            let Some((id, rank)) = merged(bytes) else {
                continue;
            };
            let safe = |ascii| {
                [
                    rank < splits.start_rank(bytes, ascii),
                    rank < splits.end_rank(bytes, ascii),
                ]
            };
            if safe(false) == [true; 2] {
                let [after, before] = safe(true);
                let after = if after { 0 } else { NOT_AFTER_ASCII };
                *at = id | after | if before { 0 } else { NOT_BEFORE_ASCII };
            }
        }
        Self { ids }
    }

    /// The token to begin with in place of the bytes of `word` at `at`, and how many they are.
    #[inline]
    pub fn at(&self, word: &[u8], at: usize) -> Option<(u32, usize)> {
        let (one, length) = code(word, at).filter(|(one, _)| *one >= 0x80)?;
        Some((self.id(word, at, one)?, length))
    }

    #[inline]
    fn id(&self, word: &[u8], at: usize, one: u32) -> Option<u32> {
        let length = if one < 0x800 { 2 } else { 3 };
        let id = *self.ids.get(one as usize)?;
        let ascii = |at: usize| word.get(at).is_some_and(u8::is_ascii);
        let splits = id & NOT_AFTER_ASCII != 0 && ascii(at.wrapping_sub(1))
            || id & NOT_BEFORE_ASCII != 0 && ascii(at + length);
        // An id that is BYTES has both bits, and more above the largest id.
        let known = id & !(NOT_AFTER_ASCII | NOT_BEFORE_ASCII);
        (!splits && known <= MAX_ID).then_some(known)
    }
}

/// The character of up to three bytes that begins at `at`, and how many they are; none inside a character, and
/// none for a longer one or a part of one.
#[inline]
pub(crate) fn code(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let part = |after: usize| {
        let byte = text.get(at + after).filter(|byte| is_inside(**byte));
        byte.map(|byte| u32::from(*byte & 0x3F))
    };
    match *text.get(at)? {
        ascii @ ..=0x7F => Some((u32::from(ascii), 1)),
        lead @ 0xC2..=0xDF => Some((u32::from(lead & 0x1F) << 6 | part(1)?, 2)),
        lead @ 0xE0..=0xEF => {
            let above = u32::from(lead & 0x0F) << 12;
            Some((above | part(1)? << 6 | part(2)?, 3))
        }
        _ => None,
    }
}

/// Whether merges happen in the order of their ranks: whatever a pair consists of was made by lower ones.
fn in_order(ids: usize, pairs: &[(u32, u32)], joined: &[u32]) -> bool {
    // The rank after the last merge that makes an id.
    let mut made = vec![0; ids];
    for (after, id) in (1_u32..).zip(joined) {
        match made.get_mut(*id as usize) {
            Some(made) => *made = after,
            None => return false,
        }
    }
    let earlier = |rank: u32, id: u32| made.get(id as usize).is_some_and(|made| *made <= rank);
    let mut ranked = (0..).zip(pairs);
    ranked.all(|(rank, (left, right))| earlier(rank, *left) && earlier(rank, *right))
}

/// The character that the bytes are, if they are one beyond ASCII.
pub(crate) fn lone(bytes: &[u8]) -> Option<u32> {
    if !(2..=4).contains(&bytes.len()) {
        return None;
    }
    let mut chars = std::str::from_utf8(bytes).ok()?.chars();
    let one = chars.next().filter(|one| !one.is_ascii())?;
    chars.next().is_none().then_some(u32::from(one))
}

impl SplitRanks {
    fn new(vocabulary: &Vocabulary, joined: &[u32]) -> Self {
        let mut splits = Self::default();
        for (rank, id) in (0_u32..).zip(joined) {
            let token = vocabulary.get(*id).unwrap_or_default();
            if token.is_ascii() {
                continue;
            }
            let rest = token.iter().take_while(|byte| is_inside(**byte)).count();
            if rest > 0 && rest < token.len() {
                let ascii = token[rest].is_ascii();
                keep_lowest(&mut splits.ends[usize::from(ascii)], &token[..rest], rank);
            }
            let begun = token.iter().rposition(|byte| !is_inside(*byte));
            if let Some(begun) = begun.filter(|begun| *begun > 0) {
                let ascii = token[begun - 1].is_ascii();
                keep_lowest(
                    &mut splits.starts[usize::from(ascii)],
                    &token[begun..],
                    rank,
                );
            }
        }
        splits
    }

    /// The lowest rank at which a start of this character may be taken by what is before it.
    fn start_rank(&self, character: &[u8], ascii: bool) -> u32 {
        let starts = (1..character.len()).map(|end| &character[..end]);
        lowest(&self.starts[usize::from(ascii)], starts)
    }

    /// The lowest rank at which an end of this character may be taken by what follows it.
    fn end_rank(&self, character: &[u8], ascii: bool) -> u32 {
        let ends = (1..character.len()).map(|start| &character[start..]);
        lowest(&self.ends[usize::from(ascii)], ends)
    }
}

fn lowest<'a>(ranks: &HashMap<Vec<u8>, u32>, parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    let known = parts.filter_map(|part| ranks.get(part).copied());
    known.min().unwrap_or(NO_RANK)
}

/// Whether a byte continues a character.
pub(crate) fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

fn keep_lowest(ranks: &mut HashMap<Vec<u8>, u32>, part: &[u8], rank: u32) {
    ranks.entry(part.to_vec()).or_insert(rank);
}
