//! Numbers of a patient's record: known by their label alone.

use std::ops::Range;

use super::label_words::RECORD;
use super::labels::stands_before;
use super::number::Number;

/// The record number that the first group of `number` is a part of: a word of letters, digits and hyphens with at least four
/// digits, behind a label.
pub(super) fn find(number: &Number<'_>) -> Option<Range<usize>> {
    let start = token_start(number);
    let count = number.joined_count();
    let end = number.token_end(count);
    let digits = number.text.as_bytes()[start..end]
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .count();
    (digits >= 4 && stands_before(number.text, start, &RECORD)).then_some(start..end)
}

/// The word of letters and hyphens before the digits, as in `AB-12345`; a hyphen at its beginning is not of it.
fn token_start(number: &Number<'_>) -> usize {
    let bytes = &number.text.as_bytes()[..number.start()];
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'-' | b'/');
    let length = bytes.iter().rev().take(12).take_while(is_part).count();
    let start = number.start() - length;
    start
        + bytes[start..]
            .iter()
            .take_while(|byte| matches!(**byte, b'-' | b'/'))
            .count()
}
