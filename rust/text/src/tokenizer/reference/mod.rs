//! The `tokenizers` crate behind our interface: the fallback, and the oracle of the fast path.

mod extract;
mod metered;
mod registry;

use std::ops::Range;

use octomed_meter::{Panicked, guard};
use serde::Deserialize;
use tokenizers::{
    Model as _, ModelWrapper, NormalizedString, OffsetReferential, OffsetType,
    PostProcessorWrapper, PreTokenizedString, PreTokenizerWrapper, Token, Tokenizer as Crate,
    normalizer::Range as Part,
};

use self::extract::{Found, Patterns, Wanted, unfound};
use self::metered::{Budget, Decoding, Exceeded, Normalising, PreTokenizing, check_file};
use self::registry::{Model, Registry};
use crate::tokenizer::span_aligner::SpanAligner;
use crate::tokenizer::spec::added::{AddedToken, Additions};
use crate::{Control, Rendered, TextError};

/// A tokenizer of the `tokenizers` crate, set so that special tokens in content stay text.
#[derive(Debug)]
pub(crate) struct Reference {
    tokenizer: Crate,
    registry: Registry,
    normalising: Normalising,
    pre_tokenizing: PreTokenizing,
    decoding: Decoding,
    raw: Patterns,
    normalised: Patterns,
}

/// The added tokens of a file, and nothing else of it.
#[derive(Deserialize)]
struct AddedOf {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

impl Reference {
    /// The tokenizer of a file, and what else a folder says of it.
    pub fn from_json(bytes: &[u8], additions: &Additions) -> Result<Self, TextError> {
        let work = || {
            check_file(bytes, &additions.added).map_err(TextError::TokenizerFile)?;
            Self::read(bytes, additions)
        };
        guard(work).unwrap_or_else(|Panicked(why)| {
            let why = format!("the `tokenizers` crate fails on it: {why}");
            Err(TextError::TokenizerFile(why))
        })
    }

    fn read(bytes: &[u8], additions: &Additions) -> Result<Self, TextError> {
        let extra = &additions.added[..];
        let fail = |error: tokenizers::Error| TextError::TokenizerFile(error.to_string());
        let mut tokenizer = Crate::from_bytes(bytes).map_err(fail)?;
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        tokenizer.with_truncation(None).map_err(fail)?;
        tokenizer.with_padding(None);
        tokenizer.set_encode_special_tokens(true);
        without_dropout(&mut tokenizer);
        additions
            .add_prefix_space
            .iter()
            .for_each(|add| set_prefix_space(&mut tokenizer, *add));
        let added: AddedOf = serde_json::from_slice(bytes)
            .map_err(|error| TextError::TokenizerFile(error.to_string()))?;
        let given: Vec<_> = extra.iter().map(AddedToken::of_crate).collect();
        if !given.is_empty() {
            tokenizer.add_tokens(&given);
        }
        let registry = registry(&tokenizer, &added.added_tokens, extra);
        let normalising = Normalising::new(tokenizer.get_normalizer());
        let normalising = normalising.map_err(TextError::TokenizerFile)?;
        let pre_tokenizing = PreTokenizing::new(tokenizer.get_pre_tokenizer());
        let decoding = Decoding::new(tokenizer.get_decoder());
        let written = |content: &str| {
            let mut text = NormalizedString::from(content);
            let budget = Budget::of(content.len());
            if normalising.normalise(&mut text, &budget).is_ok() {
                text.get().to_owned()
            } else {
                content.to_owned()
            }
        };
        let raw = Patterns::new(&registry, false, ToOwned::to_owned)?;
        let normalised = Patterns::new(&registry, true, written)?;
        Ok(Self {
            raw,
            normalised,
            registry,
            normalising,
            pre_tokenizing: pre_tokenizing.map_err(TextError::TokenizerFile)?,
            decoding: decoding.map_err(TextError::TokenizerFile)?,
            tokenizer,
        })
    }

    /// Appends the ids of `text`.
    pub fn encode_text(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TextError> {
        let budget = Budget::of(text.len());
        guarded(|| {
            let pieces = self.pieces(text, &[], &budget)?;
            let encoding = pieces.into_encoding(None, 0, OffsetType::None);
            ids.extend_from_slice(encoding.map_err(fail)?.get_ids());
            Ok(())
        })
    }

    /// The ids of `text` as the crate alone gives them.
    #[cfg(test)]
    pub fn by_crate(&self, text: &str) -> Option<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, false).ok()?;
        Some(encoding.get_ids().to_vec())
    }

    /// Appends the ids of a rendered trace, whose controls must ascend and be disjoint.
    ///
    /// The text is cut, normalised and cut again as a whole, as `transformers` has it done: what a segment
    /// becomes may depend on where in the text it stands.
    pub fn encode(
        &self,
        rendered: &Rendered,
        ids: &mut Vec<u32>,
        aligner: &mut SpanAligner,
    ) -> Result<(), TextError> {
        guarded(|| self.encode_unguarded(rendered, ids, aligner))
    }

    fn encode_unguarded(
        &self,
        rendered: &Rendered,
        ids: &mut Vec<u32>,
        aligner: &mut SpanAligner,
    ) -> Result<(), TextError> {
        let text = rendered.text.as_str();
        let pieces = self.pieces(text, &rendered.controls, &Budget::of(text.len()))?;
        let uncovered = match aligner.next() {
            Some(_) => uncovered(&pieces, aligner)?,
            None => Vec::new(),
        };
        let repeats = rendered.controls.iter().any(|control| control.repeat != 1);
        let kind = if aligner.next().is_some() || repeats {
            OffsetType::Byte
        } else {
            OffsetType::None
        };
        let encoding = pieces.into_encoding(None, 0, kind).map_err(fail)?;
        if aligner.next().is_none() && !repeats {
            ids.extend_from_slice(encoding.get_ids());
            return Ok(());
        }
        let mut offsets = encoding.get_offsets().to_vec();
        for (tokens, bytes) in uncovered {
            offsets[tokens].fill(bytes);
        }
        if self.raw.strip() || self.normalised.strip() {
            narrow(&mut offsets, encoding.get_ids(), &rendered.controls);
        }
        let offsets = if repeats {
            let tokens = encoding.get_ids().iter().copied().zip(offsets);
            repeated(tokens, &rendered.controls, ids)
        } else {
            ids.extend_from_slice(encoding.get_ids());
            offsets
        };
        aligner.resolve_by_offsets(text.len(), 0, &offsets);
        Ok(())
    }

    /// A text cut into words, each with its tokens.
    fn pieces(
        &self,
        text: &str,
        controls: &[Control],
        budget: &Budget,
    ) -> Result<PreTokenizedString, TextError> {
        let (late, early): (Vec<_>, Vec<_>) = controls
            .iter()
            .map(wanted)
            .partition(|control| self.is_late(control));
        let found = self.raw.between(text, &early, &self.registry)?;
        let mut pieces = PreTokenizedString::from(text);
        pieces.split(|_, whole| cut(&whole, &found)).map_err(fail)?;
        self.cut_normalised(&mut pieces, &late, budget)?;
        let cut = self.pre_tokenizing.cut(&mut pieces, text.len(), budget);
        cut.map_err(fail)?;
        let model = self.tokenizer.get_model();
        let tokenize = |piece: &NormalizedString| {
            budget.work(looked_up(model, piece.get()))?;
            model.tokenize(piece.get())
        };
        pieces.tokenize(tokenize).map_err(failed)?;
        Ok(pieces)
    }

    /// Whether a control token is looked for in the normalised text.
    fn is_late(&self, control: &Wanted) -> bool {
        !self.raw.knows(control.id) && self.normalised.knows(control.id)
    }

    /// Normalises every piece, and cuts the tokens out that are looked for then.
    fn cut_normalised(
        &self,
        pieces: &mut PreTokenizedString,
        late: &[Wanted],
        budget: &Budget,
    ) -> Result<(), TextError> {
        let mut met = 0;
        pieces
            .split(|_, mut piece| {
                self.normalising.normalise(&mut piece, budget)?;
                let base = piece.offsets_original().0;
                let found = self.normalised.normalised(piece.get(), |bytes, id| {
                    let original = piece.convert_offsets(Part::Normalized(bytes.clone()));
                    let is_next = late.get(met).zip(original).is_some_and(|(control, place)| {
                        control.id == id
                            && base + place.start <= control.bytes.start
                            && control.bytes.end == base + place.end
                    });
                    met += usize::from(is_next);
                    is_next
                });
                cut(&piece, &found)
            })
            .map_err(fail)?;
        let missed = late
            .get(met)
            .and_then(|control| self.registry.by_id().get(&control.id));
        missed.map_or(Ok(()), |token| Err(unfound(token)))
    }

    pub fn vocabulary_size(&self) -> usize {
        self.tokenizer
            .get_vocab(true)
            .into_values()
            .max()
            .map_or(0, |id| id as usize + 1)
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    pub fn special_tokens(&self) -> Vec<(String, u32)> {
        let special = self
            .registry
            .by_id()
            .iter()
            .filter(|(_, token)| token.special);
        special
            .map(|(id, token)| (token.content.clone(), *id))
            .collect()
    }

    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>, TextError> {
        let token = |id: &u32| {
            self.tokenizer
                .id_to_token(*id)
                .ok_or(TextError::UnknownId(*id))
        };
        let tokens: Vec<String> = ids.iter().map(token).collect::<Result<_, _>>()?;
        let text = guarded(|| self.decoding.decode(tokens).map_err(fail))?;
        Ok(text.into_bytes())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn fail(error: tokenizers::Error) -> TextError {
    match error.downcast_ref() {
        Some(Exceeded(what)) => TextError::Limit(what),
        None => TextError::Encode(error.to_string()),
    }
}

/// What a model says of a text that it has no tokens for, where the model names none for the unknown.
fn failed(error: tokenizers::Error) -> TextError {
    match fail(error) {
        TextError::Encode(reason) => TextError::Failed(reason),
        other => other,
    }
}

/// Work of the crate, whose panics hang on the text at hand.
fn guarded<T>(work: impl FnOnce() -> Result<T, TextError>) -> Result<T, TextError> {
    guard(work).unwrap_or_else(|Panicked(why)| Err(TextError::Failed(why)))
}

/// Work that a model has with a word beyond what its length says: WordPiece looks every part of it up.
fn looked_up(model: &ModelWrapper, word: &str) -> u64 {
    let ModelWrapper::WordPiece(model) = model else {
        return 1;
    };
    let characters = word
        .chars()
        .take(model.max_input_chars_per_word.saturating_add(1))
        .count();
    match characters {
        ..=100 => 1,
        count if count > model.max_input_chars_per_word => 1,
        count => (count as u64).saturating_pow(3) / 1024,
    }
}

fn without_dropout(tokenizer: &mut Crate) {
    if let ModelWrapper::BPE(model) = tokenizer.get_model()
        && model.dropout.is_some()
    {
        let mut model = model.clone();
        model.dropout = None;
        tokenizer.with_model(model);
    }
}

/// Sets what only a lone `ByteLevel` pre-tokenizer has.
fn set_prefix_space(tokenizer: &mut Crate, add: bool) {
    if let Some(PreTokenizerWrapper::ByteLevel(level)) = tokenizer.get_pre_tokenizer() {
        let level = level.add_prefix_space(add);
        tokenizer.with_pre_tokenizer(Some(level));
    }
}

fn registry(tokenizer: &Crate, added: &[AddedToken], extra: &[AddedToken]) -> Registry {
    let vocabulary = tokenizer.get_model();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an id of the crate has 32 bits"
    )]
    let size = vocabulary.get_vocab_size() as u32;
    let model = Model {
        size,
        id: &|content| vocabulary.token_to_id(content),
    };
    let mut registry = Registry::default();
    registry.add(added, &model);
    registry.add(extra, &model);
    registry
}

fn wanted(control: &Control) -> Wanted {
    Wanted {
        bytes: control.bytes.clone(),
        id: control.id,
    }
}

/// Tokens by their numbers, and the bytes of their piece.
type Uncovered = (Range<usize>, (usize, usize));

/// A piece cut at the tokens found in it.
type Cut = Vec<(NormalizedString, Option<Vec<Token>>)>;

fn cut(piece: &NormalizedString, found: &[Found]) -> tokenizers::Result<Cut> {
    let slice = |bytes: Range<usize>| {
        let slice = piece.slice(Part::Normalized(bytes));
        slice.ok_or_else(|| tokenizers::Error::from("an added token cuts a character"))
    };
    let mut cut = Vec::with_capacity(2 * found.len() + 1);
    let mut at = 0;
    for token in found {
        if at < token.bytes.start {
            cut.push((slice(at..token.bytes.start)?, None));
        }
        let text = slice(token.bytes.clone())?;
        let (value, length) = (text.get().to_owned(), text.get().len());
        cut.push((text, Some(vec![Token::new(token.id, value, (0, length))])));
        at = token.bytes.end;
    }
    if at < piece.get().len() {
        cut.push((slice(at..piece.get().len())?, None));
    }
    Ok(cut)
}

/// The tokens of pieces that their tokens do not cover, with the bytes of the piece: its offsets are not to be
/// believed. With the edge of a span inside it, where the tokens stand would have to be known.
///
/// BPE loses characters that it has no token for, and counts bytes wrong where it marks parts of words as well as
/// bytes.
fn uncovered(
    pieces: &PreTokenizedString,
    aligner: &SpanAligner,
) -> Result<Vec<Uncovered>, TextError> {
    let mut found = Vec::new();
    let mut at = 0;
    let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
    for (text, bytes, tokens) in splits {
        let first = at;
        at += tokens.as_ref().map_or(0, Vec::len);
        let covered = tokens
            .iter()
            .flatten()
            .next_back()
            .map(|token| token.offsets.1);
        if covered.is_none_or(|end| end == text.len()) {
            continue;
        }
        if aligner.any_inside(bytes.0, bytes.1) {
            let reason =
                "the tokenizer has no token for a character next to the edge of what is learned";
            return Err(TextError::Encode(reason.to_owned()));
        }
        found.push((first..at, bytes));
    }
    Ok(found)
}

/// Appends the ids of tokens, those of controls as often as they repeat; gives the offsets of all.
fn repeated(
    tokens: impl Iterator<Item = (u32, (usize, usize))>,
    controls: &[Control],
    ids: &mut Vec<u32>,
) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for (id, offsets) in tokens {
        let found = controls.binary_search_by_key(&offsets.0, |control| control.bytes.start);
        let control = found.ok().map(|number| &controls[number]);
        let repeat = control
            .filter(|control| control.id == id && control.bytes.end == offsets.1)
            .map_or(1, |control| control.repeat as usize);
        ids.extend(std::iter::repeat_n(id, repeat));
        all.extend(std::iter::repeat_n(offsets, repeat));
    }
    all
}

/// Gives each control token its own bytes: without the white space that it swallows.
fn narrow(offsets: &mut [(usize, usize)], ids: &[u32], controls: &[Control]) {
    let mut at = 0;
    for control in controls {
        let holds = |place: &usize| {
            let (start, end) = offsets[*place];
            ids[*place] == control.id && start <= control.bytes.start && control.bytes.end <= end
        };
        if let Some(place) = (at..offsets.len()).find(holds) {
            offsets[place] = (control.bytes.start, control.bytes.end);
            at = place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;

    #[test]
    fn metered_steps_give_the_ids_of_the_crate() {
        let words = ["<unk>", "a", "b", " ", "x", "aa", "ab", "ba", "é", "\n"];
        let ids: serde_json::Map<_, _> = (0..)
            .zip(words)
            .map(|(id, word)| (word.to_owned(), json!(id)))
            .collect();
        let patterns = [
            "a*",
            "",
            "(?=b)",
            "a|ab",
            "^|$",
            "é?",
            "\\s+(?!\\S)|\\s+",
            "b(?<=ab)",
        ];
        let written = patterns.iter().map(|pattern| json!({"Regex": pattern}));
        let written = written.chain(["a", "aa", ""].map(|text| json!({"String": text})));
        for pattern in written {
            for (behavior, invert) in [
                ("Removed", false),
                ("Isolated", true),
                ("MergedWithNext", false),
                ("Contiguous", true),
            ] {
                let file = json!({"version": "1.0", "added_tokens": [],
                    "model": {"type": "BPE", "vocab": ids, "merges": [], "unk_token": "<unk>"},
                    "normalizer": {"type": "Replace", "pattern": pattern, "content": "xa"},
                    "pre_tokenizer": {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}});
                let bytes = serde_json::to_vec(&file).unwrap();
                let reference = Reference::from_json(&bytes, &Additions::default()).unwrap();
                for text in ["", "a", "aab  ba\n", "éaéb  ", " a aaa\n\n ab"] {
                    let mut ids = Vec::new();
                    reference.encode_text(text, &mut ids).unwrap();
                    assert_eq!(
                        Some(ids),
                        reference.by_crate(text),
                        "{pattern} {behavior} {text:?}"
                    );
                }
            }
        }
    }
}
