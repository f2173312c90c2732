//! Numbers that a state gives to a person.
//!
//! A number counts by its shape where that is rare (`123-45-6789`), by its shape and its check digits where there are some,
//! and by a label before it ("passport no."), whatever its shape.

use std::ops::Range;

use super::checks::{
    belgian, brazilian_cpf, chinese_resident, ean13, finnish, french_nir, is_date, italian, luhn,
    nhs, norwegian, singaporean, spanish_letter, taiwanese, verhoeff,
};
use super::label_words::{NATIONAL, PHONE, PHONE_BEFORE_GROUPS};
use super::labels::stands_before;
use super::number::Between::{Dot, Hyphen, Space};
use super::number::{Number, is_word_at};
use super::units::precedes_unit;

/// The national number that begins with or around the first group of `number`.
pub(super) fn find(number: &Number<'_>) -> Option<Range<usize>> {
    let start = number.start();
    if number.begins(start) {
        let bare = social_security(number)
            .or_else(|| chinese(number))
            .or_else(|| by_shape(number))
            .or_else(|| spanish(number))
            .or_else(|| finland(number));
        if let Some(end) = bare {
            return Some(start..end);
        }
    }
    after_letters(number).or_else(|| labelled(number))
}

/// `123-45-6789`, without the areas, groups and serials that are never given out.
fn social_security(number: &Number<'_>) -> Option<usize> {
    let is_shape = number.is_joined(&[3, 2, 4], Hyphen);
    let is_given = || {
        let [area, group, serial] = [0, 1, 2].map(|at| number.value(at));
        !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0
    };
    (is_shape && is_given()).then(|| number.end(3))
}

/// 17 digits and a check sign, with a province and a date of birth inside.
fn chinese(number: &Number<'_>) -> Option<usize> {
    let length = number.groups().first()?.len();
    if !matches!(length, 17 | 18) {
        return None;
    }
    let digits = number.digits(1);
    let digits = digits.as_slice();
    let end = number.groups()[0].start + 18;
    let sign = number.text.as_bytes().get(end - 1)?.to_ascii_uppercase();
    let two = |at: usize| u32::from(digits[at]) * 10 + u32::from(digits[at + 1]);
    let is_person = matches!(two(0), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91)
        && matches!(two(6), 18..=20)
        && is_date(two(12), two(10));
    (is_person && sign == chinese_resident(digits) && !is_word_at(number.text, end)).then_some(end)
}

/// Numbers of digits alone, by groups and check digits.
fn by_shape(number: &Number<'_>) -> Option<usize> {
    let is = |lengths: &[usize], between| number.is_joined(lengths, between);
    let checked = |count: usize, check: fn(&[u8]) -> bool| {
        check(number.digits(count).as_slice()).then(|| number.end(count))
    };
    match () {
        () if is(&[3, 3, 4], Space) && is_unlabelled(number) && !is_round(number, 3) => {
            checked(3, nhs)
        }
        () if is(&[1, 2, 2, 2, 3, 3, 2], Space) => checked(7, french_nir),
        () if is(&[15], Space) => checked(1, french_nir),
        () if number.is(&[3, 3, 3, 2], &[Dot, Dot, Hyphen]) => checked(4, brazilian_cpf),
        () if number.is(&[2, 2, 2, 3, 2], &[Dot, Dot, Hyphen, Dot]) => checked(5, belgian),
        () if is(&[3, 4, 4, 2], Dot) && number.value(0) == 756 => checked(4, ean13),
        () if is(&[4, 4, 4], Space) && !has_year(number) && !is_round(number, 3) => {
            checked(3, indian)
        }
        () if is(&[6, 4], Hyphen) || is(&[8, 4], Hyphen) => checked(2, swedish),
        () if is(&[6, 7], Hyphen) => checked(2, korean),
        () if is(&[11], Space) => checked(1, norwegian_born),
        () if is(&[6, 5], Space) => checked(2, norwegian_born),
        () if is(&[13], Space) => checked(1, south_african),
        () => None,
    }
}

/// Two digits as a number.
fn two(digits: &[u8], at: usize) -> u32 {
    u32::from(digits[at]) * 10 + u32::from(digits[at + 1])
}

/// Twelve digits, of which the first is not 0 or 1.
fn indian(digits: &[u8]) -> bool {
    digits[0] > 1 && verhoeff(digits)
}

/// Date of birth (year, month, day), then a digit for sex and century.
fn korean(digits: &[u8]) -> bool {
    is_date(two(digits, 4), two(digits, 2)) && matches!(digits[6], 1..=8)
}

/// Date of birth (day, month, year), three digits and two that check.
fn norwegian_born(digits: &[u8]) -> bool {
    is_date(two(digits, 0), two(digits, 2)) && norwegian(digits)
}

/// Date of birth, four digits, citizenship, and Luhn's check.
fn south_african(digits: &[u8]) -> bool {
    let is_person =
        is_date(two(digits, 4), two(digits, 2)) && digits[10] < 3 && matches!(digits[11], 8 | 9);
    is_person && luhn(digits)
}

/// A personnummer: a date, three digits, and Luhn's check over ten digits; the century may stand before.
fn swedish(digits: &[u8]) -> bool {
    let ten = &digits[digits.len() - 10..];
    is_date(two(ten, 4), two(ten, 2)) && luhn(ten)
}

/// Whether no label and no unit says that it is something else.
fn is_unlabelled(number: &Number<'_>) -> bool {
    let mut labels = [&PHONE[..], &PHONE_BEFORE_GROUPS].into_iter();
    !precedes_unit(number.text, number.end(3))
        && !labels.any(|labels| stands_before(number.text, number.start(), labels))
}

/// Whether the first `count` groups are all multiples of five: doses, not a number of somebody.
pub(super) fn is_round(number: &Number<'_>, count: usize) -> bool {
    (0..count).all(|group| number.value(group).is_multiple_of(5))
}

/// Whether a group is a year: of three groups of four digits that are years, some pass a check digit.
fn has_year(number: &Number<'_>) -> bool {
    (0..3).any(|group| (1900..2100).contains(&number.value(group)))
}

/// A DNI: eight digits, perhaps with points, and a letter that checks them.
fn spanish(number: &Number<'_>) -> Option<usize> {
    let lengths = number.groups().iter().map(|group| group.len());
    let is_shape =
        lengths.clone().eq([8]) || (lengths.eq([2, 3, 3]) && number.between() == [Dot, Dot]);
    if !is_shape {
        return None;
    }
    let count = number.groups().len();
    let value = number
        .digits(count)
        .as_slice()
        .iter()
        .fold(0, |value, digit| value * 10 + u32::from(*digit));
    let end = number.end(count);
    let bytes = number.text.as_bytes();
    let letter = end + usize::from(bytes.get(end) == Some(&b'-'));
    let is_checked = bytes.get(letter) == Some(&spanish_letter(value));
    (is_checked && !is_word_at(number.text, letter + 1)).then_some(letter + 1)
}

/// A henkilötunnus: `131052-308T`.
fn finland(number: &Number<'_>) -> Option<usize> {
    let [date, serial] = *number.groups() else {
        return None;
    };
    if (date.len(), serial.len()) != (6, 3) || number.between() != [Hyphen] {
        return None;
    }
    let digits = number.digits(2);
    let digits = digits.as_slice();
    let two = |at: usize| u32::from(digits[at]) * 10 + u32::from(digits[at + 1]);
    let is_checked = number.text.as_bytes().get(serial.end) == Some(&finnish(digits));
    (is_date(two(0), two(2)) && is_checked && !is_word_at(number.text, serial.end + 1))
        .then_some(serial.end + 1)
}

/// Numbers that begin with letters: NIE, NRIC, Taiwanese, Hong Kong's, Italian and Mexican codes, British NINO.
fn after_letters(number: &Number<'_>) -> Option<Range<usize>> {
    let (letters, start) = number.letters_before();
    let group = *number.groups().first()?;
    if letters.is_empty() {
        return spaced_nino(number);
    }
    if !number.begins(start) || !letters.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let bytes = number.text.as_bytes();
    let digits = number.digits(1);
    let digits = digits.as_slice();
    let first = letters.as_bytes()[0];
    let next = bytes.get(group.end).copied().unwrap_or(b' ');
    let ends = |end: usize| (!is_word_at(number.text, end)).then_some(start..end);
    match (letters.len(), group.len()) {
        (1, 7) if matches!(first, b'X'..=b'Z') => {
            let at = group.end + usize::from(next == b'-');
            let value = digits.iter().fold(u32::from(first - b'X'), |value, digit| {
                value * 10 + u32::from(*digit)
            });
            (bytes.get(at) == Some(&spanish_letter(value))).then(|| ends(at + 1))?
        }
        (1, 7) if singaporean(first, digits) == Some(next) => ends(group.end + 1),
        (1, 9) if matches!(digits[0], 1 | 2) && taiwanese(first, digits) => ends(group.end),
        (1, 6) => hong_kong(number, first, digits).map(|end| start..end),
        (6, 2) => code(bytes, start, 16)
            .filter(|code| is_italian(code))
            .and_then(|_| ends(start + 16)),
        (4, 6) => code(bytes, start, 18)
            .filter(|code| is_mexican(code))
            .and_then(|_| ends(start + 18)),
        _ => None,
    }
}

fn code(bytes: &[u8], start: usize, length: usize) -> Option<&[u8]> {
    let code = bytes.get(start..start + length)?;
    code.iter()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        .then_some(code)
}

fn is_italian(code: &[u8]) -> bool {
    let is_letter = |at: usize| code[at].is_ascii_uppercase();
    is_letter(8) && is_letter(11) && is_letter(15) && italian(code)
}

/// A CURP: letters, date, sex, state, consonants.
fn is_mexican(code: &[u8]) -> bool {
    let two = |at: usize| u32::from(code[at] - b'0') * 10 + u32::from(code[at + 1] - b'0');
    is_date(two(8), two(6))
        && matches!(code[10], b'H' | b'M' | b'X')
        && code[11..16].iter().all(u8::is_ascii_uppercase)
}

/// `A123456(3)`
fn hong_kong(number: &Number<'_>, first: u8, digits: &[u8]) -> Option<usize> {
    let end = number.groups()[0].end;
    let [b'(', sign, b')'] = *number.text.as_bytes().get(end..end + 3)? else {
        return None;
    };
    let sum = 36 * 9
        + u32::from(first - b'A' + 10) * 8
        + digits
            .iter()
            .zip([7, 6, 5, 4, 3, 2])
            .map(|(digit, weight)| u32::from(*digit) * weight)
            .sum::<u32>();
    let check = (11 - sum % 11) % 11;
    let is_checked = if sign == b'A' {
        check == 10
    } else {
        sign.is_ascii_digit() && u32::from(sign - b'0') == check
    };
    is_checked.then_some(end + 3)
}

/// `QQ 12 34 56 C`
fn spaced_nino(number: &Number<'_>) -> Option<Range<usize>> {
    if number.groups().len() != 3
        || number.groups().iter().any(|group| group.len() != 2)
        || number.between() != [Space, Space]
    {
        return None;
    }
    let bytes = number.text.as_bytes();
    let start = number.start().checked_sub(3)?;
    let end = number.end(3) + 2;
    let is_prefix = matches!(
        bytes.get(start..start + 3),
        Some([b'A'..=b'Z', b'A'..=b'Z', b' '])
    );
    let is_suffix = matches!(bytes.get(end - 2..end), Some([b' ', b'A'..=b'D']));
    (is_prefix
        && is_suffix
        && number.text.is_char_boundary(start)
        && number.begins(start)
        && !is_word_at(number.text, end))
    .then_some(start..end)
}

/// What a label says to be one: at least six digits, and letters around them.
fn labelled(number: &Number<'_>) -> Option<Range<usize>> {
    let (letters, start) = number.letters_before();
    let count = number.groups().len();
    let end = number.token_end(count);
    let digits = number.text.as_bytes()[start..end]
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .count();
    if digits < 6 || letters.len() > 8 {
        return None;
    }
    if stands_before(number.text, start, &NATIONAL) {
        return Some(start..end);
    }
    let ten = number.digits(count.min(3));
    let is_nhs = matches!(count, 1 | 3)
        && nhs(ten.as_slice())
        && stands_before(number.text, start, &["nhs"]);
    let is_sin = ten.as_slice().len() == 9
        && luhn(ten.as_slice())
        && stands_before(number.text, start, &["sin"]);
    (is_nhs || is_sin).then(|| start..number.end(count.min(3)))
}
