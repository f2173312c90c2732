//! Rows to MosaicML MDS shards, and back: write, read, verify.
//!
//! Raw shards are byte-identical to those of `MDSWriter` of mosaicml-streaming 0.13 for the same rows,
//! so stock `StreamingDataset` reads them. A shard, little endian:
//!
//! ```text
//! shard  := u32 rows | u32 offset[rows + 1] (from the start of the file) | config (JSON) | row*
//! row    := u32 size[] of the columns of variable size | column bytes, columns by name
//! ```
//!
//! One difference is meant: a first row larger than the size limit gets a shard of its own, where
//! `MDSWriter` writes a shard without rows before it.

mod builder;
mod cell;
mod codec;
mod cut;
mod digest;
mod encoding;
mod error;
mod file_digest;
mod index;
mod json;
mod layout;
mod ndarray;
mod pool;
mod reader;
mod schema;
mod shard_encoder;
mod shard_file;
mod verify;
mod writer;

pub use builder::{Row, ShardBuilder};
pub use cell::{Cell, Value};
pub use codec::{Codec, Compression};
pub use cut::{ShardCutter, cut};
pub use digest::{Digest, UnknownDigest};
pub use encoding::{Encoding, Kind};
pub use error::MdsError;
pub use file_digest::{FileDigest, file_digest, xxh3_hex};
pub use index::{FileInfo, INDEX_NAME, Index, ShardInfo, index_json};
pub use ndarray::{ArrayEncoding, ArrayView, Dtype};
pub use reader::{Reader, RowBytes, Shard};
pub use schema::{Schema, SchemaBuilder};
pub use shard_encoder::{EncodedShard, ShardEncoder, shard_basename};
pub use verify::{Defect, verify};
pub use writer::Writer;
