//! Rows of CSV as pairs of texts, to compare readers by.

use octomed_trace::{Block, Body, Finding, TraceError};

use super::mapping;

pub const PLAIN: &str = r#"{"question": "q", "response": "r"}"#;
pub const TARGET: u64 = 32 << 20;

/// What a row comes to: its two values, or why it is refused.
pub type Found = Result<(String, String), String>;

/// What each row comes to.
pub fn found(blocks: &[Block]) -> Vec<Found> {
    details(blocks)
        .into_iter()
        .map(|row| row.map_err(|(reason, _)| reason))
        .collect()
}

/// The same with the detail of a refusal.
pub fn details(blocks: &[Block]) -> Vec<Result<(String, String), (String, String)>> {
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

pub fn row(question: &str, response: &str) -> Found {
    Ok((question.to_owned(), response.to_owned()))
}

pub fn refused(reason: &str) -> Found {
    Err(reason.to_owned())
}
