//! The index of the working store: what is known of every trace, and where its ids lie.
//!
//! A block is two files: `<number>.ids` with the stored bytes of its traces, and `<number>.index` with a row a trace
//! ([`TraceColumns`]: one table says which columns there are), a row for each source row that gave none, and a header.
//! A block with images has their bytes in `<number>.images`, each once, and a table of them in its index
//! ([`ImageTable`]); where they were looked for in files it has a list of these in `<number>.image_files`.
//! What only some decisions need may lie in files of their own next to them ([`SideColumn`]): what was measured of each
//! response ([`TraceMeasures`]), its MinHash bands; the questions of its rows ([`QuestionTable`]). Later passes read the
//! indexes of all blocks as one [`Index`], and decide on it alone.

mod block_index;
mod checks;
mod columns;
mod error;
mod file;
mod filtered;
mod header;
mod image_files;
mod image_table;
mod measures;
mod new_block;
mod new_images;
mod question_table;
mod refusals;
mod side_column;
mod verdict;

pub use block_index::{BlockIndex, BlockRef, Index, Needs, TraceLocation};
pub use checks::{first_refusal, part_path, read_header, read_parts, verify_block};
pub use columns::{Column, INDEX_ROW_BYTES, TraceColumns, TraceEntry};
pub use error::IndexError;
pub use file::{IndexFile, checksum, index_bytes, read_index};
pub use filtered::FilteredColumns;
pub use header::{Header, SCAN_VERSION};
pub use image_files::{FileState, ImageFiles, image_files, image_names};
pub use image_table::{BlockImages, ImageTable};
pub use measures::{
    AnswerState, IDENTIFYING_FIELDS, IDENTIFYING_KINDS, MEASURES, TraceMeasures, bands, flags,
};
pub use new_block::NewBlock;
pub use new_images::{NewImage, NewImages, SettledImages};
pub use question_table::{Question, QuestionTable};
pub use refusals::RefusalColumns;
pub use side_column::SideColumn;
pub use verdict::Verdict;
