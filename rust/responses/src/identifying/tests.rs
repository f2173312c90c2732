#![allow(clippy::unwrap_used)]

use std::ops::Range;

use proptest::prelude::*;
use regex::Regex;

use super::{Identified, Kind, Kinds, identifying, kinds_in, mask};

fn found(text: &str) -> Vec<Identified> {
    let mut found = Vec::new();
    identifying(text, Kinds::all(), |one| found.push(one));
    found
}

fn ranges(text: &str, kind: Kind) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    identifying(text, Kinds::none().with(kind), |one| {
        ranges.push(one.start..one.end)
    });
    ranges
}

#[test]
fn masks_stand_in_the_place_of_data() {
    let text = "DOB 03/12/1961, MRN 5550123, call 503-555-0142 or write to j.smith@aol.com; SSN 536-22-8190.";
    let masked = "DOB [DATE_OF_BIRTH], MRN [RECORD_NUMBER], call [PHONE] or write to [EMAIL]; SSN [NATIONAL_ID].";
    assert_eq!(mask(text, Kinds::all()), masked);
    let phones = Kinds::none().with(Kind::Phone);
    assert_eq!(mask(text, phones), text.replace("503-555-0142", "[PHONE]"));
    assert!(matches!(
        mask("Na 140", Kinds::all()),
        std::borrow::Cow::Borrowed("Na 140")
    ));
    assert_eq!(mask(text, Kinds::none()), text);
}

#[test]
fn an_address_may_hold_digits() {
    let text = "12345678a@b.org 2125550123@c.org";
    assert_eq!(mask(text, Kinds::all()), "[EMAIL] [EMAIL]");
    assert_eq!(
        mask("tel 212-555-0123 x@y.org", Kinds::all()),
        "tel [PHONE] [EMAIL]"
    );
}

#[test]
fn labels_stand_in_many_forms() {
    for (text, masked) in [
        ("DOB 01151980", "DOB [DATE_OF_BIRTH]"),
        ("dob: 19800115.", "dob: [DATE_OF_BIRTH]."),
        ("DOB 99999999", "DOB 99999999"),
        (
            r#"{"patient_id": "P12345", "date_of_birth": "1980-01-15"}"#,
            r#"{"patient_id": "[RECORD_NUMBER]", "date_of_birth": "[DATE_OF_BIRTH]"}"#,
        ),
        (
            r#""phone_number": "5551234567""#,
            r#""phone_number": "[PHONE]""#,
        ),
        ("Reach her at 555 123 4567.", "Reach her at [PHONE]."),
        ("(555)123-4567 or +15551234567", "[PHONE] or [PHONE]"),
        ("SSN:\n123-45-6789", "SSN:\n[NATIONAL_ID]"),
        ("| MRN | 12345678 |", "| MRN | [RECORD_NUMBER] |"),
        ("**DOB**: 15 January 1980", "**DOB**: [DATE_OF_BIRTH]"),
        (
            "born 1/15/80; seen 1/15/20",
            "born [DATE_OF_BIRTH]; seen 1/15/20",
        ),
        (
            "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
            "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
        ),
        (
            "11010519491231002Y 110105194912310021",
            "11010519491231002Y 110105194912310021",
        ),
        (
            "12345678A X1234567A 943 476 5918",
            "12345678A X1234567A 943 476 5918",
        ),
    ] {
        assert_eq!(mask(text, Kinds::all()), masked);
    }
}

/// Numbers of social security, sign by sign.
fn slow_social_security(text: &str) -> Vec<Range<usize>> {
    let shape = Regex::new(r"\d{3}[-\u{2010}-\u{2015}]\d{2}[-\u{2010}-\u{2015}]\d{4}").unwrap();
    let is_given = Regex::new(r"^(?:[1-57-8]..|0[1-9].|00[1-9]|6[0-57-9].|66[0-57-9])\D+(?:[1-9].|0[1-9])\D+(?:[1-9]|0[1-9]|00[1-9]|000[1-9])").unwrap();
    let alone = Regex::new(r"(?:^|[^\w\-\u{2010}-\u{2013}./@%$€£])$").unwrap();
    let ends = Regex::new(r"^(?:$|[^\w%@\-./,()\u{2010}-\u{2015}]|[-./,]?[-./,()\u{2010}-\u{2015} ]?(?:$|[^\w\-./,()\u{2010}-\u{2015}]))").unwrap();
    shape
        .find_iter(text)
        .map(|shape| shape.range())
        .filter(|range| {
            is_given.is_match(&text[range.clone()])
                && alone.is_match(&text[..range.start])
                && ends.is_match(&text[range.end..])
        })
        .collect()
}

/// Addresses by an expression over whole words.
fn slow_emails(text: &str) -> Vec<Range<usize>> {
    let address = Regex::new(r"[A-Za-z0-9_]([A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_%+-])?@([A-Za-z0-9_]?[A-Za-z0-9-]*\.)+[A-Za-z]{2,24}").unwrap();
    address.find_iter(text).map(|found| found.range()).collect()
}

proptest! {
    #[test]
    fn social_security_is_that_of_the_expression(numbers in prop::collection::vec("[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{1,4}-[0-9]{2}-[0-9]{1,5}", 0..6), gap in "( |, |; | a )") {
        let text = numbers.join(&gap);
        prop_assert_eq!(ranges(&text, Kind::NationalId), slow_social_security(&text));
    }

    #[test]
    fn addresses_are_those_of_the_expression(text in "((a|b1|c\\.d|_x)(\\+y)?(@)(k|m\\.n|o-p)\\.(org|de|co\\.uk)|[a-z]{1,5}@[a-z]{1,3}|@|[0-9]{1,4})( |, |; |\n)") {
        let text = text.repeat(2);
        prop_assert_eq!(ranges(&text, Kind::Email), slow_emails(&text));
    }

    #[test]
    fn hostile_texts_are_searched(
        text in "(\\PC|[0-9]{1,12}|[-+./() @,:#]|MRN |DOB |tel |né le |电话|19[0-9]{2}|[A-Z]{1,6}|March |年|月|\u{2011}|\u{a0}|\n|a@b\\.org|é){0,60}",
        kinds in 0_u16..32,
    ) {
        let all = found(&text);
        let mut end = 0;
        for one in &all {
            prop_assert!(end <= one.start && one.start < one.end, "{:?}", all);
            prop_assert!(text.get(one.start..one.end).is_some());
            end = one.end;
        }
        // Other kinds, and a text that is masked.
        let kinds = Kinds::from_bits(kinds);
        prop_assert!(kinds.holds(kinds_in(&text, kinds)));
        let masked = mask(&text, kinds);
        prop_assert_eq!(matches!(masked, std::borrow::Cow::Borrowed(_)), kinds_in(&text, kinds).is_empty());
    }

    /// A datum is found wherever it stands in clinical text, and that text holds none.
    #[test]
    fn data_are_found_among_findings(before in findings(), behind in findings(), datum in prop::sample::select(DATA.to_vec())) {
        let (kind, label, value) = datum;
        prop_assert_eq!(found(&before), []);
        let text = format!("{before} {label}{value}. {behind}");
        let start = before.len() + 1 + label.len();
        prop_assert_eq!(found(&text), [Identified { kind, start, end: start + value.len() }]);
    }
}

const DATA: [(Kind, &str, &str); 12] = [
    (Kind::Email, "Mail ", "ann.lee@ward.org"),
    (Kind::Phone, "Call ", "212-555-0123"),
    (Kind::Phone, "Son: ", "+44 20 7946 0958"),
    (Kind::Phone, "Phone ", "555-0123"),
    (Kind::Phone, "Praxis ", "030 12345678"),
    (Kind::NationalId, "SSN ", "536-22-8190"),
    (Kind::NationalId, "DNI ", "12345678Z"),
    (Kind::NationalId, "", "943 476 5919"),
    (Kind::RecordNumber, "MRN: ", "00482913"),
    (Kind::RecordNumber, "Patient ID ", "AB-2045"),
    (Kind::DateOfBirth, "DOB ", "03/12/1961"),
    (Kind::DateOfBirth, "born on ", "12 March 1961"),
];

fn findings() -> impl Strategy<Value = String> {
    let finding = prop::sample::select(
        [
            "Na 140 mEq/L,",
            "BP 150/90 mm Hg,",
            "WBC 12,500/mm3,",
            "platelets 250000/µL,",
            "in 2019,",
            "on 03/14/2022,",
            "PMID 31245678,",
            "doi:10.1056/NEJMoa1911303,",
            "500-1000 mg,",
            "38.5 °C,",
            "pH 7.35-7.45,",
            "NCT01234567,",
            "rs1801133,",
            "(95% CI 0.62-0.91),",
            "E. coli O157:H7,",
            "12-34 weeks,",
            "a 54-year-old man,",
            "from 2010-2015,",
            "ratio 1:1280,",
            "C3-C5,",
        ]
        .to_vec(),
    );
    prop::collection::vec(finding, 0..8).prop_map(|findings| findings.join(" "))
}
