//! Where a CSV record ends, and its fields: one pass over its bytes, which may arrive in pieces.

use memchr::{memchr, memchr3};

use super::dialect::{CsvDialect, find_either};

/// How the lines of a file end; `\r\n` is an end in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// In `\n`, which `\r` may stand before.
    Feed,
    /// In `\r`, as on old Macs.
    Return,
}

impl Ends {
    /// The byte that ends a line.
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Feed => b'\n',
            Self::Return => b'\r',
        }
    }

    /// The other one, which may stand before it, and nowhere else outside of quotes.
    pub(super) fn other(self) -> u8 {
        match self {
            Self::Feed => b'\r',
            Self::Return => b'\n',
        }
    }
}

/// Where in a record the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// At the start of a field.
    #[default]
    Start,
    /// In a field without quotes.
    Bare,
    /// Behind the escape of one.
    BareEscape,
    /// Behind a line end of one that was escaped; a file that ends here was cut off.
    EscapedEnd,
    /// In quotes.
    Quoted,
    /// Behind an escape in quotes.
    QuotedEscape,
    /// Behind a quote in quotes: the end of the field, or the first of two.
    Closed,
    /// Behind the record, in bytes that belong to its line's end.
    Ending,
}

/// A field of a record: where it stands, and whether that has to be rewritten to be its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) raw: bool,
}

/// Why a record is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// This byte stands after a closing quote.
    BehindQuote(u8),
    /// A byte that ends lines elsewhere stands inside of this one.
    StrayEnd,
    /// The file ends in quotes.
    Unclosed,
    /// The file ends after an escape, or after a line end that is escaped.
    OpenEscape,
    /// It is longer than the largest row: its length, where its end was found.
    TooLong(Option<u64>),
    /// It is longer than the largest row and has line ends in quotes, so that it may be rows after a stray one.
    TooLongInQuotes,
}

/// What a scan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The record continues after the bytes.
    More,
    /// At `Scan::at` is the first line end of the file.
    Undecided,
    /// The record ends, and the next begins at `Scan::at`.
    End,
    /// The byte at `Scan::at` is wrong.
    Fault(Fault),
}

/// The scan of one record.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The next byte to look at, from the record's start.
    pub(super) at: usize,
    pub(super) state: State,
    /// Where the field begins.
    pub(super) field: usize,
    /// A line end that is a fault in quotes.
    barred: Option<u8>,
    /// Whether the field has anything to be rewritten.
    raw: bool,
    /// Fields that are complete.
    pub(super) count: usize,
    /// The first of them, as many as are needed.
    pub(super) fields: Vec<Span>,
    pub(super) wanted: usize,
    /// Bytes of the record without its line end.
    pub(super) length: usize,
}

impl Scan {
    /// Begins another record, of which `wanted` fields are to be kept.
    pub(super) fn restart(&mut self, wanted: usize) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self {
            fields,
            wanted,
            ..Self::default()
        };
    }

    /// Keeps no fields from here on, for only the record's end is looked for; in quotes lines may not end.
    pub(super) fn look_for_end(&mut self, barred: Option<u8>) {
        self.fields.clear();
        self.wanted = 0;
        self.barred = barred;
    }

    /// Lets go of the bytes that were looked at, and says how many.
    pub(super) fn let_go(&mut self) -> usize {
        std::mem::take(&mut self.at)
    }

    /// Whether the next byte stands in quotes.
    pub(super) fn is_in_quotes(&self) -> bool {
        matches!(self.state, State::Quoted | State::QuotedEscape)
    }

    /// Looks at the bytes of a record from where it stopped; `bytes` begin at the record's start.
    pub(super) fn run(
        &mut self,
        bytes: &[u8],
        dialect: &CsvDialect,
        ends: Option<Ends>,
        is_last: bool,
    ) -> Outcome {
        while self.at < bytes.len() {
            let outcome = match self.state {
                State::Start => self.start(bytes[self.at], dialect, ends),
                State::Bare | State::EscapedEnd => self.bare(bytes, dialect, ends),
                State::Quoted => self.quoted(bytes, dialect),
                State::Closed => self.closed(bytes[self.at], dialect, ends),
                State::BareEscape | State::QuotedEscape => self.escaped(bytes[self.at]),
                State::Ending => self.ending(bytes[self.at], ends),
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
        if is_last {
            self.end_of_file()
        } else {
            Outcome::More
        }
    }

    fn start(&mut self, byte: u8, dialect: &CsvDialect, ends: Option<Ends>) -> Option<Outcome> {
        if Some(byte) == dialect.quote {
            self.at += 1;
            self.state = State::Quoted;
            return None;
        }
        self.state = State::Bare;
        self.special(byte, dialect, ends)
    }

    fn bare(&mut self, bytes: &[u8], dialect: &CsvDialect, ends: Option<Ends>) -> Option<Outcome> {
        self.state = State::Bare;
        let rest = &bytes[self.at..];
        let found = match dialect.escape {
            None => memchr3(dialect.delimiter, b'\n', b'\r', rest),
            Some(escape) => rest.iter().position(|&byte| {
                byte == dialect.delimiter || byte == escape || matches!(byte, b'\n' | b'\r')
            }),
        };
        self.at += found.unwrap_or(rest.len());
        found.and_then(|_| self.special(bytes[self.at], dialect, ends))
    }

    fn quoted(&mut self, bytes: &[u8], dialect: &CsvDialect) -> Option<Outcome> {
        let rest = &bytes[self.at..];
        let found = find_either(dialect.quote, dialect.escape, rest);
        let text = &rest[..found.unwrap_or(rest.len())];
        if let Some(line) = self.barred.and_then(|end| memchr(end, text)) {
            self.at += line;
            return Some(Outcome::Fault(Fault::TooLongInQuotes));
        }
        self.at += found.map_or(rest.len(), |found| found + 1);
        if let Some(found) = found {
            let closes = Some(rest[found]) == dialect.quote;
            self.raw |= !closes;
            self.state = if closes {
                State::Closed
            } else {
                State::QuotedEscape
            };
        }
        None
    }

    fn closed(&mut self, byte: u8, dialect: &CsvDialect, ends: Option<Ends>) -> Option<Outcome> {
        if Some(byte) == dialect.quote {
            self.raw = true;
            self.state = State::Quoted;
            self.at += 1;
            return None;
        }
        if byte != dialect.delimiter && !matches!(byte, b'\n' | b'\r') {
            return Some(Outcome::Fault(Fault::BehindQuote(byte)));
        }
        self.special(byte, dialect, ends)
    }

    fn escaped(&mut self, byte: u8) -> Option<Outcome> {
        self.at += 1;
        self.state = match (self.state, byte) {
            (State::QuotedEscape, _) => State::Quoted,
            (_, b'\n' | b'\r') => State::EscapedEnd,
            _ => State::Bare,
        };
        None
    }

    fn ending(&mut self, byte: u8, ends: Option<Ends>) -> Option<Outcome> {
        let ends = ends.unwrap_or(Ends::Feed);
        if byte == ends.byte() {
            self.at += 1;
            return Some(Outcome::End);
        }
        if byte == ends.other() {
            self.at += 1;
            return None;
        }
        Some(Outcome::Fault(Fault::StrayEnd))
    }

    /// Takes a byte that may end the field.
    fn special(&mut self, byte: u8, dialect: &CsvDialect, ends: Option<Ends>) -> Option<Outcome> {
        if byte == dialect.delimiter {
            self.end_field();
            self.at += 1;
            self.field = self.at;
            self.state = State::Start;
        } else if Some(byte) == dialect.escape {
            self.raw = true;
            self.at += 1;
            self.state = State::BareEscape;
        } else if matches!(byte, b'\n' | b'\r') {
            let Some(ends) = ends else {
                return Some(Outcome::Undecided);
            };
            self.end_record();
            return self.ending(byte, Some(ends));
        }
        None
    }

    fn end_field(&mut self) {
        self.count += 1;
        if self.fields.len() >= self.wanted {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        let inside = usize::from(self.state == State::Closed && !raw);
        self.fields.push(Span {
            start: self.field + inside,
            end: self.at - inside,
            raw,
        });
    }

    fn end_record(&mut self) {
        self.end_field();
        self.length = self.at;
        self.state = State::Ending;
    }

    fn end_of_file(&mut self) -> Outcome {
        match self.state {
            State::Start | State::Bare | State::Closed => self.end_record(),
            State::Ending => {}
            State::Quoted | State::QuotedEscape => return Outcome::Fault(Fault::Unclosed),
            State::BareEscape | State::EscapedEnd => return Outcome::Fault(Fault::OpenEscape),
        }
        Outcome::End
    }
}
