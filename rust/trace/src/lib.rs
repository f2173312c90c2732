//! Source rows to traces' parts: cutters turn a task's bytes or record batches into blocks, a mapping
//! turns a block's rows into questions, responses and conversations.
//!
//! ```
//! use octomed_trace::{Body, Finding, JsonLinesCutter, Mapping, Numbering, TraceError};
//!
//! let mapping = Mapping::from_json(r#"{"question": "q", "response": "r"}"#)?;
//! let mut cutter = JsonLinesCutter::new(0, None, Numbering::ByteOffset, 64 << 20);
//! let mut blocks = cutter.feed(b"{\"q\": \"Why?\", \"r\": \"Because.\"}\n")?;
//! blocks.extend(cutter.finish()?);
//! blocks[0].for_each(&mapping, |finding| {
//!     let Finding::Row(row) = finding else { panic!("refused") };
//!     assert!(matches!(row.body, Body::Question { ref question, .. } if question == "Why?"));
//!     Ok::<(), TraceError>(())
//! })?;
//! # Ok::<(), TraceError>(())
//! ```

mod arrow_messages;
mod block;
mod csv_rows;
mod cut;
mod error;
mod given;
mod identity;
mod image;
mod json;
mod json_row;
mod keys;
mod label;
mod limits;
mod mapping;
mod parquet_pages;
mod picture;
mod place_images;
mod python_literal;
mod raw;
mod read;
mod reason;
mod row;
mod row_images;
mod row_reader;
mod shard_rows;
mod value;
mod written;

pub use arrow_messages::{ArrowMessages, arrow_messages};
pub use block::{Block, MAX_RENDERED_BYTES};
pub use cut::{
    ArrowCutter, CsvCutter, CsvDialect, Held, JsonArrayCutter, JsonLinesCutter, JsonObjectsCutter,
    JsonRowsCutter, JsonShape, Layout, Numbering, ShardCutter,
};
pub use error::TraceError;
pub use identity::{Identity, IdentityHasher, question_id};
pub use image::{ImagePlace, ImageRef, ImageValue};
pub use label::{label_options, option_label};
pub use limits::{DEFAULT_MAX_ROW_BYTES, DEFAULT_TARGET, MAX_BLOCK_ROWS, MAX_ROW_VALUES};
pub use mapping::Mapping;
pub use parquet_pages::{ChunkPages, chunk_pages, longest_text};
pub use place_images::{ImageCount, ImageSlot, place_images};
pub use raw::RawRow;
pub use reason::Reason;
pub use row::{AnswerForm, Asked, Body, Choice, Finding, Part, Refusal, Response, Row, Turn};
