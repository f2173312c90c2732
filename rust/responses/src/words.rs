//! What a word is: the unit of lengths, n-grams and loops.
//!
//! A word is what stands between white space, as `str.split()` of Python has it, with two additions. In scripts that are
//! written without spaces (Han, kana, Bopomofo, Thai, Lao, Khmer, Myanmar) each character is a word, and ideographic and
//! full-width punctuation separates words. What is longer than 64 bytes is cut into words of at most 64, so that
//! `!!!!…` or a formula of a megabyte is neither one word nor hidden from the search for loops.

/// The longest word, in bytes.
pub(crate) const LONGEST: usize = 64;

/// The words of a text, in order.
///
/// ```
/// use octomed_responses::words;
///
/// let found: Vec<&str> = words("Fever (39.5 °C), 发热").collect();
/// assert_eq!(found, ["Fever", "(39.5", "°C),", "发", "热"]);
/// ```
#[must_use]
pub fn words(text: &str) -> Words<'_> {
    Words { text, at: 0 }
}

/// How many words a text has.
///
/// ```
/// assert_eq!(octomed_responses::count_words("It is C."), 3);
/// ```
#[must_use]
pub fn count_words(text: &str) -> u32 {
    saturated(words(text).count())
}

/// A count of 32 bits: 2^32 - 1 stands for all above.
pub(crate) fn saturated(count: usize) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the minimum fits")]
    let fits = count.min(u32::MAX as usize) as u32;
    fits
}

/// Iterator of [`words`].
#[derive(Clone, Debug)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Separator,
    Alone,
    Inside,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let start = self.next_start()?;
        let end = self.end_of(start);
        self.at = end;
        Some(&self.text[start..end])
    }
}

impl Words<'_> {
    /// Where the next word begins.
    #[inline]
    fn next_start(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        loop {
            let byte = *bytes.get(at)?;
            if byte >= 0x80 {
                let (role, length) = role_at(self.text, at);
                if role != Role::Separator {
                    return Some(at);
                }
                at += length;
            } else if is_space(byte) {
                at += 1;
            } else {
                return Some(at);
            }
        }
    }

    /// Where the word ends that begins at `start`.
    #[inline]
    fn end_of(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let last = bytes.len().min(start + LONGEST);
        let mut at = start;
        while at < last {
            at = plain_until(bytes, at, last);
            let Some(byte) = bytes[..last].get(at) else {
                break;
            };
            if *byte < 0x80 {
                if is_space(*byte) {
                    return at;
                }
                at += 1;
                continue;
            }
            let (role, length) = role_at(self.text, at);
            match role {
                Role::Alone if at == start => return at + length,
                Role::Inside if at + length <= last => at += length,
                _ => return at,
            }
        }
        at
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first byte from `at` that is no ASCII character above the space; `last` if none is before it. Eight bytes at a time.
#[inline]
fn plain_until(bytes: &[u8], mut at: usize, last: usize) -> usize {
    while let Some(eight) = bytes.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        let word = u64::from_le_bytes(word);
        // The highest bit of each byte that is below 0x21 or above 0x7f; right for the lowest of them, which is asked for.
        let found = (word.wrapping_sub(ONES * 0x21) | word) & HIGHS;
        if found != 0 {
            return last.min(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
        if at >= last {
            return last;
        }
    }
    while at < last && bytes[at] > b' ' && bytes[at] < 0x80 {
        at += 1;
    }
    at
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// What the character at `at`, which is not ASCII, does to words, and its length in bytes.
fn role_at(text: &str, at: usize) -> (Role, usize) {
    let Some(character) = text[at..].chars().next() else {
        return (Role::Separator, 1);
    };
    (role(character), character.len_utf8())
}

fn role(character: char) -> Role {
    if is_alone(character) {
        return Role::Alone;
    }
    let is_wide_punctuation = matches!(character,
        '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{3030}' | '\u{303d}' | '\u{30fb}'
        | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}');
    if is_wide_punctuation || character.is_whitespace() {
        return Role::Separator;
    }
    Role::Inside
}

/// Characters of scripts without spaces between words.
fn is_alone(character: char) -> bool {
    matches!(character,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{302f}' | '\u{3031}'..='\u{303c}'
        | '\u{3041}'..='\u{30fa}' | '\u{30fc}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}'
        | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{LONGEST, Role, role, words};
    use proptest::prelude::*;

    /// The rule, character by character.
    fn slow(text: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        for character in text.chars() {
            let kind = if character.is_ascii() {
                if character.is_whitespace() {
                    Role::Separator
                } else {
                    Role::Inside
                }
            } else {
                role(character)
            };
            let last = found.last_mut().unwrap();
            match kind {
                Role::Separator => found.push(String::new()),
                Role::Alone => found.extend([character.to_string(), String::new()]),
                Role::Inside if last.len() + character.len_utf8() > LONGEST => {
                    found.push(character.to_string())
                }
                Role::Inside => last.push(character),
            }
        }
        found.retain(|word| !word.is_empty());
        found
    }

    #[test]
    fn english_is_split_as_python_splits() {
        let text = " - Na+ 140 mEq/L\t(normal),\nK+  5.1 — high.\u{a0}So **C**.\r\n";
        let python: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words(text).collect::<Vec<_>>(), python);
    }

    #[test]
    fn characters_of_unspaced_scripts_are_words() {
        let found: Vec<&str> = words("患者，男，45岁。ไข้ カテーテル挿入").collect();
        assert_eq!(
            found,
            [
                "患", "者", "男", "45", "岁", "ไ", "ข", "้", "カ", "テ", "ー", "テ", "ル", "挿",
                "入"
            ]
        );
        assert_eq!(words("발열과 기침").count(), 2);
    }

    #[test]
    fn long_runs_are_cut() {
        let long = "!".repeat(200);
        assert_eq!(
            words(&long).map(str::len).collect::<Vec<_>>(),
            [64, 64, 64, 8]
        );
        let wide = "€".repeat(43);
        assert_eq!(words(&wide).map(str::len).collect::<Vec<_>>(), [63, 63, 3]);
    }

    proptest! {
        #[test]
        fn words_are_those_of_the_slow_rule(
            text in "([a-z]{1,9}|[ -~]{0,3}|[\u{0}-\u{20}\u{7f}-\u{a1}]|\\PC|[患者，。ไカー발é€😀\u{2003}\u{200b}\u{3000}]|a{60,70}|é{30,34}){0,60}"
        ) {
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), slow(&text));
        }
    }
}
