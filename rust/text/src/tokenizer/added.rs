//! Added tokens: found in the text before it is cut into words.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::TextError;

/// An entry of `added_tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub(crate) struct AddedToken {
    pub id: u32,
    pub content: String,
    pub single_word: bool,
    pub lstrip: bool,
    pub rstrip: bool,
    pub normalized: bool,
    pub special: bool,
}

/// Finds added tokens, leftmost and longest first.
#[derive(Debug)]
pub(crate) struct Finder {
    search: Option<AhoCorasick>,
    /// The id of each pattern; none for a special token, which stays text.
    ids: Vec<Option<u32>>,
}

impl Finder {
    /// A finder of `tokens`, each with its text as it is looked for.
    ///
    /// Special tokens are looked for too: a match of one hides what overlaps it, then stays text.
    pub fn new(tokens: &[(&AddedToken, String)]) -> Result<Self, TextError> {
        let ids: Vec<_> = tokens
            .iter()
            .map(|(token, _)| (!token.special).then_some(token.id))
            .collect();
        if ids.iter().all(Option::is_none) {
            return Ok(Self { search: None, ids });
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens.iter().map(|(_, text)| text))
            .map_err(|error| TextError::TokenizerFile(error.to_string()))?;
        Ok(Self {
            search: Some(search),
            ids,
        })
    }

    /// Every token in `text` that becomes an id: its first byte, the byte after it, the id.
    pub fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize, u32)> + 'a {
        let matches = self
            .search
            .iter()
            .flat_map(move |search| search.find_iter(text));
        matches.filter_map(|found| {
            let id = self.ids[found.pattern().as_usize()]?;
            Some((found.start(), found.end(), id))
        })
    }
}
