//! Which traces stay: a list of rules over the index, and unique trace ids.
//!
//! A rule is a file here, a line in [`rules`], and a key of [`Curate`], which is spelled as the recipe spells it. It takes
//! the index and says which traces it leaves out; the passes around it know only the list.

mod class_count;
mod components;
mod diverse;
mod exact_duplicates;
mod excluded;
mod forest;
mod lots;
mod mix;
mod one_answer;
mod over_long;
mod over_patches;
mod pass_rate;
mod questions;
mod rule;
mod rules;
mod settings;
mod shared_images;
mod strata;
mod thresholds;
mod trace_ids;
mod traces_per_question;
mod validation;

pub use class_count::ClassCount;
pub use components::Links;
pub use exact_duplicates::ExactDuplicates;
pub use excluded::{ExcludedRow, Exclusion};
pub use mix::GroupMix;
pub use over_long::OverLong;
pub use over_patches::OverPatches;
pub use pass_rate::PassRate;
pub use rule::{CurateError, Rejects, Rule};
pub use rules::{PackLimits, needs, rules};
pub use settings::{Curate, Duplicates, ImageDuplicates, OverLongPolicy};
pub use shared_images::{SharedImage, SharedImages, SharedPlace, shared_images};
pub use strata::{PerClass, Stratify};
pub use thresholds::{Thresholds, detail, failed};
pub use trace_ids::{Renamed, rename_collisions};
pub use traces_per_question::{KeepBy, KeepTraces};
pub use validation::Validation;
