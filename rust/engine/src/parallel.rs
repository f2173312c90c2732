//! Work on several threads, which can be cancelled.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::EngineError;

/// As [`octomed_curate::in_parallel`], looking before each call whether to go on.
///
/// # Errors
/// The first in order of those met, or [`EngineError::Cancelled`] if `cancel` is set.
pub fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    cancel: &AtomicBool,
    work: impl Fn(usize) -> Result<T, EngineError> + Sync,
) -> Result<Vec<T>, EngineError> {
    octomed_curate::in_parallel(threads, count, |number| {
        if cancel.load(Ordering::Relaxed) {
            return Err(EngineError::Cancelled);
        }
        work(number)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn results_are_in_order_on_any_number_of_threads() {
        for threads in [0, 1, 2, 7] {
            for count in [0, 1, 100] {
                let found = in_parallel(threads, count, &AtomicBool::new(false), Ok).unwrap();
                assert_eq!(found, (0..count).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_failure_and_a_cancel_end_it() {
        for threads in [1, 2] {
            let fails = |number| match number {
                3 => Err(EngineError::Internal("three".to_owned())),
                _ => Ok(()),
            };
            let error = in_parallel(threads, 10, &AtomicBool::new(false), fails).unwrap_err();
            assert_eq!(error.to_string(), "three");
            let error = in_parallel(threads, 10, &AtomicBool::new(true), |_| Ok(())).unwrap_err();
            assert!(matches!(error, EngineError::Cancelled));
        }
    }
}
