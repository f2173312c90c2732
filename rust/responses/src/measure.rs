//! What is measured of a response, and which filter of a recipe it fails.

mod decide;
mod format;
mod letter;
mod loops;
mod looser;
mod markup;
mod markup_names;
mod measures;
mod reasoning;
mod refusal;
mod refusal_phrases;
mod repetition;
mod scratch;
mod script;
mod script_table;
mod settings;

pub use decide::{Fault, FaultKind, Figure, decide};
pub use format::Format;
pub use measures::{Measures, Response, flags, measure};
pub use scratch::Scratch;
pub use script::Script;
pub use settings::{
    Action, Filter, Identifying, Language, Length, Limits, MeasureSettings, Repetition,
};

#[cfg(test)]
mod tests;
