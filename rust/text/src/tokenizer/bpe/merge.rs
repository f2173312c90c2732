//! Byte pair encoding of one word: the pair of lowest rank merges first, the leftmost of equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::boundaries::MergeBoundaries;
use super::min_rank::{MOST, MinRank};
use super::pairs::{NO_RANK, Pairs};
use super::whole_chars::WholeChars;
use crate::tokenizer::spec::tokenizer_spec::TokenizerSpec;

/// The merges of a vocabulary.
#[derive(Debug)]
pub(crate) struct Merger {
    byte_ids: [u32; 256],
    /// Rank of each pair of bytes.
    byte_pairs: Box<[u32]>,
    pairs: Pairs,
    joined: Joined,
    whole_chars: WholeChars,
    boundaries: MergeBoundaries,
}

/// The id that each merge makes.
#[derive(Debug)]
enum Joined {
    /// In most vocabularies ids follow the merges: this one and the rank, which needs no memory to wait for.
    From(u32),
    Listed(Box<[u32]>),
}

/// Memory for merging, kept between words.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pieces: Pieces,
    /// The rank of the pair that begins at each piece.
    ranks: Vec<u32>,
    min_rank: MinRank,
    heap: BinaryHeap<Reverse<u64>>,
}

/// The pieces of a word: a linked list in the order of their positions.
#[derive(Debug, Default)]
struct Pieces {
    ids: Vec<u32>,
    next: Vec<u32>,
    /// One more than there are pieces.
    previous: Vec<u32>,
}

impl Merger {
    /// A merger for the merges of a vocabulary.
    pub fn new(spec: &TokenizerSpec) -> Self {
        let pairs = Pairs::new(&spec.pairs);
        let byte_ids = spec.byte_ids;
        let rank = |pair: usize| pairs.rank(byte_ids[pair >> 8], byte_ids[pair & 0xFF]);
        let byte_pairs = (0..1 << 16).map(rank).collect();
        let mut merger = Self {
            byte_ids,
            byte_pairs,
            pairs,
            joined: Joined::new(&spec.joined),
            whole_chars: WholeChars::none(),
            boundaries: MergeBoundaries::none(),
        };
        let mut scratch = Scratch::default();
        let alone = |bytes: &[u8]| merger.merge_to_one(bytes, &mut scratch);
        let whole_chars = WholeChars::new(&spec.vocabulary, &spec.pairs, &spec.joined, alone);
        let alone = |bytes: &[u8]| merger.merge_to_one(bytes, &mut scratch);
        let boundaries = MergeBoundaries::new(&spec.vocabulary, &spec.joined, alone);
        (merger.whole_chars, merger.boundaries) = (whole_chars, boundaries);
        merger
    }

    /// The ids of `word`, which is UTF-8 from end to end; valid until the next call.
    pub fn merge<'a>(&self, word: &[u8], scratch: &'a mut Scratch) -> &'a [u32] {
        if word.is_ascii() {
            self.begin_with_bytes(word, scratch);
        } else {
            self.begin_with_whole_chars(word, scratch);
        }
        if scratch.pieces.ids.len() <= MOST {
            self.merge_few(scratch);
        } else {
            self.merge_many(scratch);
        }
        &scratch.pieces.ids
    }

    /// Where words can be cut before they are merged.
    pub fn boundaries(&self) -> &MergeBoundaries {
        &self.boundaries
    }

    /// The one token that a character's bytes become, if they do, and the highest rank on the way.
    fn merge_to_one(&self, character: &[u8], scratch: &mut Scratch) -> Option<(u32, u32)> {
        self.begin_with_bytes(character, scratch);
        let highest = self.merge_few(scratch);
        match scratch.pieces.ids[..] {
            [one] => Some((one, highest)),
            _ => None,
        }
    }

    fn begin_with_bytes(&self, word: &[u8], scratch: &mut Scratch) {
        let ids = &mut scratch.pieces.ids;
        ids.clear();
        ids.extend(word.iter().map(|byte| self.byte_ids[usize::from(*byte)]));
        let pair_rank =
            |pair: &[u8]| self.byte_pairs[usize::from(pair[0]) << 8 | usize::from(pair[1])];
        scratch.ranks.clear();
        scratch.ranks.extend(word.windows(2).map(pair_rank));
        scratch.ranks.push(NO_RANK);
    }

    fn begin_with_whole_chars(&self, word: &[u8], scratch: &mut Scratch) {
        let ids = &mut scratch.pieces.ids;
        ids.clear();
        let mut at = 0;
        while let Some(byte) = word.get(at) {
            let first = self.whole_chars.at(word, at);
            let (id, length) = first.unwrap_or((self.byte_ids[usize::from(*byte)], 1));
            ids.push(id);
            at += length;
        }
        let pair_rank = |pair: &[u32]| self.pairs.rank(pair[0], pair[1]);
        scratch.ranks.clear();
        scratch.ranks.extend(ids.windows(2).map(pair_rank));
        scratch.ranks.push(NO_RANK);
    }

    /// Merges by looking at all ranks each time. Returns the highest rank on the way.
    fn merge_few(&self, scratch: &mut Scratch) -> u32 {
        let Scratch {
            pieces,
            ranks,
            min_rank,
            ..
        } = scratch;
        pieces.link();
        min_rank.start(ranks);
        let mut highest = 0;
        while let Some((at, rank)) = min_rank.min() {
            highest = highest.max(rank);
            self.join(pieces, at, rank, |at, rank| min_rank.set(at, rank));
        }
        pieces.collect();
        highest
    }

    /// Merges with a heap of (rank, position): O(n log n).
    fn merge_many(&self, scratch: &mut Scratch) {
        let Scratch {
            pieces,
            ranks,
            heap,
            ..
        } = scratch;
        pieces.link();
        heap.clear();
        heap.extend(ranks.iter().enumerate().filter_map(heap_entry));
        while let Some(Reverse(entry)) = heap.pop() {
            #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
            let (rank, at) = ((entry >> 32) as u32, entry as u32 as usize);
            // A rank that has changed since has an entry of its own.
            if ranks[at] == rank {
                self.join(pieces, at, rank, |at, rank| {
                    ranks[at] = rank;
                    heap.extend(heap_entry((at, &rank)));
                });
            }
        }
        pieces.collect();
    }

    /// Merges the piece at a position with the next; says what ranks the positions have then.
    #[inline]
    fn join(&self, pieces: &mut Pieces, at: usize, rank: u32, mut set: impl FnMut(usize, u32)) {
        let joined = self.joined.id(rank);
        pieces.ids[at] = joined;
        let right = pieces.next[at] as usize;
        let after = pieces.next[right] as usize;
        pieces.next[at] = position(after);
        pieces.previous[after] = position(at);
        set(right, NO_RANK);
        let next = pieces.ids.get(after);
        set(at, next.map_or(NO_RANK, |id| self.pairs.rank(joined, *id)));
        if at > 0 {
            let before = pieces.previous[at] as usize;
            set(before, self.pairs.rank(pieces.ids[before], joined));
        }
    }
}

impl Joined {
    fn new(ids: &[u32]) -> Self {
        let first = ids.first().copied().unwrap_or_default();
        let follow = (0..)
            .zip(ids)
            .all(|(rank, id)| first.checked_add(rank) == Some(*id));
        if follow {
            return Self::From(first);
        }
        Self::Listed(ids.into())
    }

    #[inline]
    fn id(&self, rank: u32) -> u32 {
        match self {
            Self::From(first) => first + rank,
            Self::Listed(ids) => ids[rank as usize],
        }
    }
}

impl Scratch {
    /// Holds one id.
    pub fn one(&mut self, id: u32) -> &[u32] {
        let ids = &mut self.pieces.ids;
        ids.clear();
        ids.push(id);
        ids
    }
}

impl Pieces {
    /// Links every piece to its neighbours; before the first there is nothing.
    fn link(&mut self) {
        let count = position(self.ids.len());
        self.next.clear();
        self.next.extend(1..=count);
        self.previous.clear();
        self.previous.push(0);
        self.previous.extend(0..count);
    }

    /// Moves the ids that are still linked to the front.
    fn collect(&mut self) {
        let (mut at, mut kept) = (0, 0);
        while at < self.ids.len() {
            self.ids[kept] = self.ids[at];
            kept += 1;
            at = self.next[at] as usize;
        }
        self.ids.truncate(kept);
    }
}

/// What the heap orders: a rank, then a position; none for a pair that does not merge.
fn heap_entry((at, rank): (usize, &u32)) -> Option<Reverse<u64>> {
    let entry = u64::from(*rank) << 32 | u64::from(position(at));
    (*rank != NO_RANK).then_some(Reverse(entry))
}

/// A position in a word; texts have under 4 Gi bytes.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a text has under 4 Gi bytes"
)]
fn position(at: usize) -> u32 {
    at as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokenizer::spec::tokenizer_spec::Vocabulary;
    use crate::tokenizer::split::Scheme;

    /// Characters that share their first, their middle and their last bytes, so that merges tear them.
    const PIECES: [&str; 12] = [
        "中", "丮", "丈", "亭", "é", "ê", "Щ", "😀", " ", "a", "\u{7ff}", "퟿",
    ];

    fn text(most: usize) -> impl Strategy<Value = String> {
        let piece = prop::sample::select(PIECES.as_slice());
        prop::collection::vec(piece, 1..most).prop_map(|pieces| pieces.concat())
    }

    fn replace_first(ids: &mut Vec<u32>, pair: (u32, u32), id: u32) -> bool {
        let found = ids.windows(2).position(|two| (two[0], two[1]) == pair);
        if let Some(at) = found {
            ids[at] = id;
            ids.remove(at + 1);
        }
        found.is_some()
    }

    /// A vocabulary whose merges are pairs picked in a text, as training does, but at random.
    fn vocabulary(text: &str, picks: &[prop::sample::Index]) -> TokenizerSpec {
        let mut ids: Vec<u32> = text.bytes().map(u32::from).collect();
        let mut vocabulary = Vocabulary::default();
        (0..=u8::MAX).for_each(|byte| vocabulary.push(&[byte]));
        let (mut pairs, mut joined) = (Vec::new(), Vec::new());
        for pick in picks {
            if ids.len() < 2 {
                break;
            }
            let at = pick.index(ids.len() - 1);
            let (pair, id) = ((ids[at], ids[at + 1]), position(vocabulary.len()));
            vocabulary.push_pair(pair.0, pair.1);
            pairs.push(pair);
            joined.push(id);
            while replace_first(&mut ids, pair, id) {}
        }
        TokenizerSpec {
            scheme: Scheme::Qwen,
            nfc: false,
            ignore_merges: false,
            vocabulary,
            byte_ids: std::array::from_fn(position),
            pairs,
            joined,
            added: Vec::new(),
        }
    }

    /// Bytes, and the lowest rank first.
    fn oracle(spec: &TokenizerSpec, word: &str) -> Vec<u32> {
        let mut ids: Vec<u32> = word.bytes().map(u32::from).collect();
        let rank = |two: &[u32]| {
            let mut ranks = spec.pairs.iter();
            ranks.rposition(|pair| *pair == (two[0], two[1]))
        };
        while let Some(rank) = ids.windows(2).filter_map(rank).min() {
            replace_first(&mut ids, spec.pairs[rank], spec.joined[rank]);
        }
        ids
    }

    /// The spec of a word between its boundaries.
    fn parts_of<'a>(merger: &Merger, word: &'a str) -> Vec<&'a str> {
        let (mut spec, mut start, mut all) = (Vec::new(), 0, false);
        while !all {
            let begin = start;
            let mut boundaries;
            (boundaries, all) = merger.boundaries.within(word.as_bytes(), begin, word.len());
            all |= boundaries == 0;
            while boundaries != 0 {
                let seam = begin + boundaries.trailing_zeros() as usize;
                boundaries &= boundaries - 1;
                spec.push(&word[start..seam]);
                start = seam;
            }
        }
        spec.push(&word[start..]);
        spec
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn merges_are_those_of_bytes(
            trained in text(40),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            words in prop::collection::vec(text(24), 8),
            long in text(90),
            swapped in prop::option::weighted(0.5, any::<[prop::sample::Index; 2]>()),
        ) {
            let mut spec = vocabulary(&trained, &picks);
            if let Some([one, other]) = swapped.filter(|_| !spec.pairs.is_empty()) {
                let (one, other) = (one.index(spec.pairs.len()), other.index(spec.pairs.len()));
                spec.pairs.swap(one, other);
                spec.joined.swap(one, other);
            }
            let merger = Merger::new(&spec);
            let mut scratch = Scratch::default();
            for word in words.iter().chain([&trained, &long]) {
                let merged = oracle(&spec, word);
                prop_assert_eq!(merger.merge(word.as_bytes(), &mut scratch), &merged);
                let mut ids = Vec::new();
                for part in parts_of(&merger, word) {
                    ids.extend_from_slice(merger.merge(part.as_bytes(), &mut scratch));
                }
                prop_assert_eq!(ids, merged);
            }
        }
    }
}
