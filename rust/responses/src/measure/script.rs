//! The share of a response's letters that are of one script.

use serde::{Deserialize, Serialize};

use super::letter::Letter;
use super::scratch::share;
use super::script_table::STRETCHES;

/// A script that a response is asked to be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// English, Spanish, Vietnamese, …
    Latin,
    /// Greek.
    Greek,
    /// Russian, Ukrainian, …
    Cyrillic,
    /// Armenian.
    Armenian,
    /// Hebrew, Yiddish.
    Hebrew,
    /// Arabic, Persian, Urdu.
    Arabic,
    /// Hindi, Marathi, Nepali.
    Devanagari,
    /// Bengali, Assamese.
    Bengali,
    /// Tamil.
    Tamil,
    /// Telugu.
    Telugu,
    /// Thai.
    Thai,
    /// Georgian.
    Georgian,
    /// Amharic, Tigrinya.
    Ethiopic,
    /// Chinese characters.
    Han,
    /// Hiragana, katakana and Bopomofo.
    Kana,
    /// Korean.
    Hangul,
    /// Chinese, Japanese or Korean: Han, kana and Hangul together.
    Cjk,
}

impl Script {
    fn holds(self, letter: Letter) -> bool {
        match self {
            Self::Latin => letter == Letter::Latin,
            Self::Greek => letter == Letter::Greek,
            Self::Cyrillic => letter == Letter::Cyrillic,
            Self::Armenian => letter == Letter::Armenian,
            Self::Hebrew => letter == Letter::Hebrew,
            Self::Arabic => letter == Letter::Arabic,
            Self::Devanagari => letter == Letter::Devanagari,
            Self::Bengali => letter == Letter::Bengali,
            Self::Tamil => letter == Letter::Tamil,
            Self::Telugu => letter == Letter::Telugu,
            Self::Thai => letter == Letter::Thai,
            Self::Georgian => letter == Letter::Georgian,
            Self::Ethiopic => letter == Letter::Ethiopic,
            Self::Han => letter == Letter::Han,
            Self::Kana => letter == Letter::Kana,
            Self::Hangul => letter == Letter::Hangul,
            Self::Cjk => matches!(letter, Letter::Han | Letter::Kana | Letter::Hangul),
        }
    }
}

/// Letters, and how many of them are of the script that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Letters {
    pub(super) inside: usize,
    pub(super) all: usize,
}

impl Letters {
    /// The share in ten-thousandths. Without letters nothing is in a wrong script: all of it.
    pub(super) fn share(self) -> u16 {
        if self.all == 0 {
            10_000
        } else {
            share(self.inside, self.all)
        }
    }

    /// Adds the letters of `text`.
    pub(super) fn add(&mut self, text: &str, script: Script) {
        let bytes = text.as_bytes();
        let mut ascii = 0;
        let mut at = 0;
        let mut last = (Letter::Common, '\0'..='\0');
        while at < bytes.len() {
            let end = bytes.len().min(at + 32);
            if bytes[at..end].is_ascii() {
                ascii += ascii_letters(&bytes[at..end]);
                at = end;
                continue;
            }
            // Up to the first character that begins beyond the 32 bytes.
            let from = at;
            for (offset, character) in text[from..].char_indices() {
                at = from + offset;
                if at >= end {
                    break;
                }
                at += character.len_utf8();
                if character.is_ascii() {
                    ascii += usize::from(character.is_ascii_alphabetic());
                } else {
                    self.add_wide(character, script, &mut last);
                }
            }
        }
        self.all += ascii;
        if script == Script::Latin {
            self.inside += ascii;
        }
    }

    /// `last` is the stretch that the letter before was found in: most letters are of the same.
    fn add_wide(
        &mut self,
        character: char,
        script: Script,
        last: &mut (Letter, std::ops::RangeInclusive<char>),
    ) {
        if !character.is_alphabetic() {
            return;
        }
        if !last.1.contains(&character) {
            *last = stretch(character);
        }
        if last.0 != Letter::Common {
            self.all += 1;
            self.inside += usize::from(script.holds(last.0));
        }
    }
}

fn ascii_letters(bytes: &[u8]) -> usize {
    let is_letter = |byte: &u8| u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
    bytes.iter().map(is_letter).sum::<u8>().into()
}

/// The stretch that a letter beyond ASCII is in.
fn stretch(character: char) -> (Letter, std::ops::RangeInclusive<char>) {
    let after = STRETCHES.partition_point(|(first, _, _)| *first <= character);
    match after.checked_sub(1).map(|at| STRETCHES[at]) {
        Some((first, last, letter)) if character <= last => (letter, first..=last),
        _ => (Letter::Other, character..=character),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Letter, Letters, STRETCHES, Script, stretch};
    use proptest::prelude::*;
    use regex::Regex;

    fn count(text: &str, script: Script) -> Letters {
        let mut letters = Letters::default();
        letters.add(text, script);
        letters
    }

    /// A class of `regex` for each script, whose tables are Unicode's.
    fn oracle(text: &str, class: &str) -> Letters {
        let inside = Regex::new(&format!(r"[{class}&&\p{{Alphabetic}}]")).unwrap();
        let all = Regex::new(r"[\p{Alphabetic}--[\p{sc=Common}\p{sc=Inherited}]]").unwrap();
        Letters {
            inside: inside.find_iter(text).count(),
            all: all.find_iter(text).count(),
        }
    }

    const CLASSES: [(Script, &str); 9] = [
        (Script::Latin, r"\p{Latin}"),
        (Script::Greek, r"\p{Greek}"),
        (Script::Cyrillic, r"\p{Cyrillic}"),
        (Script::Arabic, r"\p{Arabic}"),
        (Script::Devanagari, r"\p{Devanagari}"),
        (Script::Thai, r"\p{Thai}"),
        (Script::Han, r"\p{Han}"),
        (Script::Hangul, r"\p{Hangul}"),
        (
            Script::Cjk,
            r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Hangul}]",
        ),
    ];

    #[test]
    fn every_letter_is_of_its_script() {
        let letters = Regex::new(r"^\p{Alphabetic}$").unwrap();
        let common = Regex::new(r"^[\p{sc=Common}\p{sc=Inherited}]$").unwrap();
        let classes =
            CLASSES.map(|(script, class)| (script, Regex::new(&format!("^{class}$")).unwrap()));
        for character in ('\u{80}'..=char::MAX).filter(|character| character.is_alphabetic()) {
            let text = character.to_string();
            if !letters.is_match(&text) || matches!(character, 'ー' | 'ｰ') {
                continue;
            }
            let found = stretch(character).0;
            assert_eq!(
                found == Letter::Common,
                common.is_match(&text),
                "{character:?} {found:?}"
            );
            for (script, class) in &classes {
                assert_eq!(
                    script.holds(found),
                    class.is_match(&text),
                    "{character:?} {found:?}"
                );
            }
        }
    }

    #[test]
    fn stretches_are_in_order() {
        assert!(
            STRETCHES
                .windows(2)
                .all(|two| two[0].0 <= two[0].1 && two[0].1 < two[1].0)
        );
    }

    #[test]
    fn shares_are_of_letters() {
        assert_eq!(
            count("Na⁺ 140; β-blocker, 5 µg", Script::Latin),
            Letters {
                inside: 10,
                all: 11
            }
        );
        assert_eq!(count("140/80 (!)", Script::Latin).share(), 10_000);
        assert_eq!(count("患者 has fever", Script::Cjk).share(), 2_000);
        assert_eq!(count("カテーテル", Script::Cjk).share(), 10_000);
        assert_eq!(count("", Script::Arabic).share(), 10_000);
        assert_eq!(count("abc", Script::Arabic).share(), 0);
    }

    proptest! {
        #[test]
        fn letters_are_those_of_regex(text in "([ -~]{0,20}|\\p{L}{0,8}|[\\p{Han}\\p{Arabic}]{0,9}|[αβé€ー]|\\PC){0,12}") {
            let text = text.replace(['ー', 'ｰ'], "");
            for (script, class) in CLASSES {
                prop_assert_eq!(count(&text, script), oracle(&text, class));
            }
        }
    }
}
