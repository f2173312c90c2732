//! What a sampled response says: where its reasoning ends, what it answers, and whether that is the gold answer.

mod answer;
mod identifying;
mod measure;
mod parts;
mod words;

pub use answer::{
    AnswerState, Choice, Convention, Extracted, Found, Gold, GoldFault, GoldRule, Judged, Number,
    extract, find, judge, present,
};
pub use identifying::{Identified, Kind, Kinds, identifying, kinds_in, mask};
pub use measure::{
    Action, Fault, FaultKind, Figure, Filter, Format, Identifying, Language, Length, Limits,
    MeasureSettings, Measures, Repetition, Response, Scratch, Script, decide, flags, measure,
};
pub use parts::{Parts, parts};
pub use words::{Words, count_words, words};
