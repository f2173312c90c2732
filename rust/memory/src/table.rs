//! A table in huge pages: its places are random, and address translation counts.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::{HUGE, advise};

/// A fixed number of plain values at a multiple of 2 MiB.
pub struct HugeTable<T: Copy + Send + Sync> {
    values: NonNull<T>,
    length: usize,
}

// SAFETY: the table owns its values alone, as a box does.
unsafe impl<T: Copy + Send + Sync> Send for HugeTable<T> {}
// SAFETY: shared access only reads.
unsafe impl<T: Copy + Send + Sync> Sync for HugeTable<T> {}

impl<T: Copy + Send + Sync> HugeTable<T> {
    /// `length` copies of `value`.
    ///
    /// # Panics
    /// When there are none, or of a type without a size.
    #[must_use]
    pub fn new(value: T, length: usize) -> Self {
        let layout = Self::layout(length);
        // SAFETY: the layout has a size, as the caller promises and `layout` checks.
        let memory = unsafe { alloc(layout) };
        let Some(values) = NonNull::new(memory.cast::<T>()) else {
            handle_alloc_error(layout)
        };
        advise(memory, layout.size());
        for at in 0..length {
            // SAFETY: `at` is inside the allocation.
            unsafe { values.add(at).write(value) };
        }
        Self { values, length }
    }

    fn layout(length: usize) -> Layout {
        assert!(length > 0 && size_of::<T>() > 0, "an empty table");
        match Layout::array::<T>(length).and_then(|layout| layout.align_to(HUGE)) {
            Ok(layout) => layout,
            Err(_) => handle_alloc_error(Layout::new::<T>()),
        }
    }
}

impl<T: Copy + Send + Sync> Drop for HugeTable<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout; plain values need no drop.
        unsafe { dealloc(self.values.as_ptr().cast(), Self::layout(self.length)) };
    }
}

impl<T: Copy + Send + Sync> Deref for HugeTable<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `new` has written all `length` values.
        unsafe { std::slice::from_raw_parts(self.values.as_ptr(), self.length) }
    }
}

impl<T: Copy + Send + Sync> DerefMut for HugeTable<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.values.as_ptr(), self.length) }
    }
}

impl<T: Copy + Send + Sync> fmt::Debug for HugeTable<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a table of {}", self.length)
    }
}
