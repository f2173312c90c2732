//! What a sampled response says: where its reasoning ends, what it answers, and whether that is the gold answer.

mod parts;

pub use parts::{Parts, parts};
