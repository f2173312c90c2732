//! Check digits of national numbers.

/// Adds digits times weights.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum()
}

/// Luhn: every second digit from the right counts double.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let value = u32::from(*digit) << (at % 2);
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check character of a Chinese resident's 17 digits (GB 11643): 0–9 or X.
pub(super) fn chinese_resident(digits: &[u8]) -> u8 {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    b"10X98765432"[(weighted(digits, &WEIGHTS) % 11) as usize]
}

/// The letter of a Spanish DNI or NIE.
pub(super) fn spanish_letter(number: u32) -> u8 {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]
}

/// An NHS number of ten digits.
pub(super) fn nhs(digits: &[u8]) -> bool {
    let check = 11 - weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    digits.len() == 10 && check != 10 && u32::from(digits[9]) == check % 11
}

/// The 15 digits of a French NIR: a month, and 97 less the number modulo 97.
pub(super) fn french_nir(digits: &[u8]) -> bool {
    if digits.len() != 15 || !matches!(digits[0], 1 | 2 | 7 | 8) {
        return false;
    }
    let value = |digits: &[u8]| {
        digits
            .iter()
            .fold(0_u64, |value, digit| value * 10 + u64::from(*digit))
    };
    let month = value(&digits[3..5]);
    let is_month = matches!(month, 1..=12 | 20..=42 | 50..=99);
    is_month && value(&digits[13..]) == 97 - value(&digits[..13]) % 97
}

/// A Brazilian CPF of eleven digits.
pub(super) fn brazilian_cpf(digits: &[u8]) -> bool {
    let check = |digits: &[u8], first: u32| {
        let sum: u32 = digits
            .iter()
            .zip((2..=first).rev())
            .map(|(digit, weight)| u32::from(*digit) * weight)
            .sum();
        (sum * 10 % 11 % 10) as u8
    };
    digits.len() == 11
        && digits.iter().any(|digit| *digit != digits[0])
        && check(&digits[..9], 10) == digits[9]
        && check(&digits[..10], 11) == digits[10]
}

/// A Norwegian birth number of eleven digits.
pub(super) fn norwegian(digits: &[u8]) -> bool {
    let check = |weights: &[u32]| (11 - weighted(digits, weights) % 11) % 11;
    digits.len() == 11
        && check(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) == u32::from(digits[9])
        && check(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == u32::from(digits[10])
}

/// A Belgian national number of eleven digits; who was born from 2000 on has a 2 put before it.
pub(super) fn belgian(digits: &[u8]) -> bool {
    let value = |digits: &[u8]| {
        digits
            .iter()
            .fold(0_u64, |value, digit| value * 10 + u64::from(*digit))
    };
    let (number, check) = (value(&digits[..9]), value(&digits[9..]));
    [number, 2_000_000_000 + number]
        .iter()
        .any(|number| 97 - number % 97 == check)
}

/// A Swiss AHV number of thirteen digits: the check of EAN-13.
pub(super) fn ean13(digits: &[u8]) -> bool {
    let weights = [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1];
    weighted(digits, &weights).is_multiple_of(10)
}

/// A Finnish check character of nine digits.
pub(super) fn finnish(digits: &[u8]) -> u8 {
    let number = digits
        .iter()
        .fold(0_u32, |value, digit| value * 10 + u32::from(*digit));
    b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(number % 31) as usize]
}

/// Verhoeff's check of an Indian Aadhaar number.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const TURNS: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut check = 0;
    for (at, digit) in digits.iter().rev().enumerate() {
        let turned = (0..at % 8).fold(*digit, |digit, _| TURNS[usize::from(digit)]);
        check = dihedral(check, turned);
    }
    check == 0
}

/// The product of two elements of the dihedral group of order ten.
fn dihedral(one: u8, other: u8) -> u8 {
    match (one < 5, other < 5) {
        (true, true) => (one + other) % 5,
        (true, false) => 5 + (one + other - 5) % 5,
        (false, true) => 5 + (one - 5 + 5 - other) % 5,
        (false, false) => (one + 5 - other) % 5,
    }
}

/// A Singapore NRIC or FIN of a letter and seven digits: its last letter.
pub(super) fn singaporean(first: u8, digits: &[u8]) -> Option<u8> {
    let sum = weighted(digits, &[2, 7, 6, 5, 4, 3, 2]);
    let (letters, offset) = match first {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        _ => return None,
    };
    Some(letters[((sum + offset) % 11) as usize])
}

/// A Taiwanese number: a letter and nine digits.
pub(super) fn taiwanese(first: u8, digits: &[u8]) -> bool {
    let codes = (10_u32..).zip(b"ABCDEFGHJKLMNPQRSTUVXYWZIO");
    let Some((code, _)) = codes.into_iter().find(|(_, letter)| **letter == first) else {
        return false;
    };
    let sum = code / 10 + code % 10 * 9 + weighted(digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    sum.is_multiple_of(10)
}

/// Whether an Italian fiscal code of 16 signs ends with its check letter.
pub(super) fn italian(code: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let place = |sign: u8| {
        u32::from(if sign.is_ascii_digit() {
            sign - b'0'
        } else {
            sign - b'A'
        })
    };
    let value = |(at, sign): (usize, &u8)| {
        if at.is_multiple_of(2) {
            ODD[place(*sign) as usize]
        } else {
            place(*sign)
        }
    };
    let sum: u32 = code[..15].iter().enumerate().map(value).sum();
    u32::from(code[15] - b'A') == sum % 26
}

/// A day, month and year of two digits that may be a date.
pub(super) fn is_date(day: u32, month: u32) -> bool {
    (1..=31).contains(&day) && (1..=12).contains(&month)
}
