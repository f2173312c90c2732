//! Units after a number: what is measured is no number of a person.

/// Units, in lower case.
const UNITS: [&str; 52] = [
    "mg",
    "mcg",
    "µg",
    "μg",
    "ug",
    "g",
    "kg",
    "gm",
    "grams",
    "ng",
    "pg",
    "ml",
    "l",
    "dl",
    "cc",
    "liters",
    "litres",
    "iu",
    "u",
    "units",
    "unit",
    "mmol",
    "mol",
    "µmol",
    "μmol",
    "nmol",
    "meq",
    "mosm",
    "mm",
    "cm",
    "m",
    "km",
    "cells",
    "copies",
    "cfu",
    "bpm",
    "kcal",
    "cal",
    "kj",
    "gy",
    "hz",
    "khz",
    "mhz",
    "kda",
    "da",
    "bp",
    "patients",
    "people",
    "years",
    "days",
    "hours",
    "platelets",
];

/// Whether a unit, a rate or a product follows at `end`.
pub(super) fn precedes_unit(text: &str, end: usize) -> bool {
    let rest = text[end..].trim_start_matches([' ', '\u{a0}', '-']);
    if rest.starts_with(['%', '/', '×', '°', '±', '^', '*', '‰', '$', '€']) {
        // `**` ends emphasis.
        return !rest.starts_with("**");
    }
    let is_letter = |character: char| character.is_alphabetic();
    let length = rest
        .find(|character| !is_letter(character))
        .unwrap_or(rest.len());
    let word = &rest[..length];
    length <= 12 && UNITS.iter().any(|unit| word.eq_ignore_ascii_case(unit))
}
