//! Best fit: the fullest open pack that still has room.

use crate::bitset::Bitset;

/// No pack.
const NONE: u32 = u32::MAX;

/// Open packs by the room they have left.
///
/// Packs of equal room form a stack: any of them gives the same number of packs in the end, and the
/// one touched last is the one still in the cache.
struct OpenPacks {
    rooms: Bitset,
    top: Vec<u32>,
    below: Vec<u32>,
}

impl OpenPacks {
    fn new(capacity: u32) -> Self {
        Self {
            rooms: Bitset::new(capacity as usize),
            top: vec![NONE; capacity as usize + 1],
            below: Vec::new(),
        }
    }

    /// Takes out the fullest pack with room for `length`, with its room.
    fn take(&mut self, length: usize) -> Option<(u32, usize)> {
        let room = self.rooms.at_least(length)?;
        let pack = self.top[room];
        self.top[room] = self.below[pack as usize];
        if self.top[room] == NONE {
            self.rooms.remove(room);
        }
        Some((pack, room))
    }

    /// The number of a new pack.
    fn open(&mut self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "fewer packs than items, whose numbers have 32 bits"
        )]
        let pack = self.below.len() as u32;
        self.below.push(NONE);
        pack
    }

    /// Puts `pack` back with `room` left; a full one is not kept.
    fn put(&mut self, pack: u32, room: usize) {
        if room == 0 {
            return;
        }
        if self.top[room] == NONE {
            self.rooms.insert(room);
        }
        self.below[pack as usize] = self.top[room];
        self.top[room] = pack;
    }
}

/// The pack of each item, items longest first, and the number of packs.
pub(crate) fn best_fit(counts: &[u32], items: usize, capacity: u32) -> (Vec<u32>, usize) {
    let mut packs = OpenPacks::new(capacity);
    let mut places = Vec::with_capacity(items);
    for (length, &count) in counts.iter().enumerate().rev() {
        for _ in 0..count {
            let (pack, room) = packs
                .take(length)
                .unwrap_or_else(|| (packs.open(), capacity as usize));
            packs.put(pack, room - length);
            places.push(pack);
        }
    }
    (places, packs.below.len())
}
