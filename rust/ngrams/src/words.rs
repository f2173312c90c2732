//! The words of a text, as Python's `text.lower().split()` gives them.

use std::borrow::Cow;
use std::ops::Range;

/// Whether Python's `str.split` takes the character as white space: Unicode's, and four separators of ASCII.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// The text in lower case with one blank between its words.
///
/// ```
/// use octomed_ngrams::normalised;
/// assert_eq!(normalised(" What\u{a0}NOW?\n"), "what now?");
/// ```
#[must_use]
pub fn normalised(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !result.is_empty() {
            result.push(' ');
        }
        if word.is_ascii() {
            let begin = result.len();
            result.push_str(word);
            result[begin..].make_ascii_lowercase();
        } else {
            result.push_str(&word.to_lowercase());
        }
    }
    result
}

/// The text, or where it is not ASCII its normalised form: what remains to be done for each byte is ASCII's.
pub(crate) fn ready(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(normalised(text))
    }
}

/// A normalised text, and where its words are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    text: String,
    /// Where each word begins, and where one more would.
    starts: Vec<u32>,
}

impl Words {
    /// The words of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_normalised(normalised(text))
    }

    pub(crate) fn of_normalised(text: String) -> Self {
        let blanks = text.bytes().enumerate().filter(|(_, byte)| *byte == b' ');
        let begins = blanks.map(|(blank, _)| blank as u32 + 1);
        let first = (!text.is_empty()).then_some(0);
        let mut starts: Vec<u32> = first.into_iter().chain(begins).collect();
        starts.push(text.len() as u32 + 1);
        if text.is_empty() {
            starts.clear();
        }
        Self { text, starts }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Some words, one blank between them.
    #[must_use]
    pub fn slice(&self, words: Range<usize>) -> &str {
        if words.is_empty() {
            return "";
        }
        let end = self.starts[words.end] as usize - 1;
        &self.text[self.starts[words.start] as usize..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_python() {
        assert_eq!(
            normalised("\u{3000}ÉCOLE \t 问题\u{a0}X\x1fy\x1c"),
            "école 问题 x y"
        );
        assert_eq!(normalised("ΟΔΟΣ ΣΣ\u{85}İ"), "οδος σς i\u{307}");
        assert_eq!(normalised("a\u{200b}b\u{feff}"), "a\u{200b}b\u{feff}");
        assert_eq!(normalised(" \n\t"), "");
    }

    #[test]
    fn words_are_where_they_stand() {
        let words = Words::of(" The  Heart,\nfails ");
        assert_eq!(words.len(), 3);
        assert_eq!(words.slice(0..3), "the heart, fails");
        assert_eq!(words.slice(1..2), "heart,");
        assert_eq!(words.slice(2..2), "");
        assert!(Words::of("  ").is_empty());
        assert_eq!(Words::of("").len(), 0);
        assert_eq!(Words::default().len(), 0);
    }
}
