//! Numbers with units, as answers.

use super::extracted::Number;
use super::fold::Folder;

/// What one of a unit is in the unit that it is compared in.
const UNITS: [(&str, &str, f64); 42] = [
    ("%", "%", 1.0),
    ("percent", "%", 1.0),
    ("per cent", "%", 1.0),
    ("g", "g", 1.0),
    ("gram", "g", 1.0),
    ("grams", "g", 1.0),
    ("mg", "g", 1e-3),
    ("milligrams", "g", 1e-3),
    ("milligram", "g", 1e-3),
    ("mcg", "g", 1e-6),
    ("mug", "g", 1e-6),
    ("ug", "g", 1e-6),
    ("micrograms", "g", 1e-6),
    ("ng", "g", 1e-9),
    ("kg", "g", 1e3),
    ("kilograms", "g", 1e3),
    ("l", "l", 1.0),
    ("liter", "l", 1.0),
    ("liters", "l", 1.0),
    ("litres", "l", 1.0),
    ("dl", "l", 0.1),
    ("ml", "l", 1e-3),
    ("milliliters", "l", 1e-3),
    ("cc", "l", 1e-3),
    ("m", "m", 1.0),
    ("cm", "m", 1e-2),
    ("mm", "m", 1e-3),
    ("s", "s", 1.0),
    ("sec", "s", 1.0),
    ("second", "s", 1.0),
    ("seconds", "s", 1.0),
    ("min", "s", 60.0),
    ("minute", "s", 60.0),
    ("minutes", "s", 60.0),
    ("h", "s", 3600.0),
    ("hr", "s", 3600.0),
    ("hour", "s", 3600.0),
    ("hours", "s", 3600.0),
    ("day", "s", 86400.0),
    ("days", "s", 86400.0),
    ("week", "s", 604_800.0),
    ("weeks", "s", 604_800.0),
];

impl Number {
    /// The number that a text is, with nothing but a unit behind it.
    pub(super) fn whole(text: &str) -> Option<Self> {
        let folded: String = Folder::new(text, 0).collect();
        let (value, rest) = leading(folded.trim())?;
        let unit = rest.trim();
        let is_unit =
            unit.split(' ').count() <= 3 && !unit.contains(|letter: char| letter.is_ascii_digit());
        is_unit.then(|| Self {
            value,
            unit: unit.replace(' ', ""),
        })
    }

    /// The number that a statement gives: the first behind its last `=`.
    pub(super) fn stated(text: &str) -> Option<Self> {
        let text = text
            .rsplit(['=', '≈', '≃'])
            .find(|part| part.contains(|letter: char| letter.is_ascii_digit()))?;
        let folded: String = Folder::new(text, 0).collect();
        let start = folded.find(|letter: char| letter.is_ascii_digit())?;
        let is_negative = folded[..start].ends_with('-');
        let (value, rest) = leading(&folded[start..])?;
        let value = if is_negative { -value } else { value };
        Some(Self {
            value,
            unit: unit_of(rest),
        })
    }

    /// Whether the values are the same where both are in one unit; a unit that one leaves out is the other's.
    pub(super) fn equals(&self, other: &Self) -> bool {
        let (unit, scale) = base(&self.unit);
        let (other_unit, other_scale) = base(&other.unit);
        let is_bare = self.unit.is_empty() || other.unit.is_empty();
        if !is_bare && unit != other_unit {
            return false;
        }
        let (scale, other_scale) = if is_bare {
            (1.0, 1.0)
        } else {
            (scale, other_scale)
        };
        let (one, two) = (self.value * scale, other.value * other_scale);
        (one - two).abs() <= 1e-9 * one.abs().max(two.abs())
    }

    /// As a text that equal numbers share.
    pub(super) fn written(&self) -> String {
        let (unit, scale) = base(&self.unit);
        format!("{:e}{unit}", self.value * scale)
    }
}

fn base(unit: &str) -> (&str, f64) {
    let known = UNITS.iter().find(|(name, _, _)| *name == unit);
    known.map_or((unit, 1.0), |(_, base, scale)| (base, *scale))
}

fn leading(text: &str) -> Option<(f64, &str)> {
    let signed = text.strip_prefix('-').unwrap_or(text);
    let digits = signed.len()
        - signed
            .trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
            .len();
    let length = text.len() - signed.len() + digits;
    let value = text[..length]
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite() && digits > 0)?;
    Some((value, &text[length..]))
}

/// The unit that stands behind a number: a known one, or the word glued to it.
fn unit_of(rest: &str) -> String {
    let word = rest.trim_start().split(' ').next().unwrap_or("");
    let is_known = UNITS.iter().any(|(name, _, _)| *name == word);
    let is_glued = !rest.starts_with(' ') && !word.is_empty();
    if is_known
        || is_glued
        || word.len() <= 4
            && !matches!(
                word,
                "is" | "as"
                    | "per"
                    | "in"
                    | "of"
                    | "and"
                    | "or"
                    | "for"
                    | "to"
                    | "with"
                    | "at"
                    | "by"
            )
    {
        word.to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Number;

    #[test]
    fn equal_amounts_are_equal() {
        for (one, other) in [
            ("500 mg", "0.5 g"),
            ("1,000 mL", "1 L"),
            ("50%", "50 percent"),
            ("7", "7 mg"),
            ("5 μg", "5 mcg"),
            ("2 h", "120 minutes"),
            ("-3", "−3"),
        ] {
            let (one, other) = (Number::whole(one).unwrap(), Number::whole(other).unwrap());
            assert!(one.equals(&other), "{one:?} {other:?}");
        }
        for (one, other) in [
            ("500 mg", "500 g"),
            ("5%", "0.5%"),
            ("5 mg", "5 mL"),
            ("-3", "3"),
        ] {
            assert!(
                !Number::whole(one)
                    .unwrap()
                    .equals(&Number::whole(other).unwrap()),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn not_every_text_is_a_number() {
        for text in ["", "mg", "5 of 6", "type 2 diabetes", "."] {
            assert_eq!(Number::whole(text), None, "{text}");
        }
        assert_eq!(
            Number::stated("25 × 20 = 500 mg").unwrap().written(),
            Number::whole("500 mg").unwrap().written()
        );
    }
}
