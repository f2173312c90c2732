//! NFC as the `tokenizers` crate does it, with the original bytes of every character.

use unicode_normalization_alignments::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::tokenizer::classes;

/// A text in NFC.
#[derive(Debug, Default)]
pub(crate) struct Normalised {
    pub text: String,
    /// For each byte of `text`, the original bytes of the character it belongs to.
    pub original: Vec<(usize, usize)>,
}

/// Whether NFC leaves `text` as it is, each character at its place.
pub(crate) fn is_nfc(text: &str) -> bool {
    classes::is_stable(text) || is_nfc_quick(text.chars()) == IsNormalized::Yes
}

/// Normalises `text`.
///
/// The source of the alignment is `NormalizedString::transform`: a character that was added shares the
/// place of the original character before it, and a composed one has the place of its first part only.
pub(crate) fn nfc(text: &str) -> Normalised {
    let mut result = Normalised::default();
    let mut originals = text
        .char_indices()
        .map(|(at, character)| (at, at + character.len_utf8()));
    let mut current = None;
    for (character, change) in text.nfc() {
        if change <= 0 {
            current = originals.next().or(current);
        }
        let place = current.unwrap_or((0, 0));
        result.text.push(character);
        result
            .original
            .extend(std::iter::repeat_n(place, character.len_utf8()));
        for _ in change..0 {
            current = originals.next().or(current);
        }
    }
    result
}
