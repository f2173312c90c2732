//! One buffer for the ids of all pieces, into which several workers copy at once.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::sync::locked;

/// Memory of ids that are no longer needed, at most that of one batch: the next one need not wait for the system to
/// give it new memory. The system may take it back at any time.
#[derive(Clone, Debug, Default)]
pub struct BufferPool(Arc<Mutex<Vec<u32>>>);

impl BufferPool {
    /// Keeps the memory of ids that are no longer needed, unless what is kept is larger.
    pub fn give(&self, mut ids: Vec<u32>) {
        if octomed_memory::rest(&mut ids) {
            let mut kept = locked(&self.0);
            if ids.capacity() > kept.capacity() {
                *kept = ids;
            }
        }
    }

    /// The memory that is kept, if a batch of so many bytes may need it all.
    pub(super) fn take(&self, bytes: usize) -> Vec<u32> {
        let mut kept = locked(&self.0);
        match kept.capacity() <= bytes {
            true => std::mem::take(&mut kept),
            false => Vec::new(),
        }
    }
}

/// A buffer that grows, and whose ids are written in any order.
#[derive(Debug)]
pub(super) struct OutputBuffer(RwLock<Memory>);

/// As many ids as fit, and the first of them: who may read this may write ids that nobody else writes.
#[derive(Debug)]
struct Memory {
    ids: Vec<MaybeUninit<u32>>,
    first: *mut MaybeUninit<u32>,
}

// SAFETY: the pointer is that of the vector, and writes through it do not overlap; see `OutputBuffer::put`.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl OutputBuffer {
    /// A buffer in this memory.
    pub fn new(spare: Vec<u32>) -> Self {
        let mut spare = ManuallyDrop::new(spare);
        let (first, capacity) = (spare.as_mut_ptr().cast(), spare.capacity());
        // SAFETY: the memory of a vector that is not dropped, and ids that may be anything need not be written.
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
                    // SAFETY: inside the vector, which does not move while anybody reads; nobody else writes there.
                    unsafe {
                        let place = memory.first.add(at).cast::<u32>();
                        place.copy_from_nonoverlapping(ids.as_ptr(), ids.len());
                    }
                    return;
                }
            }
            let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
            memory.grow(end, expected);
        }
    }

    /// The ids.
    ///
    /// # Safety
    /// So many were put, without a gap.
    pub unsafe fn finish(self, count: usize) -> Vec<u32> {
        let memory = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut ids = ManuallyDrop::new(memory.ids);
        // SAFETY: the memory of a vector that is not dropped, and the first `count` ids are written.
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
            // SAFETY: ids that may be anything need not be written.
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
        for spare in [0, 10, 3000] {
            let placed = OutputBuffer::new(Vec::with_capacity(spare));
            let placed_by = |worker: usize| {
                for piece in (worker..100).step_by(4) {
                    let ids: Vec<u32> = (0..50).map(|id| piece as u32 * 50 + id).collect();
                    // SAFETY: every piece is put once.
                    unsafe { placed.put(piece * 50, &ids, 0) };
                }
            };
            std::thread::scope(|scope| {
                let placed_by = &placed_by;
                (0..4).for_each(|worker| drop(scope.spawn(move || placed_by(worker))));
            });
            // SAFETY: a hundred pieces of fifty are put.
            let ids = unsafe { placed.finish(5000) };
            assert_eq!(ids, (0..5000).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn a_spare_is_for_a_batch_that_needs_it() {
        let spare = BufferPool::default();
        spare.give(Vec::with_capacity(8));
        assert_eq!(
            spare.take(usize::MAX).capacity(),
            0,
            "too small to be worth it"
        );
        spare.give(Vec::with_capacity(3 << 20));
        assert_eq!(spare.take(1000).capacity(), 0, "too large for so few bytes");
        let kept = if cfg!(target_os = "linux") {
            3 << 20
        } else {
            0
        };
        assert_eq!(spare.take(9 << 20).capacity(), kept);
        assert_eq!(spare.take(9 << 20).capacity(), 0, "taken");
    }
}
