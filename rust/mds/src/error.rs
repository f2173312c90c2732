//! What is wrong with columns, rows, shards or the storage under them.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why shards cannot be written or read.
#[derive(Debug, Error)]
pub enum MdsError {
    /// The encoding of a column is not one of MDS.
    #[error("column `{column}` has encoding `{encoding}`, which MDS does not have")]
    Encoding {
        /// Name of the column.
        column: String,
        /// The encoding asked for.
        encoding: String,
    },
    /// A row needs something in it.
    #[error("a dataset needs at least one column")]
    NoColumns,
    /// A column is named twice.
    #[error("column `{column}` is named twice")]
    TwoColumns {
        /// Name of the column.
        column: String,
    },
    /// The compression is not one that readers know.
    #[error(
        "unknown compression `{name}`: choose one of br[:0-11], bz2[:1-9], gz[:0-9], snappy, zstd[:1-22]"
    )]
    Compression {
        /// The compression asked for.
        name: String,
    },
    /// The digest is not one that readers know.
    #[error(transparent)]
    Digest(#[from] crate::digest::UnknownDigest),
    /// `MDSWriter` requires digests sorted and unique, as the index lists them.
    #[error("hashes must be sorted and unique: `{name}` does not follow `{previous}`")]
    DigestOrder {
        /// The digest out of place.
        name: String,
        /// The one before it.
        previous: String,
    },
    /// Offsets are 32 bits wide.
    #[error("the size limit is {limit} bytes, and must lie between 1 and 4294967295")]
    SizeLimit {
        /// The limit asked for.
        limit: u64,
    },
    /// A row has more or fewer values than there are columns.
    #[error("a row has {values} values for {columns} columns")]
    Columns {
        /// Values in the row.
        values: usize,
        /// Columns of the dataset.
        columns: usize,
    },
    /// A value of a column of fixed size has another size.
    #[error("column `{column}` takes {expected} bytes, and the value has {actual}")]
    ValueSize {
        /// Name of the column.
        column: String,
        /// Bytes that the encoding takes, or that were announced.
        expected: u64,
        /// Bytes of the value.
        actual: u64,
    },
    /// An array is not what its column stores.
    #[error("column `{column}` cannot store the array: {what}")]
    Array {
        /// Name of the column.
        column: String,
        /// Expected and found data type or shape.
        what: String,
    },
    /// A row or a shard would need offsets of more than 32 bits.
    #[error(
        "{what} has {bytes} bytes; offsets in a shard are 32 bits wide, so 4294967295 is the most"
    )]
    TooLarge {
        /// The row or the shard.
        what: &'static str,
        /// Its size.
        bytes: u64,
    },
    /// A row of a number that the dataset does not have.
    #[error("row {row} of {rows}")]
    NoRow {
        /// The row asked for.
        row: usize,
        /// Rows that there are.
        rows: usize,
    },
    /// The folder for a new dataset has files in it.
    #[error("`{}` is not empty", .path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The index is not one of MDS.
    #[error("`{}` is not an index of MDS shards: {what}", .path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        what: String,
    },
    /// A shard is not what its index says.
    #[error("`{}` is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// A codec failed.
    #[error("{codec}: {source}")]
    Codec {
        /// Name of the compression.
        codec: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// A thread that writes shards has ended.
    #[error("a thread that writes shards ended early")]
    Worker,
}

impl MdsError {
    /// An error of the system on `path`.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
