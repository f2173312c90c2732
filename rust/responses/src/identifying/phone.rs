//! Telephone numbers.
//!
//! A number counts with a `+`, in the shapes in which several countries write theirs, and behind a label. Doses, ranges
//! of years, dates and laboratory values have other shapes, a unit behind them, or no label.

use std::ops::Range;

use super::label_words::{PHONE, PHONE_BEFORE_GROUPS};
use super::labels::stands_before;
use super::national::is_round;
use super::number::Between::{Bracket, Dot, Hyphen, Slash, Space};
use super::number::{Between, Number, is_word_at};
use super::units::precedes_unit;

/// The telephone number that begins with the first group of `number`, with its `+` or bracket.
pub(super) fn find(number: &Number<'_>) -> Option<Range<usize>> {
    let start = number.start();
    let before = number.text.as_bytes()[..start].last().copied();
    if before == Some(b'+') {
        return international(number).map(|end| bracket_before(number, start - 1)..end);
    }
    let has_bracket = before == Some(b'(');
    let from = start - usize::from(has_bracket);
    if !number.begins(from) || is_date_like(number) {
        return None;
    }
    let bare = north_american(number, has_bracket)
        .or_else(|| in_pairs(number))
        .or_else(|| with_area_code(number, has_bracket))
        .or_else(|| chinese_mobile(number))
        .filter(|end| !precedes_unit(number.text, *end));
    bare.or_else(|| labelled(number, from)).map(|end| from..end)
}

/// `(+44) 20 7946 0958`
fn bracket_before(number: &Number<'_>, plus: usize) -> usize {
    let is_bracket = number.text.as_bytes()[..plus].last() == Some(&b'(');
    plus - usize::from(is_bracket && number.between().contains(&Bracket))
}

/// Eight to fifteen digits after a `+` that is no sum, charge or sign of a decimal number.
fn international(number: &Number<'_>) -> Option<usize> {
    if !number.begins(number.start() - 1)
        || number.value(0) == 0
        || number.groups()[0].start == number.groups()[0].end
    {
        return None;
    }
    let (mut count, mut digits) = (0, 0);
    for group in number.groups() {
        if digits + group.len() > 15
            || (count > 1 && group.len() == 1 && !is_trunk_zero(number, count))
        {
            break;
        }
        digits += group.len();
        count += 1;
    }
    let is_decimal = count == 2 && number.between()[0] == Dot;
    let is_number = digits >= 8
        && !is_decimal
        && (count >= 3 || (count == 2 && digits >= 9) || number.groups()[0].len() >= 9);
    let end = number.end(count.max(1));
    (is_number && !is_letter_at(number, end) && !precedes_unit(number.text, end)).then_some(end)
}

/// The `(0)` of `+49 (0)30 123456`.
fn is_trunk_zero(number: &Number<'_>, group: usize) -> bool {
    number.value(group) == 0 || number.between()[group - 1] == Bracket
}

fn is_letter_at(number: &Number<'_>, at: usize) -> bool {
    number.text[at..].starts_with(|next: char| next.is_ascii_alphabetic() && next != 'x')
}

/// `212-555-0123`, `(212) 555-0123`, `1-800-555-0123`, `212.555.0123`.
fn north_american(number: &Number<'_>, has_bracket: bool) -> Option<usize> {
    let is_bracketed = has_bracket
        && [Space, Hyphen, Dot]
            .iter()
            .any(|last| number.is(&[3, 3, 4], &[Bracket, *last]));
    let is_plain = number.is_joined(&[3, 3, 4], Hyphen) || number.is_joined(&[3, 3, 4], Dot);
    let is_long = number.value(0) == 1
        && ([Hyphen, Dot]
            .iter()
            .any(|between| number.is_joined(&[1, 3, 3, 4], *between))
            || [Space, Hyphen]
                .iter()
                .any(|last| number.is(&[1, 3, 3, 4], &[Bracket, Bracket, *last])));
    if is_long {
        return Some(number.end(4));
    }
    (is_bracketed || (is_plain && !is_round(number, 3))).then(|| number.end(3))
}

/// `01 23 45 67 89`: French, five pairs.
fn in_pairs(number: &Number<'_>) -> Option<usize> {
    let is_shape = [Space, Dot, Hyphen]
        .iter()
        .any(|between| number.is_joined(&[2, 2, 2, 2, 2], *between));
    (is_shape && (1..=9).contains(&number.value(0)) && !is_round(number, 5)).then(|| number.end(5))
}

/// `020 7946 0958`, `030 12345678`, `0412 345 678`, `03-1234-5678`, `010-1234-5678`, `(11) 98765-4321`.
fn with_area_code(number: &Number<'_>, has_bracket: bool) -> Option<usize> {
    let groups = number.groups();
    let area = groups[0].len();
    let count = groups.len().min(4);
    let is_joint = |between: &Between| matches!(between, Space | Hyphen | Slash | Bracket);
    let begins_with_zero = number.text.as_bytes()[number.start()] == b'0'
        && number.digits(1).as_slice().get(1) != Some(&0);
    let is_area = match area {
        2 => number.is_joined(&[2, 4, 4], Hyphen) && begins_with_zero,
        3..=5 => begins_with_zero,
        _ => false,
    };
    let is_brazilian = has_bracket
        && (number.is(&[2, 5, 4], &[Bracket, Hyphen]) || number.is(&[2, 4, 4], &[Bracket, Hyphen]));
    let has_groups = (2..=4).contains(&count)
        && groups[1..count]
            .iter()
            .all(|group| (3..=8).contains(&group.len()))
        && number.between()[..count - 1].iter().all(is_joint);
    let is_number = is_brazilian
        || (is_area
            && has_groups
            && (9..=12).contains(&number.digit_count(count))
            && !is_round(number, count));
    (is_number && number.ends_after(count)).then(|| number.end(count))
}

/// `138 1234 5678`; without gaps only in Chinese text: elsewhere eleven digits are something else.
fn chinese_mobile(number: &Number<'_>) -> Option<usize> {
    let is_mobile = |digits: &[u8]| digits[0] == 1 && digits[1] >= 3;
    let is_grouped = [Space, Hyphen]
        .iter()
        .any(|between| number.is_joined(&[3, 4, 4], *between));
    if is_grouped && is_mobile(number.digits(3).as_slice()) {
        return Some(number.end(3));
    }
    let is_run = number.groups()[0].len() == 11
        && number.ends_after(1)
        && is_mobile(number.digits(1).as_slice());
    (is_run && is_in_chinese(number)).then(|| number.end(1))
}

fn is_in_chinese(number: &Number<'_>) -> bool {
    let is_wide = |character: &char| {
        ('\u{3000}'..='\u{9fff}').contains(character)
            || ('\u{ff00}'..='\u{ff5e}').contains(character)
    };
    let before = number.text[..number.start()].chars().rev().take(8);
    let after = number.text[number.end(1)..].chars().take(4);
    before.chain(after).any(|character| is_wide(&character))
}

/// Seven to fifteen digits after a label.
fn labelled(number: &Number<'_>, from: usize) -> Option<usize> {
    let mut count = number.groups().len();
    while count > 1 && number.digit_count(count) > 15 {
        count -= 1;
    }
    let end = number.end(count);
    let is_long = (7..=15).contains(&number.digit_count(count));
    if !is_long
        || is_range_of_years(number, count)
        || is_word_at(number.text, end)
        || precedes_unit(number.text, end)
    {
        return None;
    }
    let is_grouped =
        count > 1 && number.digit_count(count) >= 7 && number.groups()[count - 1].len() >= 2;
    let is_label = stands_before(number.text, from, &PHONE)
        || ((is_grouped || number.digit_count(count) >= 10)
            && stands_before(number.text, from, &PHONE_BEFORE_GROUPS));
    is_label.then_some(end)
}

fn is_range_of_years(number: &Number<'_>, count: usize) -> bool {
    (0..count).all(|group| {
        number.groups()[group].len() == 4 && (1900..2100).contains(&number.value(group))
    })
}

/// `12-03-1961`, `1961-03-12`
fn is_date_like(number: &Number<'_>) -> bool {
    let shape = number.groups().iter().take(3).map(|group| group.len());
    let is_short = |length: usize| matches!(length, 1 | 2);
    match shape.collect::<Shape>().0 {
        [day, month, 4] => is_short(day) && is_short(month) && number.value(2) >= 1500,
        [4, month, day] => {
            is_short(day) && is_short(month) && (1500..2200).contains(&number.value(0))
        }
        _ => false,
    }
}

/// The lengths of the first three groups.
struct Shape([usize; 3]);

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(lengths: I) -> Self {
        let mut shape = [0; 3];
        for (slot, length) in shape.iter_mut().zip(lengths) {
            *slot = length;
        }
        Self(shape)
    }
}
