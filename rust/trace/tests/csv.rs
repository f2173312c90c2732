//! CSV by its stated rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::csv::{Found, PLAIN, TARGET, details, found, refused, row};
use common::{cut_csv, mapping};
use octomed_trace::{CsvCutter, CsvDialect, Mapping, TraceError};

fn comma() -> CsvDialect {
    CsvDialect::new(',', Some('"'), None).unwrap()
}

fn read(file: &[u8]) -> Vec<Found> {
    let cutter = CsvCutter::new(&mapping(PLAIN), comma(), TARGET);
    found(&cut_csv(cutter, file, &[usize::MAX]).unwrap())
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
            invalid("line 2, column 2: text after the closing quote"),
            invalid(
                "the quote that opens on line 3, column 2, leads to text after a closing quote on line 5"
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

/// What a row comes to, with the detail of a refusal.
type Detailed = Result<(String, String), (String, String)>;

/// Rows of a file of which a row may have a hundred bytes, in pieces of seven.
fn read_short(file: &str) -> Result<Vec<Detailed>, TraceError> {
    let cutter = CsvCutter::new(&mapping(PLAIN), comma(), TARGET).with_max_row_bytes(100);
    cut_csv(cutter, file.as_bytes(), &[7]).map(|blocks| details(&blocks))
}

#[test]
fn a_record_that_is_too_long_is_passed_over_and_its_neighbours_are_kept() {
    let long = "x".repeat(1000);
    let whole = "has 1005 bytes, more than 100 bytes";
    for (record, detail) in [
        (
            format!("ab,{long}\n"),
            "has 1004 bytes, more than 100 bytes",
        ),
        (format!("a,\"{long}\"\n"), whole),
        (format!("\"{long}\",a\n"), whole),
        (format!("\"a\n\n\n\n\n\n\",\"{}\"\n", &long[8..]), whole),
        (format!("a,\"{long}\"b\n"), "has more than 100 bytes"),
    ] {
        let rows = read_short(&format!("q,r\na,b\n{record}c,\"d\ne\"\nf,g\n")).unwrap();
        let valid = |q: &str, r: &str| Ok((q.to_owned(), r.to_owned()));
        let detail = format!("the record that begins on line 3 {detail}");
        let refused = Err(("row_too_large".to_owned(), detail));
        let wanted = [
            valid("a", "b"),
            refused,
            valid("c", "d\ne"),
            valid("f", "g"),
        ];
        assert_eq!(rows, wanted, "{record:?}");
    }
}

#[test]
fn no_line_in_the_quotes_of_a_record_that_is_too_long_is_a_row() {
    let inner = "i,j\n".repeat(250);
    let long = "x".repeat(1000);
    for (record, column) in [
        (format!("a,\"{inner}\"\n"), 2),
        (format!("a,\"{inner}"), 2),
        (format!("a,\"{long}\n\"\n"), 2),
        (format!("a,{long},\"b\n\"\n"), 3),
        (format!("\"b\nb\",\"{long}\"b\n"), 1),
    ] {
        let error = read_short(&format!("q,r\na,b\n{record}c,d\n")).unwrap_err();
        let wanted = format!(
            "the record that begins on line 3 has more than 100 bytes, and line ends in quotes, column {column}"
        );
        assert_eq!(error.to_string(), wanted, "{record:?}");
    }
    // A file that ends before that many bytes is read on behind the quote.
    let rows = read_short("q,r\na,\"b\nc,d\ne,f\n").unwrap();
    assert_eq!(rows.iter().filter(|row| row.is_ok()).count(), 2);
}

#[test]
fn a_record_that_is_too_long_is_not_kept() {
    let cutter = CsvCutter::new(&mapping(PLAIN), comma(), TARGET).with_max_row_bytes(1 << 16);
    let file = format!("q,r\na,\"{}\"\nc,d\n", "x".repeat(32 << 20));
    let begin = Instant::now();
    let rows = found(&cut_csv(cutter, file.as_bytes(), &[1 << 12]).unwrap());
    assert_eq!(rows, [refused("row_too_large"), row("c", "d")]);
    assert!(begin.elapsed() < Duration::from_secs(2));
}

/// Seconds that a file takes whose every line opens a quote anew, and its rows.
fn hostile_seconds(
    line: &str,
    bytes: usize,
    limit: usize,
    escape: Option<char>,
) -> (Duration, Result<Vec<Found>, TraceError>) {
    let file = format!("q,r\n{}", line.repeat(bytes / line.len()));
    let dialect = CsvDialect::new(',', Some('"'), escape).unwrap();
    let cutter = CsvCutter::new(&mapping(PLAIN), dialect, TARGET).with_max_row_bytes(limit);
    let begin = Instant::now();
    let blocks = cut_csv(cutter, file.as_bytes(), &[1 << 16]);
    (begin.elapsed(), blocks.map(|blocks| found(&blocks)))
}

#[test]
fn stray_quotes_in_every_line_take_no_quadratic_time() {
    for (line, escape, is_open) in [
        ("x\",\"y\n", None, true),
        ("\"x,\"\"y\n", None, false),
        ("x,\"y\"\"\n\n", None, false),
        ("x\",\"y\\\n\n", Some('\\'), true),
        ("\"x\\\"\n", Some('\\'), false),
    ] {
        let bytes = (2 << 20) / line.len() / 2 * 2 * line.len() + line.len();
        let (time, rows) = hostile_seconds(line, bytes, 4 << 20, escape);
        let rows = rows.unwrap();
        assert!(rows.len() > 100_000, "{line:?}: {} rows", rows.len());
        assert!(time < Duration::from_secs(20), "{line:?}: {time:?}");
        let (time, rows) = hostile_seconds(line, bytes, 1 << 19, escape);
        let is_refused = matches!(rows, Err(TraceError::CsvQuote { .. }));
        assert_eq!(is_refused, is_open, "{line:?}");
        assert!(time < Duration::from_secs(20), "{line:?}: {time:?}");
    }
}
