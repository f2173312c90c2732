//! Dates of birth: a date of day, month and year behind a label.

use std::ops::Range;

use super::checks::is_date;
use super::label_words::BIRTH;
use super::labels::{birth_place_stands_before, stands_before};
use super::number::{Between, Number};

/// The years in which somebody may be born whom data protect.
const YEARS: std::ops::Range<u32> = 1900..2100;

/// The date of birth of which the first group of `number` is a part.
pub(super) fn find(number: &Number<'_>) -> Option<Range<usize>> {
    let date = numeric(number)
        .or_else(|| compact(number))
        .or_else(|| chinese(number))
        .or_else(|| with_month(number))?;
    let is_labelled = || {
        stands_before(number.text, date.start, &BIRTH)
            || birth_place_stands_before(number.text, date.start)
            || number.text[date.end..].starts_with(['生', '생'])
            || number.text[date.end..].starts_with("出生")
    };
    (number.begins(date.start) && is_labelled()).then_some(date)
}

/// `12/03/1961`, `3-12-61`, `12.03.1961`, `1961-03-12`.
fn numeric(number: &Number<'_>) -> Option<Range<usize>> {
    if number.groups().len() < 3
        || number.between()[0] != number.between()[1]
        || number.between()[0] == Between::Bracket
    {
        return None;
    }
    let lengths = [0, 1, 2].map(|at| number.groups()[at].len());
    let [first, second, third] = [0, 1, 2].map(|at| number.value(at));
    let is_day_and_month = |one, other| is_date(one, other) || is_date(other, one);
    let is_full = match lengths {
        [1 | 2, 1 | 2, 4] => is_day_and_month(first, second) && YEARS.contains(&third),
        [1 | 2, 1 | 2, 2] => {
            is_day_and_month(first, second) && number.between()[0] != Between::Space
        }
        [4, 1 | 2, 1 | 2] => is_date(third, second) && YEARS.contains(&first),
        _ => false,
    };
    is_full.then(|| number.start()..number.end(3))
}

/// `19610312`, `03121961`
fn compact(number: &Number<'_>) -> Option<Range<usize>> {
    let value = number.value(0);
    let is_full = |year: u32, one: u32, other: u32| {
        YEARS.contains(&year) && (is_date(one, other) || is_date(other, one))
    };
    let is_date = is_full(value / 10_000, value / 100 % 100, value % 100)
        || is_full(value % 10_000, value / 1_000_000, value / 10_000 % 100);
    (number.groups()[0].len() == 8 && number.ends_after(1) && is_date)
        .then(|| number.start()..number.end(1))
}

/// `1961年3月12日`, `1961년 3월 12일`
fn chinese(number: &Number<'_>) -> Option<Range<usize>> {
    let mut rest = number.text.get(number.end(1)..)?;
    if number.groups()[0].len() != 4 || !YEARS.contains(&number.value(0)) {
        return None;
    }
    for (sign, other, most) in [('年', '년', 12), ('月', '월', 31)] {
        let after = rest.strip_prefix([sign, other])?.trim_start_matches(' ');
        let length = after.bytes().take(2).take_while(u8::is_ascii_digit).count();
        let value: u32 = after[..length].parse().ok()?;
        if !(1..=most).contains(&value) {
            return None;
        }
        rest = &after[length..];
    }
    let rest = rest.strip_prefix(['日', '号', '일']).unwrap_or(rest);
    Some(number.start()..number.text.len() - rest.len())
}

/// `12 March 1961`, `March 12th, 1961`, `12-Mar-1961`, `12 de marzo de 1961`: known by the year, read backwards.
fn with_month(number: &Number<'_>) -> Option<Range<usize>> {
    let year = number.groups()[0];
    if year.len() != 4 || !YEARS.contains(&number.value(0)) {
        return None;
    }
    let before = without_particle(&number.text[..year.start]);
    let start = match month_at_end(before) {
        Some(month) => day_at_end(without_particle(&before[..month])),
        None => day_at_end(before).and_then(|day| month_at_end(without_particle(&before[..day]))),
    };
    start.map(|start| start..year.end)
}

/// Without blanks and the words between the parts of a date.
fn without_particle(before: &str) -> &str {
    let blank = |character: char| matches!(character, ' ' | ',' | '.' | '-' | '/' | '\u{a0}');
    let before = before.trim_end_matches(blank);
    let shorter = ["de", "del", "of", "do", "of the"].iter().find_map(|word| {
        let shorter = before.strip_suffix(word)?;
        shorter
            .ends_with(' ')
            .then(|| shorter.trim_end_matches(blank))
    });
    shorter.unwrap_or(before)
}

/// Where the number of a day begins that ends the text, with `st`, `nd`, `rd`, `th`.
fn day_at_end(before: &str) -> Option<usize> {
    let bare = ["st", "nd", "rd", "th", "er", "º", "°"]
        .iter()
        .find_map(|suffix| before.strip_suffix(suffix))
        .unwrap_or(before);
    let length = bare
        .bytes()
        .rev()
        .take(3)
        .take_while(u8::is_ascii_digit)
        .count();
    let start = bare.len() - length;
    let day: u32 = bare[start..].parse().ok()?;
    (length <= 2 && (1..=31).contains(&day)).then_some(start)
}

/// Where the name of a month begins that ends the text.
fn month_at_end(before: &str) -> Option<usize> {
    let mut start = before.len();
    for (at, character) in before.char_indices().rev().take(12) {
        if !character.is_alphabetic() {
            break;
        }
        start = at;
    }
    let name = &before[start..];
    let is_month = MONTHS.iter().any(|month| {
        name.get(..month.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(month))
            || name.starts_with(month)
    });
    is_month.then_some(start)
}

/// How months begin: English, Spanish, French, German, Portuguese, Italian, Dutch, Russian.
const MONTHS: [&str; 44] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "ene",
    "abr", "ago", "dic", "fév", "avr", "mai", "juin", "juil", "aoû", "déc", "mär", "maerz", "okt",
    "dez", "fev", "set", "out", "gen", "mag", "giu", "lug", "ott", "maa", "mei", "янв", "фев",
    "мар", "апр", "мая", "июн", "дек",
];
