//! Lists and dicts as Python prints them: what `str(row)` or pandas' `to_csv` leaves in a CSV field.
//!
//! The notation of `ast.literal_eval` for lists, tuples, dicts, texts, numbers, `None`, `True` and `False`,
//! and NumPy's print of an array, whose elements stand side by side without commas. Whatever else stands there
//! is no literal, and the field stays text.

use std::borrow::Cow;

use crate::value::Value;

/// Deeper nesting is no literal: the reader recurses.
const MAX_DEPTH: u32 = 64;

/// The value that `text` as a whole says.
pub(crate) fn parse(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
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
        if self.takes("array(") {
            return self.array(depth);
        }
        match self.peek()? {
            b'[' => self.list(b']', depth),
            b'(' => self.list(b')', depth),
            b'{' => self.dict(depth),
            quote @ (b'\'' | b'"') => self.string(quote).map(Value::Text),
            _ => self.word(),
        }
    }

    /// The rest of `array([...], dtype=object)`.
    fn array(&mut self, depth: u32) -> Option<Value<'a>> {
        let value = self.value(depth + 1)?;
        let end = self.rest().find(')')?;
        let dtype = self.rest()[..end].trim();
        self.at += end + 1;
        (dtype.is_empty() || dtype.starts_with(',') && dtype[1..].trim().starts_with("dtype="))
            .then_some(value)
    }

    fn list(&mut self, close: u8, depth: u32) -> Option<Value<'a>> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
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
            "None" | "nan" | "NaN" | "null" => Value::Null,
            "True" | "true" => Value::Bool(true),
            "False" | "false" => Value::Bool(false),
            _ => {
                let digits = word.strip_prefix('-').unwrap_or(word);
                if !digits.starts_with(|digit: char| digit.is_ascii_digit()) {
                    return None;
                }
                if digits.bytes().all(|digit| digit.is_ascii_digit()) {
                    Value::Integer(Cow::Borrowed(word))
                } else {
                    word.parse::<f64>().ok()?;
                    Value::Float(Cow::Borrowed(word))
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
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(10_000)), None);
    }
}
