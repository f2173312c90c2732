//! The characters that divide a CSV file, and what they do to a field.

use memchr::{memchr, memchr2};

use crate::error::TraceError;

/// What separates the fields of a CSV file, what may surround one, and what takes a character's meaning away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvDialect {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
}

impl CsvDialect {
    /// A dialect of characters of ASCII, all different and none of them a line end.
    ///
    /// # Errors
    /// [`TraceError::CsvDialect`] when they are not.
    pub fn new(
        delimiter: char,
        quote: Option<char>,
        escape: Option<char>,
    ) -> Result<Self, TraceError> {
        let dialect = Self {
            delimiter: character(delimiter)?,
            quote: quote.map(character).transpose()?,
            escape: escape.map(character).transpose()?,
        };
        let delimiter = Some(dialect.delimiter);
        if dialect.quote == delimiter
            || dialect.escape == delimiter
            || (dialect.quote.is_some() && dialect.quote == dialect.escape)
        {
            return Err(wrong("delimiter, quote and escape must differ"));
        }
        Ok(dialect)
    }

    /// Puts the value of a field, given with its quotes, after `out`.
    ///
    /// An `N` after an escape is the whole of a field that is null, as MySQL and its kin write it.
    pub(super) fn unescape(&self, field: &[u8], out: &mut Vec<u8>) {
        if self.escape.is_some_and(|escape| field == [escape, b'N']) {
            return;
        }
        let quote = self.quote.filter(|quote| field.first() == Some(quote));
        let mut rest = match quote {
            Some(_) => &field[1..field.len() - 1],
            None => field,
        };
        while let Some(at) = find_either(quote, self.escape, rest) {
            // Of two quotes the second stays; so does what an escape stands before.
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(&rest[at + 1..at + 2]);
            rest = &rest[(at + 2).min(rest.len())..];
        }
        out.extend_from_slice(rest);
    }
}

/// The place of the first byte that is one of these.
pub(super) fn find_either(one: Option<u8>, other: Option<u8>, bytes: &[u8]) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => memchr2(one, other, bytes),
        (Some(byte), None) | (None, Some(byte)) => memchr(byte, bytes),
        (None, None) => None,
    }
}

fn character(character: char) -> Result<u8, TraceError> {
    u8::try_from(character)
        .ok()
        .filter(|byte| byte.is_ascii() && !matches!(byte, b'\n' | b'\r'))
        .ok_or_else(|| wrong("each is one character of ASCII, and no line end"))
}

fn wrong(message: &str) -> TraceError {
    TraceError::CsvDialect {
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::CsvDialect;

    #[test]
    fn characters_of_a_dialect_are_ascii_and_differ() {
        for (delimiter, quote, escape) in [
            (',', Some(','), None),
            (',', None, Some(',')),
            (',', Some('"'), Some('"')),
            ('é', None, None),
            ('\n', None, None),
            (',', Some('\r'), None),
        ] {
            assert!(CsvDialect::new(delimiter, quote, escape).is_err());
        }
        assert!(CsvDialect::new('\t', None, None).is_ok());
        assert!(CsvDialect::new('\u{1}', Some('\''), Some('\\')).is_ok());
    }

    #[test]
    fn a_field_gives_its_value() -> Result<(), crate::TraceError> {
        let dialect = CsvDialect::new(',', Some('"'), Some('\\'))?;
        for (field, value) in [
            (r#""a""b""#, r#"a"b"#),
            (r#""\"\\""#, r#""\"#),
            (r#"a\,"b""#, r#"a,"b""#),
            (r"\N", ""),
            (r"\Na", "Na"),
            (r#""\N""#, "N"),
            (r#""""""#, r#"""#),
        ] {
            let mut out = Vec::new();
            dialect.unescape(field.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), value);
        }
        Ok(())
    }
}
