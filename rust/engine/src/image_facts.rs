//! What is known of images by the hash of their bytes: each is examined once a process, as long as it is remembered.

use std::collections::{HashMap, HashSet};
use std::mem::replace;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use octomed_vision::ImageError;

/// What is known of an image that can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// Hash of the upright pixels, 0 where nobody asked for it.
    pub pixel_hash: u64,
    /// Hash of the gradients, 0 where nobody asked for it.
    pub dhash: u64,
    /// Height of the original, upright.
    pub height: u32,
    /// Width of the original, upright.
    pub width: u32,
    /// Patches along the height, as the model sees the image.
    pub grid_h: u16,
    /// Patches along the width.
    pub grid_w: u16,
    /// Whether its bytes say who or what it is of.
    pub has_metadata: bool,
}

/// Facts, or why the image cannot be used.
pub type Examined = Result<ImageFacts, Box<ImageError>>;

/// Parts of the table that are locked one by one.
const SHARDS: usize = 32;
/// Images of a generation: what fills the 16,384 places of a hash table. Two generations of all shards take 43 MB, 41
/// bytes a place, and remember 458,752 images at least.
const GENERATION: usize = 14_336;

/// A table of facts that forgets the oldest.
#[derive(Debug)]
pub struct FactsTable {
    shards: [Shard; SHARDS],
    generation: usize,
}

#[derive(Debug, Default)]
struct Shard {
    known: Mutex<Known>,
    /// Told when an image was examined.
    examined: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    young: HashMap<u64, Examined>,
    /// What was young when the table was full the last time.
    old: HashMap<u64, Examined>,
    /// Images that a worker examines now.
    pending: HashSet<u64>,
}

impl Default for FactsTable {
    fn default() -> Self {
        Self::remembering(GENERATION)
    }
}

impl FactsTable {
    fn remembering(generation: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard::default()),
            generation,
        }
    }

    /// What is known of the image `key`; who asks first examines it, and who asks meanwhile waits.
    pub fn get(&self, key: u64, examine: impl FnOnce() -> Examined) -> Examined {
        let shard = self.shard(key);
        let mut known = shard.lock();
        loop {
            if let Some(examined) = known.find(key, self.generation) {
                return examined;
            }
            if known.pending.insert(key) {
                break;
            }
            known = shard
                .examined
                .wait(known)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(known);
        self.examined(key, examine)
    }

    /// Has the image `key` examined, unless it is known, or somebody examines it now.
    pub fn prepare(&self, key: u64, examine: impl FnOnce() -> Examined) {
        let mut known = self.shard(key).lock();
        if known.find(key, self.generation).is_none() && known.pending.insert(key) {
            drop(known);
            let _ = self.examined(key, examine); // it is remembered
        }
    }

    /// Examines an image that is pending, and remembers what is found.
    fn examined(&self, key: u64, examine: impl FnOnce() -> Examined) -> Examined {
        let shard = self.shard(key);
        let pending = Pending { shard, key };
        let examined = examine();
        shard
            .lock()
            .remember(key, examined.clone(), self.generation);
        drop(pending);
        examined
    }

    fn shard(&self, key: u64) -> &Shard {
        &self.shards[(key % SHARDS as u64) as usize]
    }

    /// What is known of the image `key`, if it is.
    pub fn known(&self, key: u64) -> Option<Examined> {
        self.shard(key).lock().find(key, self.generation)
    }

    /// Forgets all.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut known = shard.lock();
            (known.young, known.old) = (HashMap::new(), HashMap::new());
        }
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn find(&mut self, key: u64, generation: usize) -> Option<Examined> {
        if let Some(examined) = self.young.get(&key) {
            return Some(examined.clone());
        }
        let examined = self.old.remove(&key)?;
        self.remember(key, examined.clone(), generation);
        Some(examined)
    }

    fn remember(&mut self, key: u64, examined: Examined, generation: usize) {
        if self.young.len() >= generation {
            let room = HashMap::with_capacity(generation);
            self.old = replace(&mut self.young, room);
        }
        self.young.insert(key, examined);
    }
}

/// An image that is being examined; whoever waits for it is told at the end, also where that is a panic.
struct Pending<'a> {
    shard: &'a Shard,
    key: u64,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.shard.lock().pending.remove(&self.key);
        self.shard.examined.notify_all();
    }
}

/// Bytes that all workers together may take for images while they decode them.
#[derive(Debug)]
pub struct DecodingRoom {
    free: Mutex<u64>,
    all: u64,
    given_back: Condvar,
}

impl DecodingRoom {
    /// Room for so many bytes.
    pub fn of(bytes: u64) -> Self {
        Self {
            free: Mutex::new(bytes),
            all: bytes,
            given_back: Condvar::new(),
        }
    }

    /// Waits for room; what needs more than there is has all of it.
    pub fn take(&self, bytes: u64) -> Taken<'_> {
        let bytes = bytes.min(self.all);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            let waited = self.given_back.wait(free);
            free = waited.unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Taken { room: self, bytes }
    }
}

/// Room that is given back when the value goes.
#[derive(Debug)]
pub struct Taken<'a> {
    room: &'a DecodingRoom,
    bytes: u64,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut free = self
            .room
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *free += self.bytes;
        drop(free);
        self.room.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use octomed_vision::Fault;

    use super::*;

    fn facts(key: u64) -> Examined {
        if key % 7 == 3 {
            return Err(Box::new(ImageError::new(
                Fault::Damaged,
                format!("image {key}"),
            )));
        }
        Ok(ImageFacts {
            pixel_hash: key,
            ..ImageFacts::default()
        })
    }

    #[test]
    fn an_image_that_workers_meet_at_once_is_examined_once() {
        let table = FactsTable::default();
        let examined = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for key in 0..200 {
                        let found = table.get(key, || {
                            examined.fetch_add(1, Ordering::Relaxed);
                            thread::sleep(std::time::Duration::from_micros(50));
                            facts(key)
                        });
                        assert_eq!(found, facts(key));
                    }
                });
            }
        });
        assert_eq!(examined.into_inner(), 200);
    }

    #[test]
    fn who_prepares_an_image_waits_for_nobody() {
        let (table, begun, told) = (FactsTable::default(), Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                table.get(1, || {
                    begun.wait();
                    told.wait();
                    facts(1)
                })
            });
            begun.wait();
            table.prepare(1, || unreachable!("it is being examined"));
            told.wait();
        });
        table.prepare(1, || unreachable!("it is known"));
        table.prepare(2, || facts(2));
        assert_eq!(table.known(2), Some(facts(2)));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let table = FactsTable::remembering(4);
        let count = |keys: std::ops::Range<u64>| {
            let mut examined = 0;
            for key in keys {
                let found = table.get(key, || {
                    examined += 1;
                    facts(key)
                });
                assert_eq!(found, facts(key));
            }
            examined
        };
        assert_eq!(count(0..4 * SHARDS as u64), 4 * SHARDS);
        assert_eq!(count(0..4 * SHARDS as u64), 0);
        assert_eq!(count(1000..1000 + 100 * SHARDS as u64), 100 * SHARDS);
        let held = |shard: &Shard| {
            let known = shard.lock();
            known.young.len() + known.old.len()
        };
        assert!(table.shards.iter().map(held).all(|held| held <= 8));
        assert_eq!(count(0..1), 1);
        table.clear();
        assert_eq!((table.known(0), count(0..1)), (None, 1));
    }

    #[test]
    fn a_place_of_the_table_takes_what_its_comment_says() {
        assert_eq!(size_of::<(u64, Examined)>(), 40);
    }

    #[test]
    fn who_waits_for_an_image_goes_on_after_a_panic() {
        let (table, begun) = (FactsTable::default(), Barrier::new(2));
        thread::scope(|scope| {
            let fails = scope.spawn(|| {
                table.get(1, || {
                    begun.wait();
                    thread::sleep(std::time::Duration::from_millis(20));
                    std::panic::resume_unwind(Box::new(()))
                })
            });
            begun.wait();
            let waits = scope.spawn(|| table.get(1, || facts(1)));
            assert!(fails.join().is_err());
            assert_eq!(waits.join().unwrap(), facts(1));
        });
    }

    #[test]
    fn no_more_is_decoded_at_once_than_there_is_room_for() {
        let room = DecodingRoom::of(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for worker in 0..8 {
                let (room, now, most) = (&room, &now, &most);
                scope.spawn(move || {
                    for turn in 0..50 {
                        let bytes = [30, 70, 100, 400][(worker + turn) % 4];
                        let taken = room.take(bytes);
                        let held = now.fetch_add(taken.bytes, Ordering::SeqCst) + taken.bytes;
                        most.fetch_max(held, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(taken.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
        assert_eq!(*room.free.lock().unwrap(), 100);
    }
}
