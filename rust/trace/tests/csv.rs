//! CSV by its stated rules: against a reader that begins anew at each line, in any chunks, and at any size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{cases, cut_csv, mapping, summary};
use octomed_trace::{Block, Body, CsvCutter, CsvDialect, Finding, Mapping, TraceError};
use proptest::prelude::*;

const PLAIN: &str = r#"{"question": "q", "response": "r"}"#;
const TARGET: u64 = 32 << 20;

/// What a row comes to: its two values, or why it is refused.
type Found = Result<(String, String), String>;

fn comma() -> CsvDialect {
    CsvDialect::new(',', Some('"'), None).unwrap()
}

fn read(file: &[u8]) -> Vec<Found> {
    let cutter = CsvCutter::new(&mapping(PLAIN), comma(), TARGET);
    found(&cut_csv(cutter, file, &[usize::MAX]).unwrap())
}

fn found(blocks: &[Block]) -> Vec<Found> {
    details(blocks)
        .into_iter()
        .map(|row| row.map_err(|(reason, _)| reason))
        .collect()
}

fn details(blocks: &[Block]) -> Vec<Result<(String, String), (String, String)>> {
    let mut rows = Vec::new();
    for block in blocks {
        block
            .for_each(&mapping(PLAIN), |finding| {
                rows.push(match finding {
                    Finding::Refused(refusal) => {
                        assert_eq!(refusal.position, rows.len() as u64);
                        Err((refusal.reason.as_str().to_owned(), refusal.detail))
                    }
                    Finding::Row(row) => {
                        assert_eq!(row.position, rows.len() as u64);
                        let Body::Question {
                            question,
                            responses,
                            ..
                        } = row.body
                        else {
                            panic!("no question")
                        };
                        Ok((question.into_owned(), responses[0].response.to_string()))
                    }
                });
                Ok::<(), TraceError>(())
            })
            .unwrap();
    }
    rows
}

fn row(question: &str, response: &str) -> Found {
    Ok((question.to_owned(), response.to_owned()))
}

fn refused(reason: &str) -> Found {
    Err(reason.to_owned())
}

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

#[test]
fn quotes_are_read_by_the_rules_and_never_mended() {
    let tab = CsvDialect::new('\t', Some('"'), None).unwrap();
    let file = "q\tr\nx\t\"Murmur\" is a sound\nodd\t\"begins here\nl1\ta1\nl2\tends\" here\ny\t5'10\" a \"b\" c\n";
    let cutter = CsvCutter::new(&mapping(PLAIN), tab, TARGET);
    let rows = details(&cut_csv(cutter, file.as_bytes(), &[7]).unwrap());
    let invalid = |detail: &str| Err(("invalid_csv".to_owned(), detail.to_owned()));
    let valid = |q: &str, r: &str| Ok((q.to_owned(), r.to_owned()));
    assert_eq!(
        rows,
        [
            invalid("line 2, column 2: text behind the closing quote"),
            invalid(
                "the quote that opens on line 3, column 2, leads to text behind a closing quote on line 5"
            ),
            valid("l1", "a1"),
            valid("l2", "ends\" here"),
            valid("y", "5'10\" a \"b\" c"),
        ]
    );
}

#[test]
fn a_quote_that_never_closes_costs_its_line_alone() {
    let rows = read(b"q,r\na,b\nc,\"d\ne,f\n\ng,\"h\"\n");
    assert_eq!(
        rows,
        [
            row("a", "b"),
            refused("invalid_csv"),
            row("e", "f"),
            row("g", "h")
        ]
    );
    let cutter = CsvCutter::new(&mapping(PLAIN), comma(), TARGET);
    let rows = details(&cut_csv(cutter, b"q,r\n\na,\"b\n", &[3]).unwrap());
    let detail = "the quote that opens on line 3, column 2, never closes";
    assert_eq!(rows, [Err(("invalid_csv".to_owned(), detail.to_owned()))]);
}

#[test]
fn values_are_text_as_it_stands() {
    let cases: [(&[u8], Found); 9] = [
        (b"a,\"b,\r\n\"\"c\"\"\"", row("a", "b,\r\n\"c\"")),
        (b"a, \"b\"", row("a", " \"b\"")),
        (
            b"a,b\x0b\x0c\0\xc2\x85\xe2\x80\xa8",
            row("a", "b\x0b\x0c\0\u{85}\u{2028}"),
        ),
        (b"a,\"say \\\"b\\\"\"", refused("invalid_csv")),
        (b"a,\xff", refused("invalid_utf8")),
        (b"a,\"\"", refused("no_response")),
        (b"a,b,c", refused("wrong_column_count")),
        (b"a", refused("wrong_column_count")),
        (b"a,b\rc", refused("invalid_csv")),
    ];
    for (line, wanted) in cases {
        let file = [&b"\xef\xbb\xbf\"q\",r\n\n"[..], line, b"\nx,y\n"].concat();
        assert_eq!(read(&file), [wanted, row("x", "y")], "{line:?}");
    }
}

#[test]
fn lines_end_as_the_first_one_does() {
    for end in ["\n", "\r\n", "\r", "\r\r\n"] {
        let file = ["q,r", "a,\"b\rc\nd\"", "", "e,f", ""].join(end);
        let whole = [row("a", "b\rc\nd"), row("e", "f")];
        assert_eq!(read(file.as_bytes()), whole, "{end:?}");
        assert_eq!(read(file.trim_end().as_bytes()), whole, "{end:?}");
    }
    assert_eq!(read(b"q,r\na,b\r\nc,d\n"), [row("a", "b"), row("c", "d")]);
    // Rows that ended in the other way would be one: each of them is counted.
    let lost = refused("invalid_csv");
    assert_eq!(
        read(b"q,r\na,b\rc,d\re,f\n\rg,h\ni,j\n"),
        [lost.clone(), lost.clone(), lost.clone(), row("i", "j")]
    );
    assert_eq!(read(b"q,r\ra,b\nc,d\re,f\r"), [lost, row("e", "f")]);
}

#[test]
fn a_dialect_has_its_own_characters() {
    let read = |dialect, file: &str| {
        let cutter = CsvCutter::new(&mapping(PLAIN), dialect, TARGET);
        found(&cut_csv(cutter, file.as_bytes(), &[2]).unwrap())
    };
    let single = CsvDialect::new(';', Some('\''), None).unwrap();
    assert_eq!(read(single, "q;r\n'a;''';\"b\"\n"), [row("a;'", "\"b\"")]);
    let none = CsvDialect::new('\t', None, Some('\\')).unwrap();
    assert_eq!(
        read(none, "q\tr\n\"a\\\tb\t\"c\\\nd\\\\\ne\t\\"),
        [row("\"a\tb", "\"c\nd\\"), refused("invalid_csv")]
    );
    let both = CsvDialect::new(',', Some('"'), Some('\\')).unwrap();
    assert_eq!(
        read(both, "q,r\n\\\"a,\"say \\\"b\\\" \"\"c\"\"\"\n"),
        [row("\"a", "say \"b\" \"c\"")]
    );
}

#[test]
fn blocks_are_cut_by_the_mapped_columns_and_by_what_is_held() {
    let cut = |file: &str| {
        let cutter = CsvCutter::new(&mapping(PLAIN), comma(), 10);
        let blocks = cut_csv(cutter, file.as_bytes(), &[usize::MAX]).unwrap();
        let sizes = blocks
            .iter()
            .map(|block| (block.rows(), block.source_bytes()));
        sizes.collect::<Vec<_>>()
    };
    let rows = "aa,bbb,long and not mapped\n".repeat(3);
    let wide = CsvCutter::new(&mapping(PLAIN), comma(), 1000);
    let file = format!("q,r,x\n{rows}");
    let blocks = cut_csv(wide, file.as_bytes(), &[usize::MAX]).unwrap();
    assert_eq!((blocks[0].rows(), blocks[0].source_bytes()), (3, 15));
    // A target as small as this holds no row's own size.
    assert_eq!(cut(&file).iter().map(|(rows, _)| rows).sum::<u64>(), 3);
    assert_eq!(
        cut(&format!("q,r\n{}", "x\n".repeat(9)))
            .iter()
            .map(|(rows, _)| rows)
            .sum::<u64>(),
        9
    );
    assert!(cut(&format!("q,r\n{}", "x\n".repeat(9))).len() > 3);
}

#[test]
fn a_header_is_checked_before_a_row_is_read() {
    let check = |mapping: &Mapping, file: &[u8]| {
        let cutter = CsvCutter::new(mapping, comma(), TARGET);
        cut_csv(cutter, file, &[1]).err()
    };
    let plain = mapping(PLAIN);
    assert_eq!(check(&plain, b",q,,r,, , \n"), None);
    assert_eq!(check(&plain, b""), None);
    assert_eq!(check(&plain, b"\xef\xbb\xbf\n\r\n"), None);
    let error = check(&plain, b"q,r,q\n").unwrap();
    assert_eq!(
        error.to_string(),
        "the file has several columns of one name: `q`"
    );
    let error = check(&plain, b"id;q;r\n").unwrap();
    assert_eq!(error.to_string(), "the file has no column `q`");
    assert!(
        error.hint().unwrap().contains("`csv: {delimiter: \";\"}`"),
        "{error:?}"
    );
    let error = check(&plain, b"\"q\"\t\"r\"\n").unwrap();
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`csv: {delimiter: \"\\t\"}`"),
        "{error:?}"
    );
    for file in [&b"\"q,r\n"[..], b"q\xff,r\n", &vec![b'q'; 5 << 20]] {
        let error = check(&plain, file).unwrap();
        assert!(matches!(error, TraceError::CsvHeader { .. }), "{error:?}");
    }
}

#[test]
fn the_names_of_a_header_are_told_as_soon_as_it_ends() {
    let dialect = comma();
    assert_eq!(dialect.names(b"q,\"a\nb", false).unwrap(), None);
    let names = dialect.names(b"q,\"a\nb\"\nx,", false).unwrap();
    assert_eq!(names, Some(vec!["q".to_owned(), "a\nb".to_owned()]));
    assert_eq!(dialect.names(b"\n", true).unwrap(), Some(Vec::new()));
    assert_eq!(
        dialect.names(b"q", true).unwrap(),
        Some(vec!["q".to_owned()])
    );
}

/// Seconds that a file takes whose every line opens a quote anew, and its rows.
fn hostile_seconds(line: &str, bytes: usize, escape: Option<char>) -> (Duration, Vec<Found>) {
    let file = format!("q,r\n{}", line.repeat(bytes / line.len()));
    let dialect = CsvDialect::new(',', Some('"'), escape).unwrap();
    let cutter = CsvCutter::new(&mapping(PLAIN), dialect, TARGET).with_max_row_bytes(bytes / 4);
    let begin = Instant::now();
    let rows = found(&cut_csv(cutter, file.as_bytes(), &[1 << 16]).unwrap());
    (begin.elapsed(), rows)
}

#[test]
fn stray_quotes_in_every_line_take_no_quadratic_time() {
    for (line, escape) in [
        ("x\",\"y\n", None),
        ("\"x,\"\"y\n", None),
        ("x,\"y\"\"\n\n", None),
        ("x\",\"y\\\n\n", Some('\\')),
        ("\"x\\\"\n", Some('\\')),
    ] {
        let (time, rows) = hostile_seconds(line, 4 << 20, escape);
        assert!(rows.len() > 100_000, "{line:?}: {} rows", rows.len());
        assert!(time < Duration::from_secs(20), "{line:?}: {time:?}");
    }
}
