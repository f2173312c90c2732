#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use crate::value::Value;

use crate::json_row::{self, Shape};

use super::{JsonError, parse};

fn read_row<'a>(
    text: &'a str,
    keys: &[String],
    slots: &mut [Option<Value<'a>>],
) -> Result<Shape, JsonError> {
    let searched = json_row::read_row(text, keys, slots, (|_| true, |_| false), &mut None);
    slots.fill(None);
    let plain = json_row::read_row(text, keys, slots, (|_| false, |_| false), &mut None);
    assert_eq!(searched.is_ok(), plain.is_ok(), "{text:?}");
    plain
}

/// Whether our value says what `serde_json`, the oracle, says.
fn agrees(ours: &Value<'_>, oracle: &serde_json::Value) -> bool {
    match (ours, oracle) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(ours), serde_json::Value::Bool(oracle)) => ours == oracle,
        (Value::Integer(ours), serde_json::Value::Number(oracle)) => {
            *ours == oracle.to_string() || nearly(ours, oracle)
        }
        (Value::Float(ours), serde_json::Value::Number(oracle)) => {
            oracle.is_f64() && nearly(ours, oracle)
        }
        (Value::Text(ours), serde_json::Value::String(oracle)) => ours == oracle,
        (Value::List(ours), serde_json::Value::Array(oracle)) => {
            ours.len() == oracle.len()
                && ours
                    .iter()
                    .zip(oracle)
                    .all(|(ours, oracle)| agrees(ours, oracle))
        }
        (Value::Struct(ours), serde_json::Value::Object(oracle)) => {
            oracle.iter().all(|(key, oracle)| {
                // The oracle keeps the last of equal keys.
                let last = ours.iter().rev().find(|(name, _)| name == key);
                last.is_some_and(|(_, ours)| agrees(ours, oracle))
            })
        }
        _ => false,
    }
}

/// The oracle makes a float of an integer beyond 64 bits, and not the nearest one.
fn nearly(ours: &str, oracle: &serde_json::Number) -> bool {
    let (Ok(ours), Some(oracle)) = (ours.parse::<f64>(), oracle.as_f64()) else {
        return false;
    };
    (ours - oracle).abs() <= 1e-12 * ours.abs()
}

fn check(text: &str) {
    let ours = parse(text);
    let mut slots = [None];
    let skipped = read_row(text, &["wanted".to_owned()], &mut slots);
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(oracle) => {
            let ours = ours.unwrap_or_else(|broken| panic!("{text:?}: {broken:?}, but {oracle}"));
            assert!(agrees(&ours, &oracle), "{text:?}: {ours:?}, but {oracle}");
            assert!(skipped.is_ok(), "{text:?}: {skipped:?} when skipped");
        }
        // Only digits are kept here, so a number's size is no fault.
        Err(error) if error.to_string().contains("out of range") => {}
        Err(error) => {
            assert!(ours.is_err(), "{text:?}: {ours:?}, but {error}");
            assert!(
                skipped.is_err(),
                "{text:?}: {skipped:?} when skipped, but {error}"
            );
        }
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        prop::num::f64::NORMAL.prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[\"\\\\/\u{0}-\u{1f}é中🩺 a]{0,40}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec(
                (
                    prop_oneof![Just("wanted".to_owned()), "[a\"\\\\é]{0,3}"],
                    inner
                ),
                0..6
            )
            .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Replaces characters of a text that is JSON by ones that JSON has a meaning for.
fn damaged(text: &str, damage: &[(prop::sample::Index, usize)]) -> String {
    const PIECES: [&str; 26] = [
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "0",
        "-",
        ".",
        "e",
        "E+1",
        "\\u",
        "\\ud83e\\udd70",
        "\\ud83e",
        "\\udd70",
        "\u{0}",
        "\n",
        "\t",
        "é",
        "null",
        "tru",
        "01",
        " ",
        "\\x",
    ];
    let mut text: Vec<char> = text.chars().collect();
    for (place, piece) in damage {
        let at = place.index(text.len() + 1);
        let removed = usize::from(at < text.len() && piece % 2 == 0);
        text.splice(at..at + removed, PIECES[piece / 2 % PIECES.len()].chars());
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_read_as_the_oracle_reads_them(
        value in json(),
        pretty in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..52_usize), 0..4),
    ) {
        let text =
            if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        check(&damaged(&text, &damage));
    }

    #[test]
    fn any_text_reads_as_the_oracle_reads_it(text in "[\\[\\]{}\",:0-9eE.+\\-\\\\u a-f\n]{0,24}") {
        check(&text);
    }

    #[test]
    fn escapes_of_any_style_give_the_text(text in any::<String>()) {
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        let encoded = format!("\"{units}\"");
        prop_assert_eq!(parse(&encoded), Ok(Value::Text(text.into())));
    }
}

#[test]
fn every_fault_has_its_byte() {
    let cases = [
        ("", 0),
        ("{\"a\": 1", 7),
        ("{\"a\" 1}", 5),
        ("{a: 1}", 1),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("\"ab", 3),
        ("\"a\nb\"", 2),
        ("\"a\u{0}\"", 2),
        ("\"\\ud800\"", 1),
        ("\"\\ud800\\u0041\"", 1),
        ("\"\\udc00\"", 1),
        ("\"\\u12g4\"", 1),
        ("\"\\q\"", 1),
        ("01", 1),
        ("1.", 2),
        ("-", 1),
        ("nul", 0),
        ("{} {}", 3),
        ("'a'", 0),
    ];
    for (text, at) in cases {
        assert_eq!(parse(text).map_err(|broken| broken.at), Err(at), "{text:?}");
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    for open in ["[", "{\"a\":", "[{\"wanted\":"] {
        let text = open.repeat(100_000);
        assert!(parse(&text).is_err_and(|JsonError { what, .. }| what.contains("deeper")));
        assert!(read_row(&text, &[], &mut []).is_err());
        let row = format!("{{\"wanted\": {text}");
        assert!(read_row(&row, &["wanted".to_owned()], &mut [None]).is_err());
    }
    assert!(parse(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_ok());
    assert!(parse(&format!("{}{}", "[".repeat(129), "]".repeat(129))).is_err());
}

#[test]
fn numbers_of_any_size_pass() {
    assert_eq!(parse("1e999"), Ok(Value::Float("1e999".into())));
    assert_eq!(
        parse(" 123456789012345678901234567890 "),
        Ok(Value::Integer("123456789012345678901234567890".into()))
    );
    assert_eq!(parse("-0"), Ok(Value::Integer("-0".into())));
}

#[test]
fn strings_are_borrowed_unless_they_have_escapes() {
    let Ok(Value::Text(text)) = parse("\"plain é\"") else {
        panic!()
    };
    assert!(matches!(text, std::borrow::Cow::Borrowed("plain é")));
}

#[test]
fn only_wanted_keys_are_kept_and_written_either_way() {
    let keys = ["a".to_owned(), "é".to_owned(), "absent".to_owned()];
    let mut slots = [None, None, None];
    let shape = read_row(
        r#"{"b": {"a": 1}, "\u0061": 2, "é": null}"#,
        &keys,
        &mut slots,
    );
    assert_eq!(shape, Ok(Shape::Object));
    assert_eq!(
        slots,
        [Some(Value::Integer("2".into())), Some(Value::Null), None]
    );
}

#[test]
fn a_wanted_key_twice_is_noticed_and_another_is_not() {
    let keys = ["a".to_owned()];
    assert_eq!(
        read_row(r#"{"a": 1, "b": 2, "a": 1}"#, &keys, &mut [None]),
        Ok(Shape::DuplicateKey(0))
    );
    assert_eq!(
        read_row(r#"{"b": 1, "a": 2, "b": 1}"#, &keys, &mut [None]),
        Ok(Shape::Object)
    );
    assert_eq!(read_row("[1]", &keys, &mut [None]), Ok(Shape::NotAnObject));
}

#[test]
fn what_python_writes_for_missing_and_infinite_numbers_is_read() {
    let shown = parse("[NaN, Infinity, -Infinity]").map(|value| format!("{value:?}"));
    let wanted = r#"List([Null, Float("Infinity"), Float("-Infinity")])"#;
    assert_eq!(shown.as_deref(), Ok(wanted));
    assert!(parse("nan").is_err() && parse("+Infinity").is_err());
}

#[test]
fn pictures_are_found_under_keys_that_nobody_wants() {
    let picture = |text: &str| {
        let mut picture = None;
        json_row::read_row(
            text,
            &["q".to_owned()],
            &mut [None],
            (|_| true, |_| false),
            &mut picture,
        )
        .unwrap();
        picture
    };
    let found = picture(r#"{"q": "a.png", "x": [1, {"y": "b.png"}], "z": "c.png"}"#).unwrap();
    assert_eq!(&*found.column, "x");
    let other = picture(r#"{"q": "a.png", "x": [1, {"y": "b.png"}], "z": "d.png"}"#).unwrap();
    assert_ne!(found.hash, other.hash);
    assert_eq!(
        picture(r#"{"q": "a.png", "x": "prose", "y": [1, null], "z": {"png": 3}}"#),
        None
    );
}
