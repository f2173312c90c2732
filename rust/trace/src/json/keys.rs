//! The keys of a row, to name columns in messages; reading rows never needs all of them.

use std::borrow::Cow;

use super::Reader;

/// Calls `see` for each top-level key of the object `text`, up to the first fault; a text of another kind has none.
pub(crate) fn keys_of<'a>(text: &'a str, mut see: impl FnMut(Cow<'a, str>)) {
    let mut reader = Reader::new(text);
    reader.space();
    if reader.peek() != Some(b'{') {
        return;
    }
    reader.at += 1;
    // What is wrong with the row is said by those who read it; the keys before the fault are its columns all the same.
    let _ = reader.members(|reader, key| {
        see(key);
        reader.skip(1)
    });
}
