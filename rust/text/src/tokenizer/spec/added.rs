//! Added tokens: found in the text before it is cut into words.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::TextError;

/// An entry of `added_tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct AddedToken {
    /// Its id; what a folder adds to a file gets one from the tokenizer.
    pub id: u32,
    /// Its text.
    pub content: String,
    /// Whether it stays text inside a word.
    pub single_word: bool,
    /// Whether it swallows the white space before it.
    pub lstrip: bool,
    /// Whether it swallows the white space after it.
    pub rstrip: bool,
    /// Whether it is looked for in the normalised text.
    pub normalized: bool,
    /// Whether it stays text where a user typed it.
    pub special: bool,
}

/// What the other files of a model's folder add to its `tokenizer.json`, as `transformers` puts them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Additions {
    /// Added tokens that the file has not, or defines otherwise.
    pub added: Vec<AddedToken>,
    /// What replaces `add_prefix_space` of a lone `ByteLevel` pre-tokenizer, if anything does.
    pub add_prefix_space: Option<bool>,
}

impl AddedToken {
    /// The same token for the crate.
    pub fn of_crate(&self) -> tokenizers::AddedToken {
        tokenizers::AddedToken {
            content: self.content.clone(),
            single_word: self.single_word,
            lstrip: self.lstrip,
            rstrip: self.rstrip,
            normalized: self.normalized,
            special: self.special,
        }
    }
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
