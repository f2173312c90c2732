//! Limits for code that comes with files: templates, patterns, and the settings of tokenizers.
//!
//! Every limit is a count, never a time, so that the same row meets it on every machine.

mod comparing;
mod fuel;
mod guard;
mod held;
mod methods;
mod operands;
mod source;
mod text;
mod tokens;

pub use fuel::{Fueled, is_out_of_fuel};
pub use guard::{Panicked, guard};
pub use methods::method;
pub use source::construct_length;
pub use text::{charge_bytes, charge_items, print, written};
