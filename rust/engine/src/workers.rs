//! Who works on rows with images: workers that scan a block each, and those without one, which help.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The workers of a process.
#[derive(Debug, Default)]
pub struct Workers {
    at_work: Mutex<AtWork>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct AtWork {
    scanning: usize,
    helping: usize,
}

impl AtWork {
    fn count(self) -> usize {
        self.scanning + self.helping
    }
}

impl Workers {
    /// Counts a worker that scans a block, as long as the value lives.
    pub fn scanning(&self) -> Scanning<'_> {
        self.lock().scanning += 1;
        Scanning(self)
    }

    /// Waits until fewer than `most` are at work, and counts one that helps; nothing once `is_over` says so, which is
    /// asked whenever somebody ends, and after [`Self::tell`].
    pub fn helping(&self, most: usize, is_over: impl Fn() -> bool) -> Option<Helping<'_>> {
        let mut at_work = self.lock();
        while !is_over() {
            if at_work.count() < most {
                at_work.helping += 1;
                return Some(Helping(self));
            }
            let waited = self.changed.wait(at_work);
            at_work = waited.unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Whether more than `most` are at work: one that helps is to leave.
    pub fn are_too_many(&self, most: usize) -> bool {
        self.lock().count() > most
    }

    /// Has those that wait ask whether all is over.
    pub fn tell(&self) {
        drop(self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that scans a block.
#[derive(Debug)]
pub struct Scanning<'a>(&'a Workers);

impl Drop for Scanning<'_> {
    fn drop(&mut self) {
        self.0.lock().scanning -= 1;
        self.0.changed.notify_all();
    }
}

/// A worker that helps.
#[derive(Debug)]
pub struct Helping<'a>(&'a Workers);

impl Drop for Helping<'_> {
    fn drop(&mut self) {
        self.0.lock().helping -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn helpers_take_the_places_that_no_block_takes() {
        let workers = Workers::default();
        let (first, second) = (workers.scanning(), workers.scanning());
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let waits = scope.spawn(|| workers.helping(2, || over.load(Ordering::Relaxed)));
            thread::sleep(Duration::from_millis(20));
            assert!(!waits.is_finished());
            drop(first);
            let helping = waits.join().unwrap();
            assert!(helping.is_some() && !workers.are_too_many(2));
            let third = workers.scanning();
            assert!(workers.are_too_many(2));
            let waits = scope.spawn(|| workers.helping(2, || over.load(Ordering::Relaxed)));
            thread::sleep(Duration::from_millis(20));
            over.store(true, Ordering::Relaxed);
            workers.tell();
            assert!(waits.join().unwrap().is_none());
            drop((second, third, helping));
        });
        assert_eq!(workers.lock().count(), 0);
    }
}
