//! Which traces stay: a list of rules over the index, and unique trace ids.
//!
//! A rule is a file here, a line in [`rules`], and a key of [`Curate`], which is spelled as the recipe spells it. It takes
//! the index and says which traces it leaves out; the passes around it know only the list.

mod against;
mod class_count;
mod components;
mod contaminated;
mod contaminated_pictures;
mod contaminated_words;
mod contamination;
mod decontaminate;
mod diverse;
mod evaluation;
mod exact_duplicates;
mod excluded;
mod forest;
mod in_parallel;
mod lost;
mod lots;
mod mix;
mod near_candidates;
mod near_duplicates;
mod near_found;
mod near_hashes;
mod near_settings;
mod one_answer;
mod over_long;
mod over_patches;
mod pass_rate;
mod questions;
mod rule;
mod rules;
mod settings;
mod shared_images;
mod sources;
mod strata;
mod texts;
mod thresholds;
mod trace_ids;
mod traces_per_question;
mod validation;

pub use against::Against;
pub use class_count::ClassCount;
pub use components::Links;
pub use contaminated::{Contaminated, ContaminatedPictures};
pub use contamination::{
    Contamination, Leaving, NearPair, Reason, SetCounts, Shared, SourceContamination,
};
pub use decontaminate::{Decontaminate, NearPictures, Pictures, SharedWords, Templates};
pub use evaluation::{Evaluation, EvaluationPicture, EvaluationQuestion, EvaluationSet, GRAY_SIDE};
pub use exact_duplicates::ExactDuplicates;
pub use excluded::{ExcludedRow, Exclusion};
pub use in_parallel::in_parallel;
pub use lost::{Lost, LostSource, SharedPictures};
pub use mix::GroupMix;
pub use near_duplicates::{NearDuplicates, NearWork};
pub use near_found::{NearCluster, NearClusters, NearFound, NearMember};
pub use near_settings::{NearAction, NearKeep, NearScope, NearSettings};
pub use over_long::OverLong;
pub use over_patches::OverPatches;
pub use pass_rate::PassRate;
pub use rule::{CurateError, Rejects, Rule};
pub use rules::{PackLimits, needs, rules};
pub use settings::{Curate, Duplicates, ImageDuplicates, OverLongPolicy};
pub use shared_images::{SharedImage, SharedImages, SharedPlace, shared_images};
pub use strata::{PerClass, Stratify};
pub use texts::Texts;
pub use thresholds::{Thresholds, detail, failed};
pub use trace_ids::{Renamed, rename_collisions};
pub use traces_per_question::{KeepBy, KeepTraces};
pub use validation::Validation;

#[cfg(test)]
mod near_tests;
