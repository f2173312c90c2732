//! What a sampled response says: where its reasoning ends, what it answers, and whether that is the gold answer.

mod answer;
mod parts;

pub use answer::{
    AnswerState, Choice, Convention, Extracted, Found, Gold, GoldFault, GoldRule, Judged, Number,
    extract, find, judge, present,
};
pub use parts::{Parts, parts};
