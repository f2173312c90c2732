//! Which traces stay: a list of rules over the index, and unique trace ids.
//!
//! A rule is a file here, a line in [`rules`], and a key of [`Curate`], which is spelled as the recipe spells it. It takes
//! the index and says which traces it leaves out; the passes around it know only the list.

mod against;
mod contaminated;
mod contaminated_pictures;
mod contaminated_words;
mod contamination;
mod decontaminate;
mod evaluation;
mod exact_duplicates;
mod in_parallel;
mod lost;
mod near_hashes;
mod over_long;
mod over_patches;
mod rule;
mod rules;
mod settings;
mod shared_images;
mod sources;
mod thresholds;
mod trace_ids;

pub use against::Against;
pub use contaminated::{Contaminated, ContaminatedPictures};
pub use contamination::{
    Contamination, Leaving, NearPair, Reason, SetCounts, Shared, SourceContamination,
};
pub use decontaminate::{Decontaminate, NearPictures, Pictures, SharedWords, Templates};
pub use evaluation::{Evaluation, EvaluationPicture, EvaluationQuestion, EvaluationSet, GRAY_SIDE};
pub use exact_duplicates::ExactDuplicates;
pub use lost::{Lost, LostSource, SharedPictures};
pub use over_long::OverLong;
pub use over_patches::OverPatches;
pub use rule::{CurateError, Rejects, Rule};
pub use rules::{PackLimits, needs, rules};
pub use settings::{Curate, Duplicates, ImageDuplicates, OverLongPolicy};
pub use shared_images::{SharedImage, SharedImages, SharedPlace, shared_images};
pub use thresholds::{Thresholds, detail, failed};
pub use trace_ids::{Renamed, rename_collisions};
