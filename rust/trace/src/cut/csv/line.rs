//! Physical lines of a CSV file: where reading resumes after a broken record.

use memchr::{memchr, memchr2, memchr3};

use super::dialect::CsvDialect;
use super::scan::Ends;

/// The length of the first line, its end counted; a line end that is escaped ends none.
pub(super) fn line_length(bytes: &[u8], dialect: &CsvDialect, ends: Option<Ends>) -> Option<usize> {
    let end = ends?.byte();
    let Some(escape) = dialect.escape else {
        return memchr(end, bytes).map(|at| at + 1);
    };
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(end, escape, rest)) {
        at += found + 1;
        if bytes[at - 1] == end {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Passes over the rest of a line, which may arrive in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skip {
    ends: Ends,
    escape: Option<u8>,
    /// Whether to stop at bytes that end lines elsewhere.
    strays: bool,
}

/// How far a skip came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// The line continues.
    More,
    /// It ends here.
    Line,
    /// Behind a line end that is not one of this file.
    StrayEnd,
}

impl Skip {
    pub(super) fn new(dialect: CsvDialect, ends: Option<Ends>, strays: bool) -> Self {
        Self {
            ends: ends.unwrap_or(Ends::Feed),
            escape: dialect.escape,
            strays,
        }
    }

    /// How many of the bytes are passed over, and what is after them.
    pub(super) fn run(&self, bytes: &[u8], is_last: bool) -> (usize, Skipped) {
        let mut at = 0;
        while let Some(found) = bytes.get(at..).and_then(|rest| self.find(rest)) {
            at += found;
            let byte = bytes[at];
            if Some(byte) == self.escape && at + 1 == bytes.len() && !is_last {
                return (at, Skipped::More);
            } else if Some(byte) == self.escape {
                at += 2;
            } else if byte == self.ends.byte() {
                return (at + 1, Skipped::Line);
            } else if let Some(found) = self.behind_stray(bytes, at, is_last) {
                return found;
            }
        }
        let skipped = if is_last {
            Skipped::Line
        } else {
            Skipped::More
        };
        (bytes.len(), skipped)
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let end = self.ends.byte();
        match (self.strays.then_some(self.ends.other()), self.escape) {
            (Some(other), Some(escape)) => memchr3(end, other, escape, bytes),
            (Some(byte), None) | (None, Some(byte)) => memchr2(end, byte, bytes),
            (None, None) => memchr(end, bytes),
        }
    }

    /// What a byte at `at` comes to that ends lines elsewhere, and may stand before the end of this one.
    fn behind_stray(&self, bytes: &[u8], at: usize, is_last: bool) -> Option<(usize, Skipped)> {
        let other = self.ends.other();
        let run = bytes[at..]
            .iter()
            .take_while(|byte| **byte == other)
            .count();
        match bytes.get(at + run) {
            Some(byte) if *byte == self.ends.byte() => Some((at + run + 1, Skipped::Line)),
            Some(_) => Some((at + run, Skipped::StrayEnd)),
            None if is_last => Some((at + run, Skipped::Line)),
            None => Some((at + run - 1, Skipped::More)),
        }
    }
}
