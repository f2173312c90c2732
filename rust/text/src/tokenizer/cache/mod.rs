//! Words that were met before, and their ids.

pub(super) mod hot;
pub(super) mod token_ids;
pub(super) mod words;
