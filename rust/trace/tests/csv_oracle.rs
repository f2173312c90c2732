//! CSV against a reader that takes one byte at a time and begins anew at each line, in any chunks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::csv::{Found, PLAIN, TARGET, details, found, refused};
use common::{cases, cut_csv, mapping, summary};
use octomed_trace::{Block, CsvCutter, CsvDialect, TraceError};
use proptest::prelude::*;

/// The rules once more, by one byte at a time and from each line anew.
struct Naive<'f> {
    file: &'f [u8],
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    limit: usize,
    end: u8,
}

enum Parsed {
    Record(Vec<Vec<u8>>, usize),
    Broken,
    Stray(usize),
    /// A record that is longer than the limit, and where the next one begins.
    TooLong(usize),
    /// The same, broken behind the limit.
    TooLongBroken,
    TooLongStray(usize),
    /// What may be a record longer than the limit, or rows behind a stray quote.
    Unknown,
}

impl Naive<'_> {
    /// What begins at `start`, and what a length over the limit makes of it.
    fn parse(&self, start: usize) -> Parsed {
        let mut lines = false;
        let (parsed, end) = match self.parse_any(start, &mut lines) {
            Ok(found) => found,
            Err(()) => return Parsed::Unknown,
        };
        if end - start <= self.limit {
            return parsed;
        }
        match parsed {
            Parsed::Record(_, next) => Parsed::TooLong(next),
            _ if lines => Parsed::Unknown,
            Parsed::Stray(at) => Parsed::TooLongStray(at),
            _ => Parsed::TooLongBroken,
        }
    }

    /// What begins at `start` and how far that was looked at; `lines` is set when lines end in its quotes. An
    /// error when more than the limit is in quotes, and lines end in them.
    fn parse_any(&self, start: usize, lines: &mut bool) -> Result<(Parsed, usize), ()> {
        let mut fields = vec![Vec::new()];
        let (mut over, mut open_lines) = (false, false);
        let (mut quoted, mut closed, mut empty) = (false, false, true);
        let mut at = start;
        let mut cut_off = false;
        while at < self.file.len() {
            let is_open = quoted && !closed;
            if at - start >= self.limit && !over {
                over = true;
                if is_open && open_lines {
                    return Err(());
                }
            }
            let byte = self.file[at];
            let value = fields.last_mut().unwrap();
            cut_off = false;
            if quoted && !closed {
                if Some(byte) == self.quote {
                    closed = true;
                } else if Some(byte) == self.escape {
                    at += 1;
                    value.extend(self.file.get(at));
                } else {
                    value.push(byte);
                    if byte == self.end {
                        (*lines, open_lines) = (true, true);
                        if over {
                            return Err(());
                        }
                    }
                }
            } else if closed && Some(byte) == self.quote {
                value.push(byte);
                closed = false;
            } else if byte == self.delimiter {
                fields.push(Vec::new());
                (quoted, closed, empty) = (false, false, true);
                open_lines = false;
                at += 1;
                continue;
            } else if byte == b'\n' || byte == b'\r' {
                return Ok(self.ended(fields, at));
            } else if closed {
                return Ok((Parsed::Broken, at + 1));
            } else if empty && Some(byte) == self.quote {
                quoted = true;
            } else if Some(byte) == self.escape {
                at += 1;
                value.extend(self.file.get(at));
                cut_off = matches!(self.file.get(at), None | Some(b'\n' | b'\r'));
            } else {
                value.push(byte);
            }
            empty = false;
            at += 1;
        }
        let length = self.file.len();
        if (quoted && !closed) || cut_off {
            return Ok((Parsed::Broken, length));
        }
        Ok((Parsed::Record(fields, length), length))
    }

    fn ended(&self, fields: Vec<Vec<u8>>, at: usize) -> (Parsed, usize) {
        let is_other = |byte: &&u8| matches!(**byte, b'\n' | b'\r') && **byte != self.end;
        let run = self.file[at..].iter().take_while(is_other).count();
        let next = (at + run + 1).min(self.file.len());
        let parsed = match self.file.get(at + run) {
            Some(byte) if *byte != self.end => Parsed::Stray(at + run),
            _ => Parsed::Record(fields, next),
        };
        (parsed, next)
    }

    /// The start of the line behind the one at `start`, and how many stray ends are between `from` and it.
    fn next_line(&self, start: usize, from: usize) -> (usize, usize) {
        let (mut at, mut strays) = (start, 0);
        while at < self.file.len() {
            let byte = self.file[at];
            if Some(byte) == self.escape {
                at += 2;
                continue;
            }
            if byte == self.end {
                return (at + 1, strays);
            }
            let is_stray = |byte: u8| matches!(byte, b'\n' | b'\r');
            let next = self.file.get(at + 1).copied();
            if at >= from && is_stray(byte) && next.is_some_and(|next| !is_stray(next)) {
                strays += 1;
            }
            at += 1;
        }
        (self.file.len(), strays)
    }

    /// The rows from `start` on; nothing for a file that is in error.
    fn rows(&self, mut start: usize) -> Option<Vec<Found>> {
        let mut rows = Vec::new();
        while start < self.file.len() {
            if self.end == b'\r' && self.file[start] == b'\n' && self.file[start - 1] == b'\r' {
                start += 1;
                continue;
            }
            let (line, _) = self.next_line(start, usize::MAX);
            match self.parse(start) {
                Parsed::Record(fields, next) => {
                    let is_blank = matches!(self.file[start], b'\n' | b'\r');
                    if !is_blank {
                        rows.push(shown(fields));
                    }
                    start = next;
                    continue;
                }
                Parsed::Broken => rows.push(refused("invalid_csv")),
                Parsed::TooLongBroken => rows.push(refused("row_too_large")),
                Parsed::TooLong(next) => {
                    rows.push(refused("row_too_large"));
                    start = next;
                    continue;
                }
                Parsed::TooLongStray(at) => {
                    let (_, more) = self.next_line(at, at);
                    rows.push(refused("row_too_large"));
                    rows.extend(vec![refused("invalid_csv"); more]);
                }
                Parsed::Unknown => return None,
                Parsed::Stray(at) if at < line => {
                    let (_, more) = self.next_line(at, at);
                    rows.extend(vec![refused("invalid_csv"); 1 + more]);
                }
                Parsed::Stray(_) => rows.push(refused("invalid_csv")),
            }
            start = line;
        }
        Some(rows)
    }
}

fn shown(fields: Vec<Vec<u8>>) -> Found {
    let [question, response] = &fields[..] else {
        return refused("wrong_column_count");
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match (text(question), text(response)) {
        (question, _) if question.is_empty() => refused("null_field"),
        (question, _) if question.trim().is_empty() => refused("empty_question"),
        (_, response) if response.is_empty() => refused("no_response"),
        (question, response) => Ok((question, response)),
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\"",
        "\"",
        "\"\"",
        ",",
        ",",
        "\n",
        "\n",
        "\r",
        "\r\n",
        "a",
        "b",
        "\\",
        " ",
        "é",
        "\0",
        "a,b\n",
        "\"a\",\"b\"\n",
        "x\",\"y\n",
        "\\\n",
        "\u{feff}",
        ",\"",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(6000))]

    #[test]
    fn rows_are_those_of_a_reader_that_begins_anew_at_each_line(
        body in hostile(),
        end in prop::sample::select(vec!["\n", "\r\n", "\r", "\r\r\n"]),
        (mark, has_quote, has_escape) in any::<(bool, bool, bool)>(),
        limit in prop_oneof![1 => Just(1 << 20), 1 => 1..30_usize],
        sizes in prop::collection::vec(1..20_usize, 1..5),
        target in 1..60_u64,
    ) {
        let mark = if mark { "\u{feff}" } else { "" };
        let head = format!("{mark}q,r{end}");
        let file = format!("{head}a,b{end}{body}");
        let (quote, escape) = (has_quote.then_some('"'), has_escape.then_some('\\'));
        let dialect = CsvDialect::new(',', quote, escape).unwrap();
        let mapping = mapping(PLAIN);
        let cut = |sizes: &[usize], target| {
            let cutter = CsvCutter::new(&mapping, dialect, target).with_max_row_bytes(limit);
            cut_csv(cutter, file.as_bytes(), sizes)
        };
        let naive = Naive {
            file: file.as_bytes(),
            delimiter: b',',
            quote: has_quote.then_some(b'"'),
            escape: has_escape.then_some(b'\\'),
            limit,
            end: if end == "\r" { b'\r' } else { b'\n' },
        };
        let rows = naive.rows(head.len());
        let whole = match cut(&[usize::MAX], TARGET) {
            Ok(whole) => whole,
            Err(error) => {
                prop_assert_eq!(rows, None, "{:?}", file);
                let is_of_quotes = matches!(error, TraceError::CsvQuote { .. });
                prop_assert!(is_of_quotes);
                prop_assert_eq!(cut(&sizes, target).err(), Some(error));
                return Ok(());
            }
        };
        prop_assert_eq!(Some(found(&whole)), rows, "{:?}", file);
        let summaries = |blocks: &[Block]| blocks.iter().map(|block| summary(block, &mapping)).collect::<Vec<_>>();
        let blocks = cut(&[usize::MAX], target).unwrap();
        prop_assert_eq!(details(&blocks), details(&whole));
        prop_assert_eq!(summaries(&blocks), summaries(&cut(&sizes, target).unwrap()));
        let details = details(&whole);
        let again = cut(&sizes, TARGET).unwrap();
        prop_assert_eq!(details, self::details(&again));
    }
}
