//! What a tokenizer is made of, read from a `tokenizer.json` or carried by the package.

pub(super) mod added;
pub(super) mod alphabet;
pub(super) mod builtin;
mod charsmap;
pub(super) mod file;
mod json;
pub(super) mod limits;
pub(super) mod outline;
pub(super) mod tokenizer_spec;
