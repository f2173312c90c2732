//! One buffer for the ids of all pieces of a batch, into which several workers copy at once.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::sync::locked;

/// The buffer of a batch whose ids are no longer needed, at most one: the next batch need not wait for the system to give
/// it new memory. The system may take the memory back at any time.
#[derive(Clone, Debug, Default)]
pub struct BufferPool(Arc<Mutex<Vec<u32>>>);

impl BufferPool {
    /// Keeps the buffer of ids that are no longer needed, unless the one that is kept is larger.
    pub fn give(&self, mut ids: Vec<u32>) {
        if octomed_memory::rest(&mut ids) {
            let mut kept = locked(&self.0);
            if ids.capacity() > kept.capacity() {
                *kept = ids;
            }
        }
    }

    /// The buffer that is kept, if a batch of so many bytes may need it all; else a new one.
    pub(super) fn take(&self, bytes: usize) -> Vec<u32> {
        let mut kept = locked(&self.0);
        match kept.capacity() <= bytes {
            true => std::mem::take(&mut kept),
            false => Vec::new(),
        }
    }
}

/// A buffer that grows, and whose ids are written in any order by several workers.
#[derive(Debug)]
pub(super) struct OutputBuffer(RwLock<Memory>);

/// The buffer, all of its capacity counted as its length, and a pointer to its first id.
///
/// Holders of the read lock may write disjoint ranges through `first`; growing, which moves the buffer, takes the write
/// lock.
#[derive(Debug)]
struct Memory {
    ids: Vec<MaybeUninit<u32>>,
    first: *mut MaybeUninit<u32>,
}

// SAFETY: `first` points into `ids`, which the same value owns: both go to another thread together.
unsafe impl Send for Memory {}
// SAFETY: threads that share this write through `first` in `OutputBuffer::put` only, whose caller promises that no two
// of them write the same range; nothing reads the ids before `OutputBuffer::finish`, which owns the buffer.
unsafe impl Sync for Memory {}

impl OutputBuffer {
    /// A buffer in the memory of another one.
    pub fn new(pooled: Vec<u32>) -> Self {
        let mut pooled = ManuallyDrop::new(pooled);
        let (first, capacity) = (pooled.as_mut_ptr().cast(), pooled.capacity());
        // SAFETY: pointer and capacity are those of a vector that is not dropped, `MaybeUninit<u32>` has the layout of
        // `u32`, and needs no writing to be valid, so that the length may be the capacity.
        let ids = unsafe { Vec::from_raw_parts(first, capacity, capacity) };
        Self(RwLock::new(Memory::new(ids)))
    }

    /// Copies ids to a position, making room for them, and then for all that are expected.
    ///
    /// # Safety
    /// No two calls have a position in common.
    pub unsafe fn put(&self, at: usize, ids: &[u32], expected: usize) {
        let end = at + ids.len();
        loop {
            {
                let memory = self.0.read().unwrap_or_else(PoisonError::into_inner);
                if end <= memory.ids.len() {
                    // SAFETY: `at..end` is inside the buffer, which does not move while the read lock is held, and the
                    // caller promises that nobody else writes there; `ids` is a slice of other memory.
                    unsafe {
                        let target = memory.first.add(at).cast::<u32>();
                        target.copy_from_nonoverlapping(ids.as_ptr(), ids.len());
                    }
                    return;
                }
            }
            let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
            memory.grow(end, expected);
        }
    }

    /// The first `count` ids.
    ///
    /// # Safety
    /// Calls of [`Self::put`] have written all of `0..count`.
    pub unsafe fn finish(self, count: usize) -> Vec<u32> {
        let memory = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut ids = ManuallyDrop::new(memory.ids);
        // SAFETY: pointer and capacity are those of a vector that is not dropped, `MaybeUninit<u32>` has the layout of
        // `u32`, and the caller promises that the first `count` ids are written.
        unsafe { Vec::from_raw_parts(ids.as_mut_ptr().cast(), count, ids.capacity()) }
    }
}

impl Memory {
    fn new(mut ids: Vec<MaybeUninit<u32>>) -> Self {
        let first = ids.as_mut_ptr();
        Self { ids, first }
    }

    fn grow(&mut self, wanted: usize, expected: usize) {
        let length = self.ids.len();
        if wanted > length {
            let capacity = wanted.max(expected).max(length + length / 8);
            octomed_memory::reserve(&mut self.ids, capacity - length);
            // SAFETY: `MaybeUninit` needs no writing to be valid, and the length is not above the capacity.
            unsafe { self.ids.set_len(self.ids.capacity()) };
            self.first = self.ids.as_mut_ptr();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_where_they_were_put() {
        for capacity in [0, 10, 3000] {
            let buffer = OutputBuffer::new(Vec::with_capacity(capacity));
            let put_by = |worker: usize| {
                for piece in (worker..100).step_by(4) {
                    let ids: Vec<u32> = (0..50).map(|id| piece as u32 * 50 + id).collect();
                    // SAFETY: every piece is put once.
                    unsafe { buffer.put(piece * 50, &ids, 0) };
                }
            };
            std::thread::scope(|scope| {
                let put_by = &put_by;
                (0..4).for_each(|worker| drop(scope.spawn(move || put_by(worker))));
            });
            // SAFETY: a hundred pieces of fifty are put.
            let ids = unsafe { buffer.finish(5000) };
            assert_eq!(ids, (0..5000).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn a_pooled_buffer_is_for_a_batch_that_needs_it() {
        let pool = BufferPool::default();
        pool.give(Vec::with_capacity(8));
        assert_eq!(
            pool.take(usize::MAX).capacity(),
            0,
            "too small to be worth it"
        );
        pool.give(Vec::with_capacity(3 << 20));
        assert_eq!(pool.take(1000).capacity(), 0, "too large for so few bytes");
        let kept = if cfg!(target_os = "linux") {
            3 << 20
        } else {
            0
        };
        assert_eq!(pool.take(9 << 20).capacity(), kept);
        assert_eq!(pool.take(9 << 20).capacity(), 0, "taken");
    }
}
