//! Whether the quotes of a CSV file close: a reader takes one that does not to the end of the file, and every
//! row behind it for part of one value.

/// Where in a row a byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the start of a value.
    #[default]
    Start,
    /// In a value, or behind the quotes of one.
    Bare,
    Quoted,
    /// Behind a quote in a quoted value: its end, or the first of two.
    Quote,
}

/// Follows the quotes of a CSV file as Arrow's reader does: a value may begin with one, and two inside a quoted
/// value stand for one.
#[derive(Clone, Debug)]
pub struct CsvQuotes {
    delimiter: u8,
    place: Place,
    /// Lines that are complete.
    lines: u64,
    after_return: bool,
    /// The line of the latest quote that opened a value.
    opened: u64,
}

impl CsvQuotes {
    /// The quotes of a file whose values this byte delimits.
    #[must_use]
    pub fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            place: Place::Start,
            lines: 0,
            after_return: false,
            opened: 0,
        }
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            // Most bytes change nothing: from one that may to the next.
            if matches!(self.place, Place::Bare | Place::Quoted) {
                let plain = rest.iter().position(|byte| self.matters(*byte));
                let plain = plain.unwrap_or(rest.len());
                if plain > 0 {
                    self.after_return = false;
                    rest = &rest[plain..];
                    continue;
                }
            }
            self.step(byte);
            rest = &rest[1..];
        }
    }

    /// The line, from 1, on which a quote opened that nothing closed.
    #[must_use]
    pub fn open_since(&self) -> Option<u64> {
        (self.place == Place::Quoted).then_some(self.opened)
    }

    fn matters(&self, byte: u8) -> bool {
        matches!(byte, b'"' | b'\n' | b'\r') || byte == self.delimiter
    }

    fn step(&mut self, byte: u8) {
        let ends_line = byte == b'\n' || byte == b'\r';
        let second = byte == b'\n' && self.after_return;
        self.lines += u64::from(ends_line && !second);
        self.after_return = byte == b'\r';
        self.place = match (self.place, byte) {
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) | (Place::Quote, b'"') => Place::Quoted,
            (Place::Start, b'"') => {
                self.opened = self.lines + 1;
                Place::Quoted
            }
            (_, byte) if ends_line || byte == self.delimiter => Place::Start,
            _ => Place::Bare,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_since(text: &str) -> Option<u64> {
        let mut whole = CsvQuotes::new(b',');
        whole.feed(text.as_bytes());
        let mut pieces = CsvQuotes::new(b',');
        text.as_bytes()
            .iter()
            .for_each(|byte| pieces.feed(&[*byte]));
        assert_eq!(whole.open_since(), pieces.open_since(), "{text:?}");
        whole.open_since()
    }

    #[test]
    fn quotes_that_close_are_no_fault() {
        for text in [
            "",
            "a,b\n1,2\n",
            "\"a\nb\",\"c\"\"d\"\r\n",
            "a \"b\n",
            "\"a\"b\"\n",
            "\"\"",
            ",\"x\"",
        ] {
            assert_eq!(open_since(text), None, "{text:?}");
        }
    }

    #[test]
    fn one_that_does_not_is_named_by_its_line() {
        assert_eq!(open_since("a,b\n1,\"2\n3,4\n"), Some(2));
        assert_eq!(open_since("a,b\r\n\"1\n\n\",2\r\n\"\"\"x"), Some(5));
        assert_eq!(open_since("\""), Some(1));
    }
}
