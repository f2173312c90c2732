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

use crate::cut::MAX_ROW_VALUES;
use crate::picture::{self, Picture};
use crate::value::Value;

pub(crate) use keys::keys_of;

/// Deeper nesting is refused: the reader recurses, and no row format nests more than a few levels.
const MAX_DEPTH: u32 = 128;

/// What is said of a row that holds more values than may be built.
pub(crate) const TOO_MANY_VALUES: &str = "the row holds more than 1048576 values";

/// What is wrong with a text that should be JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Byte offset in the text.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) what: &'static str,
}

/// What a row's text turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An object; its wanted keys are in the slots.
    Object,
    /// An object in which the wanted key of this index occurs twice.
    DuplicateKey(usize),
    /// JSON of another kind.
    NotAnObject,
}

/// The value that `text` as a whole says.
pub(crate) fn parse(text: &str) -> Result<Value<'_>, Broken> {
    let mut reader = Reader::new(text);
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Reads the object `text` and puts the values of `keys` into `slots`, one for each key.
///
/// The rest of the text is checked to be JSON all the same, and where `searched` says so of its key, pictures are
/// looked for in it.
pub(crate) fn read_row<'a>(
    text: &'a str,
    keys: &[String],
    slots: &mut [Option<Value<'a>>],
    searched: impl Fn(&str) -> bool,
    picture: &mut Option<Picture>,
) -> Result<Shape, Broken> {
    let mut reader = Reader::new(text);
    reader.space();
    if reader.peek() != Some(b'{') {
        reader.skip(0)?;
        reader.end()?;
        return Ok(Shape::NotAnObject);
    }
    let mut shape = Shape::Object;
    reader.at += 1;
    reader.members(|reader, key| {
        let Some(index) = keys.iter().position(|wanted| *wanted == key) else {
            if searched(&key) {
                return reader.skip_searching(&key, picture);
            }
            return reader.skip(1);
        };
        if slots[index].replace(reader.value(1)?).is_some() {
            shape = Shape::DuplicateKey(index);
        }
        Ok(())
    })?;
    reader.end()?;
    Ok(shape)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Values that may still be built.
    left: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            left: MAX_ROW_VALUES,
        }
    }

    fn broken<T>(&self, what: &'static str) -> Result<T, Broken> {
        Err(Broken { at: self.at, what })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Broken> {
        self.space();
        if self.at < self.bytes.len() {
            self.broken("something stands behind the value")
        } else {
            Ok(())
        }
    }

    fn value(&mut self, depth: u32) -> Result<Value<'a>, Broken> {
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

    fn count_value(&mut self) -> Result<(), Broken> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.broken(TOO_MANY_VALUES),
        }
    }

    /// The pictures in a list or object that nobody maps. One of too many values to be built is taken for one
    /// picture where its name says so, and for none elsewhere: it may be a million numbers.
    fn search_nested(&mut self, in_column: bool) -> Result<Option<u64>, Broken> {
        let (start, left) = (self.at, std::mem::replace(&mut self.left, MAX_ROW_VALUES));
        let built = self.value(1);
        self.left = left;
        match built {
            Err(broken) if broken.what == TOO_MANY_VALUES => {
                self.at = start;
                self.skip(1)?;
                let text = &self.bytes[start..self.at];
                Ok(in_column.then(|| picture::hash(0, text)))
            }
            built => Ok(picture::search(&built?, in_column, &[])),
        }
    }

    /// Steps over the value under `key`, and adds the pictures in it to `picture`.
    fn skip_searching(&mut self, key: &str, picture: &mut Option<Picture>) -> Result<(), Broken> {
        self.space();
        // Most values are short texts or numbers, of which nothing has to be built.
        let in_column = picture::is_column_name(key);
        let found = match self.peek() {
            Some(b'"') => {
                let start = self.at;
                self.skip_string()?;
                let mut text = Cow::Borrowed(&self.text[start + 1..self.at - 1]);
                if memchr::memchr(b'\\', text.as_bytes()).is_some()
                    && picture::is_worth_reading(&text)
                {
                    self.at = start;
                    text = self.string()?;
                }
                picture::search_text(&text, in_column)
            }
            Some(b'[' | b'{') => self.search_nested(in_column)?,
            _ => return self.scalar().map(|_| ()),
        };
        if let Some(hash) = found {
            let before = picture.as_ref().map_or(0, |picture| picture.hash);
            *picture = Some(Picture {
                hash: picture::hash(before, &hash.to_le_bytes()),
                column: picture
                    .take()
                    .map_or_else(|| key.into(), |picture| picture.column),
            });
        }
        Ok(())
    }

    fn skip(&mut self, depth: u32) -> Result<(), Broken> {
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
    fn open(&mut self, depth: u32) -> Result<(), Broken> {
        if depth >= MAX_DEPTH {
            return self.broken("the value is nested deeper than 128 levels");
        }
        self.at += 1;
        Ok(())
    }

    /// Reads the rest of an array, behind its `[`.
    fn elements(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            if self.closes(b']', "`,` or `]` is wanted")? {
                return Ok(());
            }
        }
    }

    /// Reads the rest of an object, behind its `{`.
    fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.broken("a key in quotes is wanted");
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return self.broken("`:` is wanted");
            }
            self.at += 1;
            member(self, key)?;
            if self.closes(b'}', "`,` or `}` is wanted")? {
                return Ok(());
            }
        }
    }

    /// Steps over the closing bracket (true) or the comma (false) behind a value.
    fn closes(&mut self, bracket: u8, wanted: &'static str) -> Result<bool, Broken> {
        self.space();
        let closes = match self.peek() {
            Some(byte) if byte == bracket => true,
            Some(b',') => false,
            None => return self.broken("the row ends inside a value"),
            Some(_) => return self.broken(wanted),
        };
        self.at += 1;
        Ok(closes)
    }

    fn scalar(&mut self) -> Result<Value<'a>, Broken> {
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
            None => self.broken("the row ends where a value is wanted"),
            Some(_) => self.broken("a value is wanted"),
        }
    }

    /// A number by JSON's grammar; its size does not matter, since only its digits are kept.
    fn number(&mut self) -> Result<Value<'a>, Broken> {
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

    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            self.broken("a digit is wanted")
        } else {
            Ok(())
        }
    }
}
