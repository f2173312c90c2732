//! Which traces stay: verdicts, exact duplicates, and unique trace ids.
//!
//! Every decision reads the index only; the order in which they apply is that of [`Verdict`].

mod duplicates;
mod trace_ids;
mod verdict;

pub use duplicates::{Duplicate, Fingerprint, Place, exact_duplicates};
pub use trace_ids::{Renamed, rename_collisions};
pub use verdict::Verdict;
