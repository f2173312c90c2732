//! Near-duplicate texts: which there are among millions, without comparing each with each.
//!
//! A text is the set of its runs of words ([`Shingles`]). The scan makes a few [band keys](Sketcher) of it, and texts that
//! share one are compared exactly ([`jaccard`]). Nothing here knows traces, files or an index.

mod classes;
mod clusters;
mod groups;
mod lanes;
mod resolve;
mod shingles;
mod sketcher;
mod word_hash;
mod words;

pub use clusters::Clusters;
pub use groups::{Band, Groups};
pub use resolve::{Limits, MOST_KEPT, NearText, Resolved, Sets, resolve};
pub use shingles::{Runs, Shingles, jaccard, jaccard_from};
pub use sketcher::{Near, NearFault, Sketcher};
