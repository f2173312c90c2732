//! Who a trace is, and which question it answers: hashes that depend on nothing but the data's place.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Separates shuffle keys from trace ids, which hash the same bytes.
const SHUFFLE_SALT: u64 = 0x6f63_746f_6d65_6431;

/// Bytes of position and sample at the end of a serialised identity.
const PLACE_BYTES: usize = 12;

/// The identity of a trace: equal on every machine and for every copy of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Name of the source in the recipe.
    pub source: &'a str,
    /// Path of the file relative to the source's root.
    pub file: &'a str,
    /// Byte offset in plain JSON Lines, else 0-based row number in the file.
    pub position: u64,
    /// Index of the response in its row.
    pub sample: u32,
}

impl Identity<'_> {
    /// The trace's id.
    pub fn trace_id(&self) -> u64 {
        IdentityHasher::new(self.source, self.file).trace_id(self.position, self.sample)
    }

    /// The key by which blocks are sorted and ranges are cut.
    pub fn shuffle_key(&self) -> u64 {
        IdentityHasher::new(self.source, self.file).shuffle_key(self.position, self.sample)
    }
}

/// Hashes the identities of one file's traces without allocating for each.
#[derive(Clone, Debug)]
pub struct IdentityHasher {
    /// Both names, each after its length so that no two pairs share bytes, then room for the place.
    bytes: Vec<u8>,
}

impl IdentityHasher {
    /// Prepares for the traces of `file` in `source`.
    pub fn new(source: &str, file: &str) -> Self {
        let mut bytes = Vec::with_capacity(source.len() + file.len() + 16 + PLACE_BYTES);
        for name in [source, file] {
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.resize(bytes.len() + PLACE_BYTES, 0);
        Self { bytes }
    }

    /// Equal to [`Identity::trace_id`].
    pub fn trace_id(&mut self, position: u64, sample: u32) -> u64 {
        xxh3_64(self.at(position, sample))
    }

    /// Equal to [`Identity::shuffle_key`].
    pub fn shuffle_key(&mut self, position: u64, sample: u32) -> u64 {
        xxh3_64_with_seed(self.at(position, sample), SHUFFLE_SALT)
    }

    fn at(&mut self, position: u64, sample: u32) -> &[u8] {
        let place = self.bytes.len() - PLACE_BYTES;
        self.bytes[place..place + 8].copy_from_slice(&position.to_le_bytes());
        self.bytes[place + 8..].copy_from_slice(&sample.to_le_bytes());
        &self.bytes
    }
}

/// The id of a question: its text, the set of its options' texts and the images that it is about ([`Row::image_hash`](crate::Row::image_hash)),
/// lower-cased, white space collapsed.
///
/// Neither the order nor the letters of the options matter: the same question with its options shuffled is the
/// same question.
pub fn question_id<'o>(
    question: &str,
    options: impl IntoIterator<Item = &'o str>,
    images: Option<u64>,
) -> u64 {
    let mut hashes: Vec<u64> = options
        .into_iter()
        .map(|option| xxh3_64(&normalised(option)))
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    let question = normalised(question);
    let mut bytes = Vec::with_capacity(8 + question.len() + 8 * hashes.len());
    bytes.extend_from_slice(&(question.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&question);
    for hash in hashes.into_iter().chain(images) {
        bytes.extend_from_slice(&hash.to_le_bytes());
    }
    xxh3_64(&bytes)
}

/// Lower-cased, with each run of white space made one space and none at the ends.
fn normalised(text: &str) -> Vec<u8> {
    if text.is_ascii() {
        normalised_ascii(text)
    } else {
        normalised_unicode(text).into_bytes()
    }
}

/// The same of ASCII text, which most questions are, without a look at Unicode's tables.
fn normalised_ascii(text: &str) -> Vec<u8> {
    let lower = text.to_ascii_lowercase();
    let mut bytes = Vec::with_capacity(lower.len());
    let mut after_space = true;
    for piece in lower.as_bytes().chunks(PIECE) {
        let is_double = after_space && piece[0] == b' ';
        if is_evenly_spaced(piece) && !is_double {
            bytes.extend_from_slice(piece);
            after_space = piece[piece.len() - 1] == b' ';
            continue;
        }
        for &byte in piece {
            let is_space = byte == b' ' || is_other_space(byte);
            if !is_space {
                bytes.push(byte);
            } else if !after_space {
                bytes.push(b' ');
            }
            after_space = is_space;
        }
    }
    // One space at most is left at the end.
    if after_space {
        bytes.pop();
    }
    bytes
}

/// Bytes of a text that are asked together whether their spaces are single: few are not.
const PIECE: usize = 32;

/// Whether white space in a piece is single blanks: asked without a branch for each byte.
fn is_evenly_spaced(piece: &[u8]) -> bool {
    let other = piece
        .iter()
        .fold(false, |any, byte| any | is_other_space(*byte));
    let pairs = piece.iter().zip(&piece[1..]);
    let double = pairs.fold(false, |any, (one, next)| {
        any | ((*one == b' ') & (*next == b' '))
    });
    !(other || double)
}

/// White space that is no blank.
fn is_other_space(byte: u8) -> bool {
    byte.wrapping_sub(b'\t') <= b'\r' - b'\t'
}

fn normalised_unicode(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !result.is_empty() {
            result.push(' ');
        }
        result.push_str(&word.to_lowercase());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{Identity, IdentityHasher, normalised, normalised_unicode, question_id};
    use proptest::prelude::*;

    const HERE: Identity<'_> = Identity {
        source: "medqa",
        file: "a/b.parquet",
        position: 7,
        sample: 3,
    };

    #[test]
    fn ids_are_stable_across_versions() {
        // Computed with the reference implementation of xxHash. A changed value re-shuffles everybody's data: bump the scan stage's version with it.
        assert_eq!(HERE.trace_id(), 2_314_970_065_854_396_781);
        assert_eq!(HERE.shuffle_key(), 12_176_234_101_835_995_735);
        assert_eq!(
            question_id("What now?", ["a", "b"], None),
            9_669_128_787_713_221_940
        );
    }

    #[test]
    fn every_part_changes_both_hashes() {
        let others = [
            Identity {
                source: "medq",
                file: "aa/b.parquet",
                ..HERE
            },
            Identity {
                file: "a/b.parque",
                ..HERE
            },
            Identity {
                position: 8,
                ..HERE
            },
            Identity { sample: 4, ..HERE },
        ];
        for other in others {
            assert_ne!(HERE.trace_id(), other.trace_id(), "{other:?}");
            assert_ne!(HERE.shuffle_key(), other.shuffle_key(), "{other:?}");
        }
        assert_ne!(HERE.trace_id(), HERE.shuffle_key());
    }

    #[test]
    fn the_prepared_hasher_agrees() {
        let mut hasher = IdentityHasher::new(HERE.source, HERE.file);
        hasher.trace_id(1 << 40, 9);
        assert_eq!(hasher.trace_id(7, 3), HERE.trace_id());
        assert_eq!(hasher.shuffle_key(7, 3), HERE.shuffle_key());
    }

    #[test]
    fn a_question_is_its_words_and_the_set_of_its_options() {
        let id = |question: &str, options: &[&'static str]| {
            question_id(question, options.iter().copied(), None)
        };
        let plain = id("What is it?", &["flu", "a cold"]);
        assert_eq!(plain, id("  WHAT is\n it? ", &["A  Cold", "Flu", "flu"]));
        assert_ne!(plain, id("What is it?", &["flu"]));
        assert_ne!(plain, id("What is it? flu", &["a cold"]));
        assert_ne!(id("ab", &[]), id("a b", &[]));
        assert_ne!(
            plain,
            question_id("What is it?", ["flu", "a cold"], Some(0))
        );
    }

    #[test]
    fn normalising_keeps_words_of_every_script() {
        let text = normalised("\u{3000}ÉCOLE \t 问题\u{a0}X");
        assert_eq!(text, "école 问题 x".as_bytes());
        assert_eq!(normalised(""), b"");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ascii_is_normalised_as_any_text_is(text in "[\\x00-\\x7f]{0,40}|([ \t\n\u{b}]{0,3}[a-dA-D]{0,40}){0,6}|[a-cA-C]{1,4}( [a-cA-C]{1,4}){0,9}") {
            prop_assert_eq!(normalised(&text), normalised_unicode(&text).into_bytes());
        }
    }
}
