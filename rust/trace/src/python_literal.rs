//! Lists and dicts as Python prints them: what `str(row)` or pandas' `to_csv` leaves in a CSV field.
//!
//! The notation of `ast.literal_eval` for lists, tuples, dicts, texts, numbers, `None`, `True` and `False`,
//! and NumPy's print of an array, whose elements stand side by side without commas. Scalars that print as calls
//! are read as their argument (`np.float64(0.5)`, `Decimal('1.5')`), dates as a value that no mapping takes, so
//! that one next to a turn's content spoils no conversation. Whatever else stands there is no literal, and the
//! field stays text.

use std::borrow::Cow;

use crate::limits::MAX_ROW_VALUES;
use crate::value::Value;

/// Deeper nesting is no literal: the reader recurses.
const MAX_DEPTH: u32 = 64;

/// The value that `text` as a whole says.
pub(crate) fn parse(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader {
        text,
        at: 0,
        left: MAX_ROW_VALUES,
    };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

/// Calls that stand for their argument.
const CALLS: [&str; 17] = [
    "array(",
    "np.array(",
    "list(",
    "np.float64(",
    "np.float32(",
    "np.float16(",
    "np.int64(",
    "np.int32(",
    "np.int16(",
    "np.int8(",
    "np.uint64(",
    "np.uint32(",
    "np.uint8(",
    "np.str_(",
    "Decimal(",
    "Timestamp(",
    "UUID(",
];
/// Calls that stand for a date, a time, or a length of it.
const DATES: [&str; 4] = [
    "datetime.datetime(",
    "datetime.date(",
    "datetime.time(",
    "datetime.timedelta(",
];

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Values that may still be built; a text of more is no literal.
    left: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over `token` if it stands here.
    fn takes(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn value(&mut self, depth: u32) -> Option<Value<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'[' => self.list(b']', depth),
            b'(' => self.list(b')', depth),
            b'{' => self.dict(depth),
            quote @ (b'\'' | b'"') => self.string(quote).map(Value::Text),
            _ => self.named(depth),
        }
    }

    /// A call that is known, or a word.
    fn named(&mut self, depth: u32) -> Option<Value<'a>> {
        if let Some(call) = CALLS.iter().find(|call| self.takes(call)) {
            return self.argument(call, depth);
        }
        if DATES.iter().any(|call| self.takes(call)) {
            return self.skip_call();
        }
        self.word()
    }

    /// The only argument of a call, after which `dtype=` or `tz=` may stand: `array([...], dtype=object)`.
    fn argument(&mut self, call: &str, depth: u32) -> Option<Value<'a>> {
        let value = self.value(depth + 1)?;
        let end = self.rest().find(')')?;
        let named = self.rest()[..end].trim();
        self.at += end + 1;
        let is_list = call.ends_with("array(") || call.ends_with("list(");
        let fits = is_list == matches!(value, Value::List(_));
        let known = |named: &str| named.starts_with("dtype=") || named.starts_with("tz=");
        let ends = named.is_empty() || named.strip_prefix(',').is_some_and(|it| known(it.trim()));
        (fits && ends).then_some(value)
    }

    /// The rest of a call of numbers and names: `datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)`.
    fn skip_call(&mut self) -> Option<Value<'a>> {
        let mut open = 1;
        let end = self.rest().find(|character: char| {
            open += i32::from(character == '(') - i32::from(character == ')');
            let known = character.is_ascii_alphanumeric() || "_.,=-+/' ()".contains(character);
            open == 0 || !known
        })?;
        self.at += end;
        self.takes(")").then_some(Value::Other)
    }

    fn list(&mut self, close: u8, depth: u32) -> Option<Value<'a>> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.left = self.left.checked_sub(1)?;
            self.space();
            if self.peek()? == close {
                self.at += 1;
                return Some(Value::List(values));
            }
            values.push(self.value(depth + 1)?);
            self.space();
            // NumPy prints its elements without commas.
            let _ = self.takes(",");
        }
    }

    fn dict(&mut self, depth: u32) -> Option<Value<'a>> {
        self.at += 1;
        let mut fields = Vec::new();
        loop {
            self.left = self.left.checked_sub(1)?;
            self.space();
            if self.takes("}") {
                return Some(Value::Struct(fields));
            }
            let key = match self.value(depth + 1)? {
                Value::Text(key) | Value::Integer(key) => key,
                _ => return None,
            };
            self.space();
            if !self.takes(":") {
                return None;
            }
            fields.push((key, self.value(depth + 1)?));
            self.space();
            if !self.takes(",") && self.peek()? != b'}' {
                return None;
            }
        }
    }

    /// A number, `None`, `True`, `False` or `nan`.
    fn word(&mut self) -> Option<Value<'a>> {
        let word = self.rest();
        let end = word
            .find(|character: char| {
                !(character.is_ascii_alphanumeric() || matches!(character, '.' | '+' | '-' | '_'))
            })
            .unwrap_or(word.len());
        let word = &word[..end];
        self.at += end;
        Some(match word {
            "None" | "nan" | "NaN" | "NaT" | "null" => Value::Null,
            "True" | "true" | "np.True_" => Value::Bool(true),
            "False" | "false" | "np.False_" => Value::Bool(false),
            "inf" => Value::Float(Cow::Borrowed("Infinity")),
            "-inf" => Value::Float(Cow::Borrowed("-Infinity")),
            _ => {
                let digits = word.strip_prefix('-').unwrap_or(word);
                if !digits.starts_with(|digit: char| digit.is_ascii_digit()) {
                    return None;
                }
                if digits.bytes().all(|digit| digit.is_ascii_digit()) {
                    Value::Integer(Cow::Borrowed(word))
                } else {
                    word.parse::<f64>().ok()?;
                    // NumPy prints a list's 1.0 as `1.`.
                    Value::Float(if word.ends_with('.') {
                        Cow::Owned(format!("{word}0"))
                    } else {
                        Cow::Borrowed(word)
                    })
                }
            }
        })
    }

    fn string(&mut self, quote: u8) -> Option<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let mut owned: Option<String> = None;
        loop {
            match self.peek()? {
                byte if byte == quote => {
                    let plain = &self.text[start..self.at];
                    self.at += 1;
                    return Some(owned.map_or(Cow::Borrowed(plain), Cow::Owned));
                }
                b'\n' | b'\r' => return None, // no literal of one line reaches over its end
                b'\\' => {
                    let text = owned.get_or_insert_with(|| self.text[start..self.at].to_owned());
                    let (character, length) = escape(&self.text[self.at + 1..])?;
                    text.extend(character);
                    self.at += 1 + length;
                }
                _ => {
                    let character = self.rest().chars().next()?;
                    if let Some(text) = &mut owned {
                        text.push(character);
                    }
                    self.at += character.len_utf8();
                }
            }
        }
    }
}

/// The character that the escape before `text`'s backslash means, and the bytes it takes; none for a line
/// continued.
fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let hexadecimal = |digits: usize| {
        let code = u32::from_str_radix(text.get(1..=digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), digits + 1))
    };
    let first = text.chars().next()?;
    let plain = match first {
        '\n' => return Some((None, 1)),
        'x' => return hexadecimal(2),
        'u' => return hexadecimal(4),
        'U' => return hexadecimal(8),
        '0'..='7' => {
            let length = text
                .bytes()
                .take(3)
                .take_while(|digit| (b'0'..b'8').contains(digit))
                .count();
            let code = u32::from_str_radix(&text[..length], 8).ok()?;
            return Some((Some(char::from_u32(code)?), length));
        }
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '\'' | '"' => first,
        _ => return None,
    };
    Some((Some(plain), first.len_utf8()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn texts(text: &str) -> Option<Vec<String>> {
        let Some(Value::List(values)) = parse(text) else {
            return None;
        };
        values
            .into_iter()
            .map(|value| match value {
                Value::Text(text) => Some(text.into_owned()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn lists_read_as_python_and_numpy_print_them() {
        for list in [
            "['a', \"b's\"]",
            "[ 'a' , 'b\\'s' ,]",
            "('a', 'b\\x27s')",
            "['a' \"b's\"]",
            "['a'\n \"b's\"]",
            "array(['a', \"b's\"], dtype=object)",
        ] {
            assert_eq!(texts(list).unwrap(), ["a", "b's"], "{list}");
        }
        assert_eq!(texts(r"['\n\t\\\u00e9\101é']").unwrap(), ["\n\t\\éAé"]);
    }

    #[test]
    fn dicts_keep_their_order_and_numbers_their_digits() {
        let value = parse("{'B': 1.50, 2: [None, True, nan, -3]}").unwrap();
        let shown = format!("{value:?}");
        assert_eq!(
            shown,
            r#"Struct([("B", Float("1.50")), ("2", List([Null, Bool(true), Null, Integer("-3")]))])"#
        );
    }

    #[test]
    fn scalars_that_print_as_calls_are_their_argument_and_dates_are_none_that_is_mapped() {
        let value = parse(
            "[1. np.float64(0.5), Decimal('1.50'), Timestamp('2024-02-29 00:00:00', tz='UTC'), NaT, -inf,
             np.True_, list(['a']), datetime.date(2024, 2, 29), datetime.timedelta(days=1),
             datetime.datetime(2024, 2, 29, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=1)))]",
        );
        let shown = format!("{:?}", value.unwrap());
        assert_eq!(
            shown,
            concat!(
                r#"List([Float("1.0"), Float("0.5"), Text("1.50"), Text("2024-02-29 00:00:00"), Null, "#,
                r#"Float("-Infinity"), Bool(true), List([Text("a")]), Other, Other, Other])"#
            )
        );
    }

    #[test]
    fn what_is_no_literal_stays_text() {
        for text in [
            "[1] as shown before",
            "['a'",
            "['a', b]",
            "['a\\q']",
            "[b'a']",
            "{'a', 'b'}",
            "['a', ...]",
            "[open('x')]",
            "[np.float64([1])]",
            "[np.float64(1, 2)]",
            "[list('a')]",
            "[datetime.date(2024, 2, 29]",
            "[datetime.date(open(\"x\"))]",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(10_000)), None);
    }
}
