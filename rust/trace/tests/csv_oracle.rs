//! CSV against a reader that takes one byte at a time and begins anew at each line, in any chunks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::csv::{Found, PLAIN, TARGET, details, found, refused};
use common::{cases, cut_csv, mapping, summary};
use octomed_trace::{Block, CsvCutter, CsvDialect};
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
    TooLong,
}

impl Naive<'_> {
    fn parse(&self, start: usize) -> Parsed {
        let mut fields = vec![Vec::new()];
        let (mut quoted, mut closed, mut empty) = (false, false, true);
        let mut at = start;
        let mut cut_off = false;
        while at < self.file.len() {
            if at - start >= self.limit {
                let kept = quoted && !closed;
                return if kept {
                    Parsed::Broken
                } else {
                    Parsed::TooLong
                };
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
                }
            } else if closed && Some(byte) == self.quote {
                value.push(byte);
                closed = false;
            } else if byte == self.delimiter {
                fields.push(Vec::new());
                (quoted, closed, empty) = (false, false, true);
                at += 1;
                continue;
            } else if byte == b'\n' || byte == b'\r' {
                return self.ended(fields, start, at);
            } else if closed {
                return Parsed::Broken;
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
        if self.file.len() - start > self.limit {
            let kept = quoted && !closed;
            return if kept {
                Parsed::Broken
            } else {
                Parsed::TooLong
            };
        }
        if (quoted && !closed) || cut_off {
            return Parsed::Broken;
        }
        Parsed::Record(fields, at)
    }

    fn ended(&self, fields: Vec<Vec<u8>>, start: usize, at: usize) -> Parsed {
        let is_other = |byte: &&u8| matches!(**byte, b'\n' | b'\r') && **byte != self.end;
        let run = self.file[at..].iter().take_while(is_other).count();
        let next = (at + run + 1).min(self.file.len());
        if next - start > self.limit {
            return Parsed::TooLong;
        }
        match self.file.get(at + run) {
            Some(byte) if *byte != self.end => Parsed::Stray(at + run),
            _ => Parsed::Record(fields, next),
        }
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

    fn rows(&self, mut start: usize) -> Vec<Found> {
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
                Parsed::TooLong => rows.push(refused("row_too_large")),
                Parsed::Stray(at) if at < line => {
                    let (_, more) = self.next_line(at, at);
                    rows.extend(vec![refused("invalid_csv"); 1 + more]);
                }
                Parsed::Stray(_) => rows.push(refused("invalid_csv")),
            }
            start = line;
        }
        rows
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
            cut_csv(cutter, file.as_bytes(), sizes).unwrap()
        };
        let naive = Naive {
            file: file.as_bytes(),
            delimiter: b',',
            quote: has_quote.then_some(b'"'),
            escape: has_escape.then_some(b'\\'),
            limit,
            end: if end == "\r" { b'\r' } else { b'\n' },
        };
        let whole = cut(&[usize::MAX], TARGET);
        prop_assert_eq!(found(&whole), naive.rows(head.len()), "{:?}", file);
        let summaries = |blocks: &[Block]| blocks.iter().map(|block| summary(block, &mapping)).collect::<Vec<_>>();
        let blocks = cut(&[usize::MAX], target);
        prop_assert_eq!(details(&blocks), details(&whole));
        prop_assert_eq!(summaries(&blocks), summaries(&cut(&sizes, target)));
        let details = details(&whole);
        let again = cut(&sizes, TARGET);
        prop_assert_eq!(details, self::details(&again));
    }
}
