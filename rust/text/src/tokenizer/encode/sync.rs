//! Locks of workers that share a result.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The content of a mutex; a worker that panicked while it held the lock makes no difference.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
