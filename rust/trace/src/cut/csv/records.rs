//! The records of a CSV file, of which the bytes arrive in pieces. Where one is broken, reading resumes at the
//! line after the one on which it begins; where one is too long, after its end.

use memchr::memchr_iter;

use super::broken::Broken;
use super::dialect::CsvDialect;
use super::line::{Skip, Skipped, line_length};
use super::scan::{Ends, Fault, Outcome, Scan, Span};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A share of the buffer: what is consumed is let go when it is more than that, so that a long record behind
/// it is not moved again and again.
const SPENT_SHARE: usize = 8;

/// A record, or a line on which none begins that could be read.
#[derive(Debug)]
pub(super) enum Event<'r> {
    Record(Record<'r>),
    Broken(Broken),
}

/// A record as its file has it.
#[derive(Debug)]
pub(super) struct Record<'r> {
    pub(super) bytes: &'r [u8],
    /// Its fields, as many as were wanted.
    pub(super) fields: &'r [Span],
    /// How many it has.
    pub(super) count: usize,
}

/// What is known of the lines up to `until`: a record that is still in quotes where one of them begins comes to
/// this fault. So a file of stray quotes is not read to its end again for each of them.
#[derive(Clone, Copy, Debug)]
struct Known {
    until: usize,
    fault: Fault,
    /// The line of the fault.
    line: u64,
}

/// A record that is too long, of which only the end is looked for and nothing is kept.
#[derive(Clone, Copy, Debug)]
struct Passed {
    line: u64,
    length: u64,
    /// The first field with line ends in its quotes.
    column: Option<usize>,
}

/// The records of a file.
#[derive(Debug)]
pub(super) struct Records {
    dialect: CsvDialect,
    /// The longest record, its line end counted.
    pub(super) max_bytes: usize,
    /// How many fields of a record are kept.
    pub(super) wanted: usize,
    /// Whether a record that is too long is read to its end, not refused at once.
    pub(super) passes: bool,
    bytes: Vec<u8>,
    /// Where the record, or the line that is skipped, begins in `bytes`.
    start: usize,
    scan: Scan,
    /// Whether the scan is of a record that is over.
    over: bool,
    passed: Option<Passed>,
    ends: Option<Ends>,
    /// Lines before `start`.
    lines: u64,
    begun: bool,
    /// Whether a `\n` that comes next belongs to the `\r` that ended the line.
    behind_return: bool,
    skip: Option<Skip>,
    known: Option<Known>,
}

/// What was found: a record that begins at `start`, or a broken line.
enum Step {
    Record { start: usize },
    Broken(Broken),
}

/// How it continues.
enum Next {
    Step(Step),
    Again,
    /// More bytes are needed.
    Wait,
}

impl Records {
    pub(super) fn new(dialect: CsvDialect, max_bytes: usize) -> Self {
        Self {
            dialect,
            max_bytes,
            wanted: usize::MAX,
            passes: false,
            bytes: Vec::new(),
            start: 0,
            scan: Scan::default(),
            over: true,
            passed: None,
            ends: None,
            lines: 0,
            begun: false,
            behind_return: false,
            skip: None,
            known: None,
        }
    }

    /// Takes the next bytes of the file.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        if self.start > 0 && self.start >= self.bytes.len() / SPENT_SHARE {
            self.bytes.drain(..self.start);
            self.known = self.known.and_then(|known| {
                let until = known.until.checked_sub(self.start)?;
                Some(Known { until, ..known })
            });
            self.start = 0;
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// The next record or broken line, if all of it is there; `is_last` when no bytes follow.
    pub(super) fn next(&mut self, is_last: bool) -> Option<Event<'_>> {
        Some(match self.step(is_last)? {
            Step::Broken(broken) => Event::Broken(broken),
            Step::Record { start } => Event::Record(Record {
                bytes: &self.bytes[start..start + self.scan.length],
                fields: &self.scan.fields,
                count: self.scan.count,
            }),
        })
    }

    fn step(&mut self, is_last: bool) -> Option<Step> {
        loop {
            let next = if self.skip.is_some() {
                self.skip_on(is_last)
            } else if let Some(passed) = self.passed {
                self.pass_on(passed, is_last)
            } else if self.over && !self.begin(is_last) {
                Next::Wait
            } else {
                self.scan_on(is_last)
            };
            match next {
                Next::Step(step) => return Some(step),
                Next::Wait => return None,
                Next::Again => {}
            }
        }
    }

    /// Goes on over the rest of a line that is refused.
    fn skip_on(&mut self, is_last: bool) -> Next {
        let Some(skip) = &self.skip else {
            return Next::Again;
        };
        let (taken, skipped) = skip.run(&self.bytes[self.start..], is_last);
        self.consume(taken);
        match skipped {
            Skipped::More => return Next::Wait,
            Skipped::Line => self.skip = None,
            Skipped::StrayEnd => return Next::Step(Step::Broken(self.stray_end())),
        }
        Next::Again
    }

    /// Goes on with the scan of a record.
    fn scan_on(&mut self, is_last: bool) -> Next {
        let rest = self.bytes.len() - self.start;
        let line = self.known_line();
        let limit = line.unwrap_or(rest.min(self.max_bytes));
        let bytes = &self.bytes[self.start..self.start + limit];
        let is_whole = is_last && line.is_none() && limit == rest;
        match self.scan.run(bytes, &self.dialect, self.ends, is_whole) {
            Outcome::More if line.is_some() => self.come_to_known(),
            Outcome::More if limit == rest => Next::Wait,
            Outcome::More if self.passes => self.pass(),
            Outcome::More => self.broken(self.scan.count + 1, Fault::TooLong(None), self.lines + 1),
            Outcome::Undecided if self.decide(is_last) => Next::Again,
            Outcome::Undecided => Next::Wait,
            Outcome::Fault(fault) => self.refuse(fault),
            Outcome::End => self.end(),
        }
    }

    /// Begins to pass over a record that is too long. In quotes that are open over a line end it is not known
    /// whether it is one.
    fn pass(&mut self) -> Next {
        let line = self.lines + 1;
        let bytes = &self.bytes[self.start..self.start + self.scan.at];
        let field = &bytes[self.scan.field..];
        if self.scan.is_in_quotes() && line_length(field, &self.dialect, self.ends).is_some() {
            return self.broken(self.scan.count + 1, Fault::TooLongInQuotes, line);
        }
        let first = line_length(bytes, &self.dialect, self.ends);
        self.passed = Some(Passed {
            line,
            length: 0,
            column: first.map(|length| self.column_at(length)),
        });
        self.known = None;
        self.scan.look_for_end(self.ends.map(Ends::byte));
        self.let_go();
        Next::Again
    }

    /// Goes on over a record that is too long.
    fn pass_on(&mut self, passed: Passed, is_last: bool) -> Next {
        let bytes = &self.bytes[self.start..];
        let outcome = self.scan.run(bytes, &self.dialect, self.ends, is_last);
        let length = self.let_go();
        let (column, fault) = match outcome {
            Outcome::More | Outcome::Undecided => return Next::Wait,
            Outcome::End => (None, Fault::TooLong(Some(length))),
            Outcome::Fault(Fault::TooLongInQuotes) => {
                (Some(self.scan.count + 1), Fault::TooLongInQuotes)
            }
            // Its lines, which would be read again, are gone.
            Outcome::Fault(_) if passed.column.is_some() => (passed.column, Fault::TooLongInQuotes),
            Outcome::Fault(_) => (None, Fault::TooLong(None)),
        };
        if let Outcome::Fault(found) = outcome {
            let is_stray = found == Fault::StrayEnd;
            self.skip = Some(Skip::new(self.dialect, self.ends, is_stray));
        }
        self.passed = None;
        self.over = true;
        Next::Step(Step::Broken(Broken {
            line: passed.line,
            column,
            fault,
            fault_line: passed.line,
        }))
    }

    /// Lets go of what was scanned of a record that is too long, and says how much that is in all.
    fn let_go(&mut self) -> u64 {
        let taken = self.scan.let_go();
        self.consume(taken);
        self.passed.as_mut().map_or(0, |passed| {
            passed.length += taken as u64;
            passed.length
        })
    }

    /// The field, from 1, in whose quotes the record's first line ends, which has this length.
    fn column_at(&self, length: usize) -> usize {
        let line = &self.bytes[self.start..self.start + length];
        let mut scan = Scan::default();
        scan.run(line, &self.dialect, self.ends, false);
        scan.count + 1
    }

    /// Ends the record that was scanned to its end.
    fn end(&mut self) -> Next {
        self.over = true;
        let start = self.start;
        self.consume(self.scan.at);
        if self.scan.length == 0 {
            return Next::Again;
        }
        Next::Step(Step::Record { start })
    }

    /// Begins a record, if a byte of it is there.
    fn begin(&mut self, is_last: bool) -> bool {
        let rest = &self.bytes[self.start..];
        if !self.begun {
            if !is_last && rest.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(rest) {
                return false;
            }
            self.begun = true;
            if rest.starts_with(BYTE_ORDER_MARK) {
                self.start += BYTE_ORDER_MARK.len();
            }
        }
        if self.start == self.bytes.len() {
            return false;
        }
        if std::mem::take(&mut self.behind_return) && self.bytes[self.start] == b'\n' {
            self.start += 1;
            if self.start == self.bytes.len() {
                return false;
            }
        }
        self.scan.restart(self.wanted);
        self.over = false;
        true
    }

    /// The length of the line, when what is known covers all of it.
    fn known_line(&mut self) -> Option<usize> {
        let known = self.known.filter(|_| self.scan.at == 0)?;
        let length = line_length(&self.bytes[self.start..], &self.dialect, self.ends);
        let length = length.filter(|length| self.start + length <= known.until);
        if length.is_none() {
            self.known = None;
        }
        length
    }

    /// What becomes of a record that is in quotes where one was of which the end is known.
    fn come_to_known(&mut self) -> Next {
        let Some(known) = self.known else {
            return Next::Again;
        };
        self.broken(self.scan.count + 1, known.fault, known.line)
    }

    /// The line is refused on which the record begins that has this fault at `scan.at`.
    fn refuse(&mut self, fault: Fault) -> Next {
        let bytes = &self.bytes[self.start..];
        let line = self.lines + 1;
        let length = line_length(bytes, &self.dialect, self.ends);
        let Some(length) = length.filter(|length| *length <= self.scan.at) else {
            // The field before a stray line end is complete.
            let is_stray = fault == Fault::StrayEnd;
            return self.broken(self.scan.count + usize::from(!is_stray), fault, line);
        };
        let fault_line = line + count(self.ends, &bytes[..self.scan.at]);
        let column = self.column_at(length);
        self.known = Some(Known {
            until: self.start + self.scan.at,
            fault,
            line: fault_line,
        });
        self.broken(column, fault, fault_line)
    }

    /// The line for its fault, after which reading resumes.
    fn broken(&mut self, column: usize, fault: Fault, fault_line: u64) -> Next {
        let line = self.lines + 1;
        let is_stray = fault == Fault::StrayEnd && fault_line == line;
        self.skip = Some(Skip::new(self.dialect, self.ends, is_stray));
        self.over = true;
        if is_stray {
            self.consume(self.scan.at);
        }
        Next::Step(Step::Broken(Broken {
            line,
            column: Some(column),
            fault,
            fault_line,
        }))
    }

    /// A line end that stands in the rest of a line that has been refused for one.
    fn stray_end(&self) -> Broken {
        let line = self.lines + 1;
        Broken {
            line,
            column: None,
            fault: Fault::StrayEnd,
            fault_line: line,
        }
    }

    fn consume(&mut self, taken: usize) {
        self.lines += count(self.ends, &self.bytes[self.start..self.start + taken]);
        self.start += taken;
        self.behind_return =
            self.ends == Some(Ends::Return) && self.bytes[..self.start].last() == Some(&b'\r');
    }

    /// Sees how the lines of the file end, from its first line end.
    fn decide(&mut self, is_last: bool) -> bool {
        let rest = &self.bytes[self.start + self.scan.at..];
        let returns = rest.iter().take_while(|byte| **byte == b'\r').count();
        self.ends = match rest.get(returns) {
            Some(b'\n') => Some(Ends::Feed),
            None if !is_last && returns < self.max_bytes => None,
            _ => Some(Ends::Return),
        };
        self.ends.is_some()
    }
}

/// Line ends among bytes.
fn count(ends: Option<Ends>, bytes: &[u8]) -> u64 {
    ends.map_or(0, |ends| memchr_iter(ends.byte(), bytes).count() as u64)
}
