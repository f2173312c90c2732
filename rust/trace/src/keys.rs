//! Keys of rows that name their columns themselves: for messages and for people.

use std::collections::HashSet;

use crate::json;

/// Keys in the order in which they appear.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    found: Vec<String>,
    seen: HashSet<String>,
}

impl Keys {
    pub(crate) fn add(&mut self, key: &str) {
        if !self.seen.contains(key) {
            self.seen.insert(key.to_owned());
            self.found.push(key.to_owned());
        }
    }

    /// Adds the keys of an object; one that is not UTF-8 has none, as its reader says.
    pub(crate) fn add_object(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        json::keys_of(text, |key| self.add(&key));
    }

    pub(crate) fn into_found(self) -> Vec<String> {
        self.found
    }
}
