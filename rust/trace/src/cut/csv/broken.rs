//! What is said of a line that cannot be read.

use crate::reason::Reason;

use super::scan::Fault;

/// A line on which no record begins that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The line, from 1.
    pub(super) line: u64,
    /// The field, from 1, in which the line's end or the fault stands.
    pub(super) column: Option<usize>,
    pub(super) fault: Fault,
    /// The line on which the fault stands.
    pub(super) fault_line: u64,
}

impl Broken {
    /// Why the row is refused, and where; `max_bytes` is the length of the longest record.
    pub(super) fn explain(&self, max_bytes: usize) -> (Reason, String) {
        let line = self.line;
        let column = self
            .column
            .map_or(String::new(), |column| format!(", column {column}"));
        let detail = match self.fault {
            Fault::TooLong(length) => {
                let length =
                    length.map_or("more".to_owned(), |length| format!("{length} bytes, more"));
                let detail = format!(
                    "the record that begins on line {line} has {length} than {max_bytes} bytes"
                );
                return (Reason::RowTooLarge, detail);
            }
            Fault::TooLongInQuotes => format!(
                "the record that begins on line {line} has more than {max_bytes} bytes, and line ends in quotes{column}"
            ),
            Fault::Unclosed => {
                format!("the quote that opens on line {line}{column}, never closes")
            }
            Fault::BehindQuote(_) if self.fault_line == line => {
                format!("line {line}{column}: text after the closing quote")
            }
            Fault::BehindQuote(_) => format!(
                "the quote that opens on line {line}{column}, leads to text after a closing quote on line {}",
                self.fault_line
            ),
            Fault::StrayEnd => format!(
                "line {}{column}: a line end inside the line that is not one of this file",
                self.fault_line
            ),
            Fault::OpenEscape => {
                format!("line {line}{column}: the file ends after an escape")
            }
        };
        (Reason::InvalidCsv, detail)
    }
}
