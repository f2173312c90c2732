//! Work on several threads, its results in order.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::error::EngineError;

/// Runs `work` for `0..count` on so many threads and returns the results in order.
///
/// # Errors
/// That of a call that failed, [`EngineError::Cancelled`] if `cancel` is set.
pub fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    cancel: &AtomicBool,
    work: impl Fn(usize) -> Result<T, EngineError> + Sync + Send,
) -> Result<Vec<T>, EngineError> {
    let work = |number| match cancel.load(Ordering::Relaxed) {
        true => Err(EngineError::Cancelled),
        false => work(number),
    };
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        return (0..count).map(work).collect();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool
        .build()
        .map_err(|error| EngineError::Internal(format!("threads: {error}")))?;
    pool.install(|| {
        (0..count)
            .into_par_iter()
            .with_max_len(1)
            .map(work)
            .collect()
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
