//! The parts of a tokenizer that a file brings along and that could do without end, run with limits.
//!
//! The limits are counts: what the same text costs is the same on every machine.

mod budget;
mod decoding;
mod normalising;
mod outside;
mod pattern;
mod pre_tokenizing;
mod replacement;

pub(crate) use budget::{Budget, Exceeded};
pub(crate) use decoding::Decoding;
pub(crate) use normalising::Normalising;
pub(crate) use outside::check as check_file;
pub(crate) use pre_tokenizing::PreTokenizing;
