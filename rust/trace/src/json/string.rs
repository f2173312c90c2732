//! JSON strings: runs without escapes are found many bytes at a time.

use std::borrow::Cow;

use super::{JsonError, Reader};

/// Room for a text with escapes: most reasoning fits after a doubling or two.
const FIRST_CAPACITY: usize = 2048;

/// Bytes of a run that are looked at together.
const PIECE: usize = 32;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

impl<'a> Reader<'a> {
    /// The string that begins here, borrowed unless it has escapes.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let start = self.at + 1;
        self.at = plain_end(self.bytes, start);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let rest = self.bytes.len() - start;
        let mut text = String::with_capacity(rest.min(FIRST_CAPACITY.max(2 * (self.at - start))));
        text.push_str(&self.text[start..self.at]);
        while !self.closes_string()? {
            text.push(self.escape()?);
            let run = self.at;
            self.at = plain_end(self.bytes, run);
            text.push_str(&self.text[run..self.at]);
        }
        Ok(Cow::Owned(text))
    }

    /// Steps over the string that begins here; it is checked as if it were read.
    pub(crate) fn skip_string(&mut self) -> Result<(), JsonError> {
        self.at = plain_end(self.bytes, self.at + 1);
        while !self.closes_string()? {
            self.escape()?;
            self.at = plain_end(self.bytes, self.at);
        }
        Ok(())
    }

    /// Steps over a closing quote (true), or stands before an escape (false).
    fn closes_string(&mut self) -> Result<bool, JsonError> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(true)
            }
            Some(b'\\') => Ok(false),
            Some(_) => self.error("an unescaped control character in a string"),
            None => self.error("the row ends inside a string"),
        }
    }

    /// The character of the escape that begins here.
    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = match self.bytes.get(self.at + 1) {
            Some(b'n') => '\n',
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b't') => '\t',
            Some(b'/') => '/',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => return self.unicode_escape(),
            Some(_) => return self.error("an escape that JSON does not have"),
            None => return self.error("the row ends inside a string"),
        };
        self.at += 2;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let unit = self.unit(self.at)?;
        let (code, length) = if (0xd800..0xdc00).contains(&unit) {
            let paired = self.bytes[self.at + 6..].starts_with(b"\\u");
            let low = if paired { self.unit(self.at + 6)? } else { 0 };
            if !(0xdc00..0xe000).contains(&low) {
                return self.error("a lone surrogate is not Unicode text");
            }
            (0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 12)
        } else {
            (unit, 6)
        };
        let Some(character) = char::from_u32(code) else {
            return self.error("a lone surrogate is not Unicode text");
        };
        self.at += length;
        Ok(character)
    }

    /// The code unit of the `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> Result<u32, JsonError> {
        let digits = self.bytes.get(at + 2..at + 6).unwrap_or_default();
        let mut unit = 0;
        for digit in digits {
            let Some(digit) = char::from(*digit).to_digit(16) else {
                return self.error("`\\u` needs four hexadecimal digits");
            };
            unit = unit << 4 | digit;
        }
        if digits.is_empty() {
            self.error("the row ends inside a string")
        } else {
            Ok(unit)
        }
    }
}

/// The first byte from `at` on that is a quote, a backslash or a control character, or the end.
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    // Pieces are asked without a branch for each byte, which is one instruction for several of them.
    let is_special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    let pieces = bytes.get(at..).unwrap_or_default().as_chunks::<PIECE>().0;
    let is_plain = |piece: &&[u8; PIECE]| {
        let special = piece
            .iter()
            .fold(false, |any, &byte| any | is_special(byte));
        !special
    };
    at += PIECE * pieces.iter().take_while(is_plain).count();
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes
        .get(at)
        .is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
    {
        at += 1;
    }
    at
}

/// The high bit of every byte that ends a plain run; bytes above the first one may be marked wrongly.
fn special_bytes(word: u64) -> u64 {
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    let zero_of = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_of(quote) | zero_of(backslash) | control) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::plain_end;

    #[test]
    fn the_end_of_a_plain_run_is_found_at_every_place() {
        for special in (0..=255_u8).filter(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            for length in (0..40).chain([63, 64, 65, 95, 96, 97]) {
                for filler in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut bytes = vec![filler; length];
                    assert_eq!(plain_end(&bytes, 0), length);
                    bytes.extend_from_slice(&[special, special, b'"', 0, 0, 0, 0, 0, 0]);
                    assert_eq!(
                        plain_end(&bytes, 0),
                        length,
                        "{special} behind {length} of {filler}"
                    );
                }
            }
        }
    }
}
