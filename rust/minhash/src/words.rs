//! A text as the hashes of its words.
//!
//! A word is a run of letters, digits and marks; all else only separates. Case does not count, nor do accents, nor which
//! form of a character is written: `Ⅳ`, `½`, `ｘ` and `m²` are `iv`, `1` and `2`, `x`, `m2` (Unicode's NFKD, without its
//! combining marks). A character of a script that is written without spaces is a word by itself.

use unicode_normalization_alignments::char::{decompose_compatible, is_combining_mark};

use crate::classes::{CHUNK, Classes};
use crate::word_hash::{ascii_word, folded_word};

/// Splits texts, and keeps the memory that it needs for words beyond ASCII.
#[derive(Clone, Debug, Default)]
pub struct Words {
    folded: String,
}

impl Words {
    /// Calls `each` with the hash of every word, in order.
    #[inline]
    pub fn each(&mut self, text: &str, mut each: impl FnMut(u64)) {
        let (chunks, rest) = text.as_bytes().as_chunks::<CHUNK>();
        // Behind the text stands what is in no word, so that the last word ends.
        let mut last = [0; CHUNK];
        last[..rest.len()].copy_from_slice(rest);
        let (mut before, mut begin, mut is_inside, mut is_foreign) = (0, 0, false, false);
        for (number, chunk) in chunks.iter().chain([&last]).enumerate() {
            let classes = Classes::of(chunk);
            is_foreign |= classes.foreign != 0;
            let mut edges = classes.word ^ (classes.word << 1 | before);
            before = classes.word >> (CHUNK - 1);
            while edges != 0 {
                let edge = number * CHUNK + edges.trailing_zeros() as usize;
                edges &= edges - 1;
                if is_inside {
                    if is_foreign {
                        self.foreign(text, begin, edge, &mut each);
                    } else {
                        each(ascii_word(text.as_bytes(), begin, edge));
                    }
                }
                (begin, is_inside) = (edge, !is_inside);
            }
            is_foreign &= is_inside;
        }
    }

    /// The words in a run of letters, digits and characters beyond ASCII.
    fn foreign(&mut self, text: &str, begin: usize, end: usize, each: &mut impl FnMut(u64)) {
        let bytes = text.as_bytes();
        if bytes[begin..end].is_ascii() {
            return each(ascii_word(bytes, begin, end));
        }
        // Most that is not ASCII in an English text is a dash, an arrow or a quotation mark.
        let mut piece = begin;
        for (at, character) in text[begin..end].char_indices() {
            if character.is_ascii() {
                continue;
            }
            if !is_plain_separator(character) {
                return self.folded(&text[piece..end], each);
            }
            if begin + at > piece {
                each(ascii_word(bytes, piece, begin + at));
            }
            piece = begin + at + character.len_utf8();
        }
        if end > piece {
            each(ascii_word(bytes, piece, end));
        }
    }

    /// The words of any text, character by character.
    fn folded(&mut self, text: &str, each: &mut impl FnMut(u64)) {
        let word = &mut self.folded;
        word.clear();
        let mut end = |word: &mut String| {
            if !word.is_empty() {
                each(folded_word(word.as_bytes()));
                word.clear();
            }
        };
        for character in text.chars() {
            decompose_compatible(character, |part| {
                if is_word_by_itself(part) {
                    end(word);
                    word.push(part);
                    end(word);
                } else if part.is_alphanumeric() {
                    word.extend(part.to_lowercase());
                } else if !is_combining_mark(part) {
                    end(word);
                }
            });
        }
        end(word);
    }
}

/// Dashes, quotation marks, bullets and spaces; arrows and signs of mathematics; boxes, and pictures up to the first that
/// counts. None of them is of a word, nor is what any of them decomposes into.
fn is_plain_separator(character: char) -> bool {
    matches!(character, '\u{2010}'..='\u{205E}' | '\u{2190}'..='\u{22FF}' | '\u{2500}'..='\u{2775}')
}

/// Whether a character is of a script that has no spaces between words: Chinese and Japanese, Thai, Lao, Burmese, Khmer.
fn is_word_by_itself(character: char) -> bool {
    character.is_alphanumeric()
        && matches!(character,
            '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
            | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}'
            | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashes(text: &str) -> Vec<u64> {
        let mut hashes = Vec::new();
        Words::default().each(text, |word| hashes.push(word));
        hashes
    }

    /// The same, one character after the other.
    fn slow(text: &str) -> Vec<u64> {
        let mut hashes = Vec::new();
        Words::default().folded(text, &mut |word| hashes.push(word));
        hashes
    }

    #[test]
    fn what_is_written_in_several_ways_is_one_word() {
        for (one, other) in [
            (
                "The patient's dose: 3.5 mg/dL.",
                "the  PATIENT s dose 3 5 (mg) -- dl",
            ),
            ("the patient’s dose — 3.5", "the patient's dose - 3.5"),
            ("caf\u{e9} na\u{ef}ve", "cafe\u{301} NAIVE"),
            ("10 µg", "10 μg"),
            ("m² Ⅳ ½ ｘ", "m2 iv 1/2 x"),
            ("a→b • c…d", "A b, c ... D"),
            ("中文 字", "中、文、字"),
            ("", " \n\t.,;*#_"),
        ] {
            assert_eq!(hashes(one), hashes(other), "{one} {other}");
        }
    }

    #[test]
    fn what_differs_is_another_word() {
        let words = [
            "a",
            "b",
            "aa",
            "a1",
            "1a",
            "à la",
            "中",
            "文",
            "й",
            "и",
            "ß",
            "ss",
            "क",
            "कि",
            "abcdefgh",
            "abcdefghi",
            "abcdefghabcdefgh",
            "aabcdefgh",
        ];
        for (number, one) in words.iter().enumerate() {
            for other in &words[..number] {
                // Accents do not count, in Cyrillic neither.
                let equal = (*one, *other) == ("и", "й");
                assert_eq!(hashes(one) == hashes(other), equal, "{one} {other}");
            }
        }
    }

    #[test]
    fn words_are_counted_as_they_are_read() {
        for (text, count) in [
            ("", 0),
            ("--", 0),
            ("word", 1),
            ("a b\u{a0}c\u{2028}d", 4),
            ("don't", 2),
            ("中文字", 3),
            ("ไทย", 3),
            ("한국어 말", 2),
            ("x\u{301}y", 1),
            ("\u{301}", 0),
            ("a\u{200b}b", 2),
        ] {
            assert_eq!(hashes(text).len(), count, "{text:?}");
        }
    }

    #[test]
    fn no_plain_separator_is_of_a_word() {
        for character in (0..0x3000)
            .filter_map(char::from_u32)
            .filter(|character| is_plain_separator(*character))
        {
            decompose_compatible(character, |part| {
                assert!(!part.is_alphanumeric(), "{character}")
            });
        }
    }

    proptest! {
        #[test]
        fn chunks_are_read_as_characters_are(
            pieces in prop::collection::vec(prop_oneof![
                "[ -~]{0,40}", "[a-zA-Z0-9]{0,90}", "\\PC{0,12}", "[’–→•…]{1,3}", "[a-zé中ไ½\u{301}]{0,20}",
            ], 0..12),
        ) {
            let text = pieces.concat();
            prop_assert_eq!(hashes(&text), slow(&text));
        }
    }
}
