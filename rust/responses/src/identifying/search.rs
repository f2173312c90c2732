//! One pass over a text: addresses by their `@`, all else by its digits.

use std::ops::Range;

use super::found::Identified;
use super::kinds::{Kind, Kinds};
use super::number::Number;
use super::{birth, email, national, phone, record};

/// Finds a datum by one of its numbers.
type Finder = fn(&Number<'_>) -> Option<Range<usize>>;

/// The identifying data of a text, in order.
pub(super) struct Search<'a> {
    text: &'a str,
    kinds: Kinds,
    /// What lies before is done.
    at: usize,
    /// The next address; `None` where there is none any more.
    email: Option<Range<usize>>,
    /// The next digit, if it is known: not before `at`.
    digit: Digit,
}

/// Where the next digit is.
#[derive(Clone, Copy)]
enum Digit {
    Unknown,
    At(usize),
    None,
}

impl<'a> Search<'a> {
    pub(super) fn new(text: &'a str, kinds: Kinds) -> Self {
        let email = if kinds.has(Kind::Email) {
            email::next(text, 0)
        } else {
            None
        };
        let has_numbers = kinds.iter().any(|kind| kind != Kind::Email);
        Self {
            text,
            kinds,
            at: 0,
            email,
            digit: if has_numbers {
                Digit::Unknown
            } else {
                Digit::None
            },
        }
    }

    fn take_email(&mut self, range: &Range<usize>) -> Identified {
        self.at = range.end;
        self.email = email::next(self.text, range.end);
        Identified {
            kind: Kind::Email,
            start: range.start,
            end: range.end,
        }
    }

    /// The first digit from `from` on; looked for once, however often it is asked for.
    fn digit_from(&mut self, from: usize) -> Option<usize> {
        match self.digit {
            Digit::At(at) if at >= from => return Some(at),
            Digit::None => return None,
            _ => {}
        }
        let found = next_digit(self.text.as_bytes(), from);
        self.digit = found.map_or(Digit::None, Digit::At);
        found
    }

    /// What begins at the number whose first digit is at `start`, and is of a kind that is looked for.
    fn number_at(&self, start: usize) -> Option<Identified> {
        if is_plain(self.text.as_bytes(), start) {
            return None;
        }
        let number = Number::at(self.text, start);
        let digits = number.digit_count(number.groups().len());
        if digits < 4 && !begins_code(self.text.as_bytes(), start) {
            return None;
        }
        let finders: [(Kind, Finder); 4] = [
            (Kind::RecordNumber, record::find),
            (Kind::DateOfBirth, birth::find),
            (Kind::NationalId, national::find),
            (Kind::Phone, phone::find),
        ];
        let wanted = finders.iter().filter(|(kind, _)| self.kinds.has(*kind));
        wanted
            .filter(|(kind, _)| digits >= 7 || *kind != Kind::Phone)
            .find_map(|(kind, find)| {
                let range = find(&number)?;
                Some(Identified {
                    kind: *kind,
                    start: range.start.max(self.at),
                    end: range.end,
                })
            })
    }
}

impl Iterator for Search<'_> {
    type Item = Identified;

    fn next(&mut self) -> Option<Identified> {
        let mut from = self.at;
        loop {
            let digit = self.digit_from(from);
            if let Some(range) = self
                .email
                .clone()
                .filter(|range| digit.is_none_or(|digit| range.start <= digit))
            {
                return Some(self.take_email(&range));
            }
            let start = digit?;
            if let Some(mut found) = self.number_at(start) {
                if let Some(range) = &self.email {
                    found.end = found.end.min(range.start);
                }
                self.at = found.end;
                return Some(found);
            }
            from = run_end(self.text.as_bytes(), start);
        }
    }
}

/// Whether the digits at `start` are three or fewer and no others are joined to them, as in most findings: "38.5 °C" is not
/// plain, "54-year-old" is.
fn is_plain(bytes: &[u8], start: usize) -> bool {
    let near = |offset: usize| bytes.get(start + offset).copied().unwrap_or(b' ');
    let Some(length) = (1..4).find(|length| !near(*length).is_ascii_digit()) else {
        return false;
    };
    let is_alone = match near(length) {
        b' ' | b'-' | b'.' | b'/' => {
            let next = near(length + 1);
            !next.is_ascii_digit() && !matches!(next, b'(' | b')')
        }
        b'(' | b')' | 0x80.. => false,
        _ => true,
    };
    is_alone && !begins_code(bytes, start)
}

/// Whether the letters of an Italian fiscal code precede.
fn begins_code(bytes: &[u8], start: usize) -> bool {
    start >= 6 && bytes[start - 6..start].iter().all(u8::is_ascii_uppercase)
}

fn run_end(bytes: &[u8], start: usize) -> usize {
    start
        + bytes[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first digit from `at` on. Eight bytes at a time.
fn next_digit(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(eight) = bytes.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        // Bytes 0x30 to 0x3f become 0 to 15; the mark is right for the lowest that has one.
        let high = (u64::from_le_bytes(word) ^ (ONES * 0x30)) & (ONES * 0xf0);
        let marks = high.wrapping_sub(ONES) & !high & HIGHS;
        if marks == 0 {
            at += 8;
            continue;
        }
        at += (marks.trailing_zeros() / 8) as usize;
        if bytes[at].is_ascii_digit() {
            return Some(at);
        }
        at += 1;
    }
    bytes[at..]
        .iter()
        .position(u8::is_ascii_digit)
        .map(|offset| at + offset)
}
