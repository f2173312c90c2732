//! JSON of one row, read in one pass over borrowed text without a schema.
//!
//! Written here because a row needs what general readers do not give together: keys outside the mapping
//! are checked but never built, strings without escapes stay borrowed, numbers keep their digits, nesting
//! is bounded, and every fault has its byte.

mod keys;
mod string;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::limits::MAX_ROW_VALUES;
use crate::value::Value;

pub(crate) use keys::keys_of;

/// Deeper nesting is refused: the reader recurses, and no row format nests more than a few levels.
const MAX_DEPTH: u32 = 128;

/// What is said of a row that holds more values than may be built.
pub(crate) const TOO_MANY_VALUES: &str = "the row holds more than 1048576 values";

/// What is wrong with a text that should be JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// Byte offset in the text.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) what: &'static str,
}

/// The value that `text` as a whole says.
pub(crate) fn parse(text: &str) -> Result<Value<'_>, JsonError> {
    let mut reader = Reader::new(text);
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Reads a text from its start on.
pub(crate) struct Reader<'a> {
    pub(crate) text: &'a str,
    bytes: &'a [u8],
    /// Offset of the next byte.
    pub(crate) at: usize,
    /// Values that may still be built.
    left: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            left: MAX_ROW_VALUES,
        }
    }

    fn error<T>(&self, what: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, what })
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at < self.bytes.len() {
            self.error("there is something after the value")
        } else {
            Ok(())
        }
    }

    pub(crate) fn value(&mut self, depth: u32) -> Result<Value<'a>, JsonError> {
        self.space();
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'[') => {
                let mut values = Vec::new();
                self.open(depth)?;
                self.elements(|reader| {
                    reader.count_value()?;
                    values.push(reader.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Value::List(values))
            }
            Some(b'{') => {
                let mut fields = Vec::new();
                self.open(depth)?;
                self.members(|reader, key| {
                    reader.count_value()?;
                    let value = reader.value(depth + 1)?;
                    fields.push((key, value));
                    Ok(())
                })?;
                Ok(Value::Struct(fields))
            }
            _ => self.scalar(),
        }
    }

    /// The value that follows, which takes nothing of what the row may hold; of one with too many values to be
    /// built, its text.
    pub(crate) fn value_apart(&mut self) -> Result<Result<Value<'a>, &'a str>, JsonError> {
        let (start, left) = (self.at, std::mem::replace(&mut self.left, MAX_ROW_VALUES));
        let built = self.value(1);
        self.left = left;
        match built {
            Err(error) if error.what == TOO_MANY_VALUES => {
                self.at = start;
                self.skip(1)?;
                Ok(Err(&self.text[start..self.at]))
            }
            built => Ok(Ok(built?)),
        }
    }

    fn count_value(&mut self) -> Result<(), JsonError> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.error(TOO_MANY_VALUES),
        }
    }

    pub(crate) fn skip(&mut self, depth: u32) -> Result<(), JsonError> {
        self.space();
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'[') => {
                self.open(depth)?;
                self.elements(|reader| reader.skip(depth + 1))
            }
            Some(b'{') => {
                self.open(depth)?;
                self.members(|reader, _| reader.skip(depth + 1))
            }
            _ => self.scalar().map(|_| ()),
        }
    }

    /// Steps over an opening bracket.
    fn open(&mut self, depth: u32) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return self.error("the value is nested deeper than 128 levels");
        }
        self.at += 1;
        Ok(())
    }

    /// Reads the rest of an array, after its `[`.
    fn elements(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            if self.closes(b']', "expected `,` or `]`")? {
                return Ok(());
            }
        }
    }

    /// Reads the rest of an object, after its `{`.
    pub(crate) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.error("expected a key in quotes");
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return self.error("expected `:`");
            }
            self.at += 1;
            member(self, key)?;
            if self.closes(b'}', "expected `,` or `}`")? {
                return Ok(());
            }
        }
    }

    /// Steps over the closing bracket (true) or the comma (false) after a value.
    fn closes(&mut self, bracket: u8, wanted: &'static str) -> Result<bool, JsonError> {
        self.space();
        let closes = match self.peek() {
            Some(byte) if byte == bracket => true,
            Some(b',') => false,
            None => return self.error("the row ends inside a value"),
            Some(_) => return self.error(wanted),
        };
        self.at += 1;
        Ok(closes)
    }

    pub(crate) fn scalar(&mut self) -> Result<Value<'a>, JsonError> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            // What Python's `json` writes for numbers that JSON does not have; pandas' missing value is the first.
            ("NaN", Value::Null),
            ("Infinity", Value::Float(Cow::Borrowed("Infinity"))),
            ("-Infinity", Value::Float(Cow::Borrowed("-Infinity"))),
        ];
        for (word, value) in words {
            if self.bytes[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            None => self.error("the row ends where a value is expected"),
            Some(_) => self.error("expected a value"),
        }
    }

    /// A number by JSON's grammar; its size does not matter, since only its digits are kept.
    fn number(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let whole = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if self.at > whole {
            return Ok(Value::Float(Cow::Borrowed(&self.text[start..self.at])));
        }
        Ok(Value::Integer(Cow::Borrowed(&self.text[start..whole])))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            self.error("expected a digit")
        } else {
            Ok(())
        }
    }
}
