//! The added tokens of a tokenizer as the `tokenizers` crate registers them, quirks included.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::tokenizer::spec::added::AddedToken;

/// What became of the lists of added tokens that were given, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    ids: HashMap<String, u32>,
    by_id: BTreeMap<u32, AddedToken>,
    /// Every pattern in the order of the crate: a token that is redefined keeps its old pattern.
    special: Vec<AddedToken>,
    other: Vec<AddedToken>,
    ever_special: HashSet<String>,
}

/// The vocabulary of the model, as far as added tokens ask for it.
pub(crate) struct Model<'m> {
    pub size: u32,
    pub id: &'m dyn Fn(&str) -> Option<u32>,
}

impl Registry {
    /// Adds a list as `Tokenizer::add_tokens` does.
    pub fn add(&mut self, tokens: &[AddedToken], model: &Model<'_>) {
        for token in tokens
            .iter()
            .filter(|token| token.special && !token.content.is_empty())
        {
            if self.ever_special.insert(token.content.clone()) {
                self.special.push(token.clone());
            }
        }
        let mut next = match self.by_id.last_key_value() {
            Some((last, _)) if *last >= model.size || model.size == 0 => last.saturating_add(1),
            _ => model.size,
        };
        for token in tokens {
            if token.content.is_empty() || self.is_known(token) {
                continue;
            }
            let id = self.id(&token.content, model).unwrap_or_else(|| {
                next = next.saturating_add(1);
                next.saturating_sub(1)
            });
            self.ids.insert(token.content.clone(), id);
            self.by_id.insert(
                id,
                AddedToken {
                    id,
                    ..token.clone()
                },
            );
            if !self.ever_special.contains(&token.content) {
                self.other.push(token.clone());
            }
        }
    }

    /// Whether the token is defined so already.
    fn is_known(&self, token: &AddedToken) -> bool {
        let known = self
            .ids
            .get(&token.content)
            .and_then(|id| self.by_id.get(id));
        known.is_some_and(|known| same(known, token))
    }

    fn id(&self, content: &str, model: &Model<'_>) -> Option<u32> {
        self.ids
            .get(content)
            .copied()
            .or_else(|| (model.id)(content))
    }

    /// The token of an id, as it was defined last.
    pub fn by_id(&self) -> &BTreeMap<u32, AddedToken> {
        &self.by_id
    }

    /// The patterns that are looked for before normalising, or after: each with the id that it stands for.
    pub fn patterns(&self, normalized: bool) -> impl Iterator<Item = (&str, u32)> {
        let all = self.special.iter().chain(&self.other);
        let wanted = all.filter(move |token| token.normalized == normalized);
        wanted.filter_map(|token| Some((token.content.as_str(), *self.ids.get(&token.content)?)))
    }
}

/// Whether two definitions are equal, ids apart.
fn same(left: &AddedToken, right: &AddedToken) -> bool {
    AddedToken {
        id: 0,
        ..left.clone()
    } == AddedToken {
        id: 0,
        ..right.clone()
    }
}
