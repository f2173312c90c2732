//! A trace's turns to token ids and loss spans: chat templates, tokenizers, masks.

mod rendered;

pub use rendered::{Control, Rendered};
