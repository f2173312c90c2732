//! Scan, select, write: the three passes over a recipe's rows.

mod accounts;
mod block;
mod check;
mod error;
mod ids;
mod index;
mod layout;
mod ranges;
mod row;
mod runs;
mod scan;
mod select;
mod tables;
mod write;

pub use accounts::{SourceAccount, source_accounts};
pub use check::{PackContent, ShardCheck, check_shard, read_pack};
pub use error::EngineError;
pub use index::{
    Header, INDEX_ROW_BYTES, RefusalColumns, SCAN_VERSION, TraceColumns, first_refusal, part_path,
    read_header, read_index, read_parts,
};
pub use row::COLUMNS;
pub use scan::{BlockPlace, Scanner};
pub use select::{BlockRef, SelectSettings, Selection};
pub use tables::rejects;
pub use write::{Layout, OpenRange, ShardSettings, StreamPart, WRITE_VERSION};

#[cfg(test)]
mod tests;
