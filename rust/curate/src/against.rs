//! Evaluation sets beside what is trained on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use octomed_vision::DecodeRules;

use crate::CurateError;
use crate::contamination::Contamination;
use crate::evaluation::Evaluation;

/// Evaluation sets, and what was found of them in what is trained on.
#[derive(Debug)]
pub struct Against {
    /// The sets.
    pub evaluation: Arc<Evaluation>,
    /// Threads that look.
    pub threads: usize,
    /// Ends the search early once it is set.
    pub cancel: Arc<AtomicBool>,
    /// By which rules pictures of the store are decoded.
    pub rules: DecodeRules,
    /// What was found; empty until the rules have run.
    pub found: OnceLock<Contamination>,
}

impl Against {
    /// Ends the search where it is cancelled.
    pub(crate) fn check(&self) -> Result<(), CurateError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(CurateError::Cancelled);
        }
        Ok(())
    }
}
