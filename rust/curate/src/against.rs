//! Evaluation sets beside what is trained on.

use std::sync::{Arc, OnceLock};

use octomed_vision::DecodeRules;

use crate::contamination::Contamination;
use crate::evaluation::Evaluation;

/// Evaluation sets, and what was found of them in what is trained on.
#[derive(Debug)]
pub struct Against {
    /// The sets.
    pub evaluation: Arc<Evaluation>,
    /// Threads that look.
    pub threads: usize,
    /// By which rules pictures of the store are decoded.
    pub rules: DecodeRules,
    /// What was found; empty until the rules have run.
    pub found: OnceLock<Contamination>,
}
