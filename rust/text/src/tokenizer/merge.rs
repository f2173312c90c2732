//! Byte pair encoding of one word: the pair of lowest rank merges first, the leftmost of equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pairs::{NO_RANK, Pairs};

/// Words of up to this many bytes are merged by looking at all ranks each time; longer ones by a heap.
const SHORT: usize = 48;

/// The merges of a vocabulary.
#[derive(Debug)]
pub(crate) struct Merger {
    byte_ids: [u32; 256],
    /// Rank of each pair of bytes.
    byte_pairs: Box<[u32]>,
    pairs: Pairs,
    /// The id that each merge makes.
    joined: Box<[u32]>,
}

/// Memory for merging, kept between words.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ids: Vec<u32>,
    ranks: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    heap: BinaryHeap<Reverse<u64>>,
}

impl Merger {
    /// A merger for merges in rank order, each a pair and the id it makes.
    pub fn new(byte_ids: [u32; 256], pairs: &[(u32, u32)], joined: Vec<u32>) -> Self {
        let pairs = Pairs::new(pairs);
        let rank = |pair: usize| pairs.rank(byte_ids[pair >> 8], byte_ids[pair & 0xFF]);
        let byte_pairs = (0..1 << 16).map(rank).collect();
        Self {
            byte_ids,
            byte_pairs,
            pairs,
            joined: joined.into_boxed_slice(),
        }
    }

    /// The ids of `word`, valid until the next call.
    pub fn merge<'a>(&self, word: &[u8], scratch: &'a mut Scratch) -> &'a [u32] {
        scratch.ids.clear();
        scratch
            .ids
            .extend(word.iter().map(|byte| self.byte_ids[usize::from(*byte)]));
        scratch.ranks.clear();
        let pair_rank =
            |pair: &[u8]| self.byte_pairs[usize::from(pair[0]) << 8 | usize::from(pair[1])];
        scratch.ranks.extend(word.windows(2).map(pair_rank));
        if word.len() <= SHORT {
            self.merge_short(&mut scratch.ids, &mut scratch.ranks);
        } else {
            self.merge_long(scratch);
        }
        &scratch.ids
    }

    /// Merges in place; `ranks[n]` is the rank of the pair that begins at `ids[n]`.
    fn merge_short(&self, ids: &mut Vec<u32>, ranks: &mut Vec<u32>) {
        while let Some((at, rank)) = lowest(ranks) {
            ids[at] = self.joined[rank as usize];
            ids.remove(at + 1);
            ranks.remove(at);
            if at > 0 {
                ranks[at - 1] = self.pairs.rank(ids[at - 1], ids[at]);
            }
            if at < ranks.len() {
                ranks[at] = self.pairs.rank(ids[at], ids[at + 1]);
            }
        }
    }

    /// Merges over a linked list with a heap of (rank, position): O(n log n).
    fn merge_long(&self, scratch: &mut Scratch) {
        scratch.link();
        while let Some((rank, at)) = scratch.pop() {
            if scratch.ranks[at] != rank {
                continue;
            }
            scratch.ids[at] = self.joined[rank as usize];
            let after = scratch.unlink_after(at);
            if after < scratch.ids.len() {
                self.renew(scratch, at, after);
            } else {
                scratch.ranks[at] = NO_RANK;
            }
            if at > 0 {
                self.renew(scratch, scratch.previous[at] as usize, at);
            }
        }
        scratch.collect();
    }

    /// Ranks the pair of two neighbours and enters it into the heap.
    fn renew(&self, scratch: &mut Scratch, left: usize, right: usize) {
        let rank = self.pairs.rank(scratch.ids[left], scratch.ids[right]);
        scratch.ranks[left] = rank;
        scratch.push(rank, left);
    }
}

impl Scratch {
    /// Holds one id.
    pub fn one(&mut self, id: u32) -> &[u32] {
        self.ids.clear();
        self.ids.push(id);
        &self.ids
    }

    /// Links every id to its neighbours, and enters every pair that merges into the heap.
    fn link(&mut self) {
        let count = position(self.ids.len());
        self.ranks.push(NO_RANK);
        self.next.clear();
        self.next.extend(1..=count);
        self.previous.clear();
        self.previous
            .extend((0..count).map(|at| at.saturating_sub(1)));
        self.heap.clear();
        for at in 0..self.ids.len() {
            self.push(self.ranks[at], at);
        }
    }

    fn push(&mut self, rank: u32, at: usize) {
        if rank != NO_RANK {
            self.heap
                .push(Reverse(u64::from(rank) << 32 | u64::from(position(at))));
        }
    }

    fn pop(&mut self) -> Option<(u32, usize)> {
        let Reverse(entry) = self.heap.pop()?;
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the two halves of an entry"
        )]
        return Some(((entry >> 32) as u32, entry as u32 as usize));
    }

    /// Takes the right neighbour of `at` out of the list; gives the new right neighbour.
    fn unlink_after(&mut self, at: usize) -> usize {
        let right = self.next[at] as usize;
        self.ranks[right] = NO_RANK;
        self.next[at] = self.next[right];
        let after = self.next[at] as usize;
        if let Some(previous) = self.previous.get_mut(after) {
            *previous = position(at);
        }
        after
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

/// A position in a word; texts have under 4 Gi bytes.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a text has under 4 Gi bytes"
)]
fn position(at: usize) -> u32 {
    at as u32
}

/// The leftmost of the lowest ranks, if any pair merges.
#[inline]
fn lowest(ranks: &[u32]) -> Option<(usize, u32)> {
    let mut best = (0, NO_RANK);
    for (at, rank) in ranks.iter().enumerate() {
        if *rank < best.1 {
            best = (at, *rank);
        }
    }
    (best.1 != NO_RANK).then_some(best)
}
