//! Groups of digits, and what stands between them.

/// The most groups of a number, and the most digits.
const MOST_GROUPS: usize = 8;
const MOST_DIGITS: usize = 20;

/// What stands between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Space,
    Hyphen,
    Dot,
    Slash,
    /// Has an opening or a closing bracket.
    Bracket,
}

/// A group of digits: bytes `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Group {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

/// Groups of digits with one separator between each: "212-555-0123", "1 85 05 78 006 084 36".
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    pub(super) text: &'a str,
    groups: [Group; MOST_GROUPS],
    between: [Between; MOST_GROUPS],
    count: usize,
}

impl<'a> Number<'a> {
    /// The number whose first digit is at `start`.
    pub(super) fn at(text: &'a str, start: usize) -> Self {
        let bytes = text.as_bytes();
        let mut number = Self {
            text,
            groups: [Group::default(); MOST_GROUPS],
            between: [Between::Space; MOST_GROUPS],
            count: 0,
        };
        let mut digits = 0;
        let mut next = start;
        while number.count < MOST_GROUPS {
            let end = digits_end(bytes, next);
            digits += end - next;
            if number.count > 0 && digits > MOST_DIGITS {
                break;
            }
            number.groups[number.count] = Group { start: next, end };
            number.count += 1;
            let Some((between, after)) = separator(bytes, end) else {
                break;
            };
            if number.count < MOST_GROUPS {
                number.between[number.count] = between;
            }
            next = after;
        }
        number
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups[..self.count]
    }

    /// What stands before each group but the first.
    pub(super) fn between(&self) -> &[Between] {
        self.between.get(1..self.count).unwrap_or_default()
    }

    pub(super) fn start(&self) -> usize {
        self.groups[0].start
    }

    /// Where the first `count` groups end.
    pub(super) fn end(&self, count: usize) -> usize {
        self.groups[count - 1].end
    }

    /// How many digits the first `count` groups have.
    pub(super) fn digit_count(&self, count: usize) -> usize {
        self.groups[..count].iter().map(|group| group.len()).sum()
    }

    /// The digits of the first `count` groups as numbers; those beyond 20 are left out.
    pub(super) fn digits(&self, count: usize) -> Digits {
        let mut digits = Digits {
            values: [0; MOST_DIGITS],
            count: 0,
        };
        for group in &self.groups[..count] {
            for byte in &self.text.as_bytes()[group.start..group.end] {
                if let Some(value) = digits.values.get_mut(digits.count) {
                    *value = byte - b'0';
                    digits.count += 1;
                }
            }
        }
        digits
    }

    /// The value of a group of at most nine digits; of a longer one, its last nine.
    pub(super) fn value(&self, group: usize) -> u32 {
        let Group { start, end } = self.groups[group];
        let bytes = &self.text.as_bytes()[start.max(end.saturating_sub(9))..end];
        bytes
            .iter()
            .fold(0, |value, byte| value * 10 + u32::from(byte - b'0'))
    }

    /// Whether the first groups have these lengths, with these separators, and nothing goes on behind them.
    pub(super) fn is(&self, lengths: &[usize], between: &[Between]) -> bool {
        let has_lengths = self.count >= lengths.len()
            && lengths
                .iter()
                .zip(&self.groups)
                .all(|(length, group)| group.len() == *length);
        has_lengths
            && self
                .between()
                .iter()
                .zip(between)
                .all(|(own, asked)| own == asked)
            && self.ends_after(lengths.len())
    }

    /// [`is`](Self::is) with one and the same separator.
    pub(super) fn is_joined(&self, lengths: &[usize], between: Between) -> bool {
        let all = [between; MOST_GROUPS];
        self.is(lengths, &all[..lengths.len() - 1])
    }

    /// Whether the number ends with its first `count` groups: no letter, no further group by the same separator.
    pub(super) fn ends_after(&self, count: usize) -> bool {
        let goes_on = match self.between().get(count - 1) {
            Some(Between::Space) => count >= 2 && self.between()[count - 2] == Between::Space,
            Some(_) => true,
            None => self.count < count,
        };
        !goes_on && !is_word_at(self.text, self.end(count))
    }

    /// The word of ASCII letters and digits that stands right before the first digit, and where it begins.
    pub(super) fn letters_before(&self) -> (&'a str, usize) {
        let bytes = self.text.as_bytes();
        let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric();
        let length = bytes[..self.start()]
            .iter()
            .rev()
            .take(20)
            .take_while(is_letter)
            .count();
        let from = self.start() - length;
        (&self.text[from..self.start()], from)
    }

    /// How many groups are of one word: joined by hyphens, points or slashes.
    pub(super) fn joined_count(&self) -> usize {
        1 + self
            .between()
            .iter()
            .take_while(|between| **between != Between::Space && **between != Between::Bracket)
            .count()
    }

    /// Where the word of letters, digits and hyphens ends that holds the last of the first `count` groups.
    pub(super) fn token_end(&self, count: usize) -> usize {
        let end = self.end(count);
        let bytes = self.text.as_bytes();
        let is_joint = |byte: u8| matches!(byte, b'-' | b'/');
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || is_joint(**byte);
        let length = bytes[end..].iter().take(16).take_while(is_part).count();
        let joints = bytes[end..end + length].iter().rev();
        let hyphens = joints.take_while(|byte| is_joint(**byte)).count();
        end + length - hyphens
    }

    /// Whether what precedes `start` lets a number begin there: not a letter, a point, a hyphen or a path.
    pub(super) fn begins(&self, start: usize) -> bool {
        let before = self.text[..start].chars().next_back();
        before.is_none_or(|before| {
            let is_letter = before.is_alphanumeric() && before < '\u{e00}';
            !is_letter
                && !matches!(
                    before,
                    '_' | '-' | '.' | '/' | '@' | '%' | '\u{2010}'..='\u{2013}' | '$' | '€' | '£'
                )
        })
    }
}

/// Digits of a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits {
    values: [u8; MOST_DIGITS],
    count: usize,
}

impl Digits {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.values[..self.count]
    }
}

fn digits_end(bytes: &[u8], start: usize) -> usize {
    start
        + bytes[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
}

/// Whether a letter, a digit or an underscore is at `at`, or a point or hyphen with a digit behind it.
pub(super) fn is_word_at(text: &str, at: usize) -> bool {
    let mut rest = text[at..].chars();
    match rest.next() {
        Some('.' | '-' | '/' | ',') => rest.next().is_some_and(|next| next.is_ascii_digit()),
        Some('%' | '_' | '@') => true,
        Some(next) => next.is_alphanumeric() && next < '\u{e00}',
        None => false,
    }
}

/// What separates two groups, one sign of each at most; `after` is where the next digit is.
fn separator(bytes: &[u8], end: usize) -> Option<(Between, usize)> {
    let mut between = None;
    let mut at = end;
    for _ in 0..3 {
        let (found, length) = sign(&bytes[at..])?;
        between = Some(join(between, found)?);
        at += length;
        if bytes.get(at).is_some_and(u8::is_ascii_digit) {
            return between.map(|between| (between, at));
        }
    }
    None
}

/// Brackets go with a space, a hyphen, a point; two others do not go together.
fn join(one: Option<Between>, other: Between) -> Option<Between> {
    match one {
        None => Some(other),
        Some(one) if one == Between::Bracket || other == Between::Bracket => Some(Between::Bracket),
        Some(_) => None,
    }
}

fn sign(rest: &[u8]) -> Option<(Between, usize)> {
    match rest {
        [b' ', ..] => Some((Between::Space, 1)),
        [b'-', ..] => Some((Between::Hyphen, 1)),
        [b'.', ..] => Some((Between::Dot, 1)),
        [b'/', ..] => Some((Between::Slash, 1)),
        [b'(' | b')', ..] => Some((Between::Bracket, 1)),
        // A space that does not break, and a narrow one.
        [0xc2, 0xa0, ..] => Some((Between::Space, 2)),
        [0xe2, 0x80, 0xaf, ..] => Some((Between::Space, 3)),
        // Hyphens and dashes of Unicode.
        [0xe2, 0x80, 0x90..=0x95, ..] => Some((Between::Hyphen, 3)),
        _ => None,
    }
}
