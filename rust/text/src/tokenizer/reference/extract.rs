//! Added tokens cut out of a text as the `tokenizers` crate does it, where the template says which special ones are
//! meant.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

use super::registry::Registry;
use crate::TextError;
use crate::tokenizer::spec::added::AddedToken;

static STARTS_WITH_WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\w").ok());

/// A token that was found: its bytes with the white space that it swallows, and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub bytes: Range<usize>,
    pub id: u32,
}

/// A control token that the template wrote, in the bytes of the text that is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub bytes: Range<usize>,
    pub id: u32,
}

/// Patterns of added tokens, and what is known of each.
#[derive(Debug)]
pub(crate) struct Patterns {
    search: Option<AhoCorasick>,
    /// The token of each pattern, as it was defined last.
    tokens: Vec<AddedToken>,
}

impl Patterns {
    /// The patterns looked for before normalising, or after it; `written` says how a pattern looks then.
    pub fn new(
        registry: &Registry,
        normalized: bool,
        written: impl Fn(&str) -> String,
    ) -> Result<Self, TextError> {
        let (mut texts, mut tokens) = (Vec::new(), Vec::new());
        for (content, id) in registry.patterns(normalized) {
            let text = written(content);
            if text.is_empty() {
                let reason =
                    format!("its normaliser leaves nothing of its added token `{content}`");
                return Err(TextError::TokenizerFile(reason));
            }
            texts.push(text);
            tokens.extend(registry.by_id().get(&id).cloned());
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&texts)
            .map_err(|error| TextError::TokenizerFile(error.to_string()))?;
        Ok(Self {
            search: (!texts.is_empty()).then_some(search),
            tokens,
        })
    }

    /// Whether there is a pattern of this token.
    pub fn knows(&self, id: u32) -> bool {
        self.tokens.iter().any(|token| token.id == id)
    }

    /// Whether any token swallows the white space next to it.
    pub fn strip(&self) -> bool {
        self.tokens.iter().any(|token| token.lstrip || token.rstrip)
    }

    /// The tokens in `text`: those of `wanted`, and between them those that are not special.
    ///
    /// A wanted token needs no pattern here. It is an error if it is inside a word and may not.
    pub fn between(
        &self,
        text: &str,
        wanted: &[Wanted],
        registry: &Registry,
    ) -> Result<Vec<Found>, TextError> {
        let mut found = Vec::new();
        let mut at = 0;
        for control in wanted {
            self.plain(text, at..control.bytes.start, &mut found);
            let token = registry.by_id().get(&control.id);
            let token = token.filter(|token| *token.content == text[control.bytes.clone()]);
            match token {
                Some(token) if !push(text, control.bytes.clone(), token, &mut found) => {
                    return Err(unfound(token));
                }
                Some(_) => {}
                None => found.push(Found {
                    bytes: control.bytes.clone(),
                    id: control.id,
                }),
            }
            at = control.bytes.end;
        }
        self.plain(text, at..text.len(), &mut found);
        Ok(found)
    }

    /// The tokens that are not special in a part of `text`.
    fn plain(&self, text: &str, part: Range<usize>, found: &mut Vec<Found>) {
        let Some(search) = &self.search else { return };
        for hit in search.find_iter(&text[part.clone()]) {
            let token = &self.tokens[hit.pattern().as_usize()];
            if !token.special {
                push(
                    text,
                    part.start + hit.start()..part.start + hit.end(),
                    token,
                    found,
                );
            }
        }
    }

    /// The tokens in a normalised text; a special one counts where `is_wanted` says that the template wrote it.
    pub fn normalised(
        &self,
        text: &str,
        mut is_wanted: impl FnMut(&Range<usize>, u32) -> bool,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        for hit in self.search.iter().flat_map(|search| search.find_iter(text)) {
            let token = &self.tokens[hit.pattern().as_usize()];
            if !token.special || is_wanted(&hit.range(), token.id) {
                push(text, hit.range(), token, &mut found);
            }
        }
        found
    }
}

/// Appends a token with the white space that it swallows, unless it is inside a word and may not.
fn push(text: &str, bytes: Range<usize>, token: &AddedToken, found: &mut Vec<Found>) -> bool {
    let Range { mut start, mut end } = bytes;
    if token.single_word && (ends_with_word(&text[..start]) || starts_with_word(&text[end..])) {
        return false;
    }
    let taken = found.last().map_or(0, |earlier| earlier.bytes.end);
    if token.lstrip {
        start = text[..start].trim_end().len().max(taken);
    }
    if token.rstrip {
        end = text.len() - text[end..].trim_start().len();
    }
    found.push(Found {
        bytes: start..end,
        id: token.id,
    });
    true
}

/// What to say of a token that the template writes and the tokenizer does not find there.
pub(crate) fn unfound(token: &AddedToken) -> TextError {
    let why = if token.single_word {
        "`single_word`"
    } else {
        "`normalized`"
    };
    TextError::Encode(format!(
        "the chat template writes `{}` where the tokenizer does not find it: the token is {why}",
        token.content
    ))
}

fn starts_with_word(text: &str) -> bool {
    STARTS_WITH_WORD
        .as_ref()
        .is_some_and(|word| word.is_match(text))
}

fn ends_with_word(text: &str) -> bool {
    let last = text.char_indices().next_back();
    last.is_some_and(|(at, _)| starts_with_word(&text[at..]))
}
