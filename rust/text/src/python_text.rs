//! Python's idea of white space, which is Unicode's and the four separators U+001C to U+001F.

/// Whether Python's `str.isspace` says so of this character.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Python's `str.strip()`, and what the `trim` filter of Jinja does.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}
