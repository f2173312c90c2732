//! What can be wrong with a source as a whole; what is wrong with one row is a [`crate::Refusal`].

use thiserror::Error;

/// An error that stops the reading of a file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TraceError {
    /// The mapping contradicts itself or cannot be read.
    #[error("the row mapping is wrong: {message}")]
    Mapping {
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// The key that should not be there.
        key: Option<&'static str>,
    },
    /// A mapped column is not in the file.
    #[error("the file has no column `{column}`")]
    MissingColumn {
        /// The name in the mapping.
        column: String,
        /// The most similar name in the file.
        nearest: Option<String>,
        /// All names in the file.
        present: Vec<String>,
    },
    /// Several columns have one name, so a mapping cannot say which is meant.
    #[error("the file has several columns of one name: {}", quoted(.columns))]
    DuplicateColumns {
        /// The names that occur more than once.
        columns: Vec<String>,
    },
    /// A mapped column is not in a CSV file whose header another delimiter would cut into several names.
    #[error("the file has no column `{column}`")]
    CsvDelimiter {
        /// The name in the mapping.
        column: String,
        /// What seems to separate the columns.
        delimiter: char,
    },
    /// The header of a CSV file cannot be read.
    #[error("the header cannot be read: {message}")]
    CsvHeader {
        /// What is wrong with it.
        message: String,
        /// What seems to separate the columns, if it is not what the dialect says.
        delimiter: Option<char>,
    },
    /// A record of a CSV file is too long, and may as well be rows after a quote that does not close.
    #[error("{message}")]
    CsvQuote {
        /// Where it begins.
        message: String,
    },
    /// The characters of a CSV dialect cannot be told apart.
    #[error("this is not a CSV dialect: {message}")]
    CsvDialect {
        /// What is wrong with them.
        message: String,
    },
    /// A file read as a JSON array does not begin with `[`.
    #[error("byte {at}: the file is not a JSON array (it does not begin with `[`)")]
    NotAnArray {
        /// Offset of the offending byte in the file.
        at: u64,
    },
    /// A JSON array ends before its closing `]`.
    #[error("byte {at}: the JSON array ends before its closing `]`; the file is cut off")]
    ArrayTruncated {
        /// Length of the file.
        at: u64,
    },
    /// A file of JSON objects ends before the last one closes.
    #[error("byte {at}: the JSON ends before its closing `}}`; the file is cut off")]
    DocumentTruncated {
        /// Length of the file.
        at: u64,
    },
    /// A file that should be one JSON object is not.
    #[error("byte {at}: the file is not one JSON object")]
    DocumentBroken {
        /// Offset of the offending byte in the file.
        at: u64,
    },
    /// `rows` names a key that the file's object does not have.
    #[error("the file has no `{path}`, which `rows` of its source names")]
    RowsNotFound {
        /// The keys up to the one that is missing.
        path: String,
        /// Keys that stand there.
        keys: Vec<String>,
    },
    /// `rows` leads to neither a list nor an object.
    #[error("`{path}` of the file is neither a list nor an object of rows")]
    NoRowsHeld {
        /// The keys that were followed.
        path: String,
    },
    /// A tar archive is cut off, or a header of it is not what an archive has there.
    #[error("byte {at} of the archive: {message}")]
    Archive {
        /// Offset in the uncompressed archive.
        at: u64,
        /// What is wrong.
        message: &'static str,
    },
    /// Members of one key do not follow one another.
    #[error("members of `{key}` stand in two places of the archive, so that a row would be two")]
    ScatteredKey {
        /// The key.
        key: String,
    },
    /// Something stands after the closing `]` of a JSON array.
    #[error("byte {at}: there is something after the closing `]` of the JSON array")]
    ArrayTrailing {
        /// Offset of the offending byte in the file.
        at: u64,
    },
}

impl TraceError {
    /// A mapping that is wrong in a way that needs no hint.
    pub(crate) fn mapping(message: impl Into<String>) -> Self {
        Self::Mapping {
            message: message.into(),
            hint: None,
            key: None,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::MissingColumn {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean `{nearest}`?")),
            Self::MissingColumn { present, .. } => {
                Some(format!("its columns are {}", quoted_names(present)))
            }
            Self::DuplicateColumns { .. } => Some("rename one of them in the file".to_owned()),
            Self::NotAnArray { .. } => {
                Some("a file with one object a line is JSON Lines; name it `.jsonl`".to_owned())
            }
            Self::CsvDelimiter { delimiter, .. }
            | Self::CsvHeader {
                delimiter: Some(delimiter),
                ..
            } => Some(other_delimiter(*delimiter)),
            Self::CsvHeader { .. } => {
                Some("save the file as CSV in UTF-8, with a line of names first".to_owned())
            }
            Self::CsvQuote { .. } => {
                Some("close the quote, or leave the row out of the file if it is that long".to_owned())
            }
            Self::RowsNotFound { keys, .. } => Some(format!("its keys are {}", quoted_names(keys))),
            Self::NoRowsHeld { .. } => Some(
                "`rows` names a list of objects, or an object whose values are rows; dots lead into objects"
                    .to_owned(),
            ),
            Self::Mapping { hint, .. } => hint.clone(),
            Self::ScatteredKey { .. } => Some(
                "write the archive in the order of its names: `tar --sort=name -cf OUT.tar FOLDER`".to_owned(),
            ),
            Self::CsvDialect { .. }
            | Self::Archive { .. }
            | Self::ArrayTruncated { .. }
            | Self::ArrayTrailing { .. }
            | Self::DocumentTruncated { .. }
            | Self::DocumentBroken { .. } => None,
        }
    }
}

/// What to write in a recipe when this separates the columns of a CSV file.
fn other_delimiter(delimiter: char) -> String {
    let delimiter = delimiter.escape_default();
    format!(
        "do `{delimiter}` separate its columns? then write `csv: {{delimiter: \"{delimiter}\"}}` in the source"
    )
}

/// `` `a`, `b` `` for a message.
pub(crate) fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Names that a message may show, and how many it may not: keys of an object of rows, and the first line of a
/// CSV file without names, are data.
fn quoted_names(names: &[String]) -> String {
    let (plain, data): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| is_plain_name(name));
    let shown = plain.len().min(MOST_SHOWN);
    match names.len() - shown {
        0 => quoted(&plain),
        left if shown == 0 => format!("not shown: {left}, which may be data"),
        left if data.is_empty() => format!("{} and {left} more", quoted(&plain[..shown])),
        left => format!(
            "{} and {left} that are not shown: they may be data",
            quoted(&plain[..shown])
        ),
    }
}

/// Whether a text is made as names of columns are: few words, few digits, no sentence.
fn is_plain_name(name: &str) -> bool {
    let of_a_name = |sign: char| {
        sign.is_alphanumeric() || matches!(sign, '_' | '-' | '.' | ' ' | '(' | ')' | '/')
    };
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let begins = name
        .chars()
        .next()
        .is_some_and(|sign| sign.is_alphabetic() || sign == '_');
    begins
        && digits < MOST_DIGITS
        && name.chars().count() <= LONGEST_NAME
        && name.chars().filter(|&sign| sign == ' ').count() < MOST_WORDS
        && name.chars().all(of_a_name)
}

/// What a name of a column has at most: more is not printed.
const LONGEST_NAME: usize = 40;
const MOST_WORDS: usize = 4;
const MOST_DIGITS: usize = 4;
/// Names in one message.
const MOST_SHOWN: usize = 12;

/// The candidate most similar to `name`, if one is similar enough to be meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lowered = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::levenshtein(&lowered, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|&(distance, candidate)| distance * 2 <= name.len().min(candidate.len()).max(2))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::{nearest, quoted_names};

    #[test]
    fn what_may_be_data_is_counted_and_not_shown() {
        let names = |given: &[&str]| {
            quoted_names(
                &given
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            names(&["Question", "Chain of Thought (CoT)"]),
            "`Question`, `Chain of Thought (CoT)`"
        );
        assert_eq!(
            names(&[
                "rows",
                "patient 10023",
                "A man of 54, with chest pain.",
                "\u{1b}[2J",
                ""
            ]),
            "`rows` and 4 that are not shown: they may be data"
        );
        assert_eq!(names(&["10023"]), "not shown: 1, which may be data");
        assert!(names(&["a"; 14]).ends_with("`a` and 2 more"));
    }

    #[test]
    fn the_nearest_name_ignores_case_and_unlike_names() {
        assert_eq!(nearest("answer", ["Anwser", "Question"]), Some("Anwser"));
        assert_eq!(nearest("Complex_COT", ["Complex_CoT"]), Some("Complex_CoT"));
        assert_eq!(nearest("responses", ["id", "image"]), None);
    }
}
