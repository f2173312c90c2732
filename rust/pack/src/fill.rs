//! Exact fill: packs filled one by one, the last gap of each closed by items that fit it to the token.
//!
//! Best fit leaves in every pack a gap shorter than the shortest item; over a thousand packs these add
//! up to a pack or two. Here a pack takes the longest item that fits until one item, or two, fill what
//! is left exactly. It is tried where best fit misses the lower bound, and kept where it needs fewer.

use std::cmp::Reverse;

use crate::bitset::Bitset;

/// Pairs that are looked at before the longest item that fits is taken instead.
const MOST_PAIRS: usize = 128;

/// The items that are left, by length.
struct Pool<'a> {
    /// Item numbers, longest first.
    order: &'a [u32],
    /// Where in `order` the next item of each length stands, and where that length ends.
    next: Vec<u32>,
    end: Vec<u32>,
    /// Lengths that are left, mirrored: the longest at most `n` is a search from `capacity - n`.
    mirrored: Bitset,
    /// No item that is left is shorter.
    shortest: usize,
    capacity: usize,
}

impl<'a> Pool<'a> {
    fn new(order: &'a [u32], counts: &[u32]) -> Self {
        let capacity = counts.len() - 1;
        let mut pool = Self {
            order,
            next: vec![0; counts.len()],
            end: vec![0; counts.len()],
            mirrored: Bitset::new(capacity),
            shortest: 1,
            capacity,
        };
        let mut start = 0;
        for (length, &count) in counts.iter().enumerate().rev() {
            pool.next[length] = start;
            start += count;
            pool.end[length] = start;
            if count > 0 {
                pool.mirrored.insert(capacity - length);
            }
        }
        pool.find_shortest();
        pool
    }

    fn left(&self, length: usize) -> u32 {
        self.end[length] - self.next[length]
    }

    /// The longest length left that is at most `limit`.
    fn at_most(&self, limit: usize) -> Option<usize> {
        let limit = limit.min(self.capacity);
        let found = self.mirrored.at_least(self.capacity - limit)?;
        Some(self.capacity - found)
    }

    fn take(&mut self, length: usize) -> u32 {
        let item = self.order[self.next[length] as usize];
        self.next[length] += 1;
        if self.left(length) == 0 {
            self.mirrored.remove(self.capacity - length);
            self.find_shortest();
        }
        item
    }

    fn find_shortest(&mut self) {
        while self.shortest < self.capacity && self.left(self.shortest) == 0 {
            self.shortest += 1;
        }
    }

    /// The longer of two lengths that together are `room`.
    fn pair(&self, room: usize) -> Option<usize> {
        let mut longer = self.at_most(room.checked_sub(self.shortest)?)?;
        for _ in 0..MOST_PAIRS {
            let shorter = room - longer;
            if shorter > longer {
                return None;
            }
            if self.left(shorter) > u32::from(shorter == longer) {
                return Some(longer);
            }
            longer = self.at_most(longer - 1)?;
        }
        None
    }
}

/// Offsets and items of packs filled one by one; `order` are the items longest first.
pub(crate) fn exact_fill(order: &[u32], counts: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut pool = Pool::new(order, counts);
    let mut offsets = vec![0];
    let mut items = Vec::with_capacity(order.len());
    let mut pack = Vec::new();
    while items.len() < order.len() {
        let mut room = pool.capacity;
        pack.clear();
        while let Some(length) = next_length(&pool, room) {
            pack.push((length, pool.take(length)));
            room -= length;
        }
        pack.sort_by_key(|&(length, _)| Reverse(length));
        items.extend(pack.iter().map(|&(_, item)| item));
        // As many items as `order`, which 32 bits count.
        #[expect(clippy::cast_possible_truncation, reason = "as many as items")]
        offsets.push(items.len() as u32);
    }
    (offsets, items)
}

/// The length to put into `room`: one that fills it, the longer of two that do, or one that leaves room for
/// more.
fn next_length(pool: &Pool<'_>, room: usize) -> Option<usize> {
    let longest = pool.at_most(room)?;
    // An empty pack takes the longest item of all: it decides the pack's bucket.
    if longest == room || room == pool.capacity {
        return Some(longest);
    }
    pool.pair(room)
        .or_else(|| pool.at_most(share(pool, room, longest)))
        .or(Some(longest))
}

/// The most that the next item may take of `room`, which neither one item nor two fill.
///
/// Where lengths are close to one another, as many items as the longest would need share the room evenly;
/// else the longest is taken that leaves room for the shortest.
fn share(pool: &Pool<'_>, room: usize, longest: usize) -> usize {
    let items = room.div_ceil(longest);
    if longest < 2 * pool.shortest && items * pool.shortest <= room {
        return room.div_ceil(items);
    }
    room.saturating_sub(pool.shortest)
}
