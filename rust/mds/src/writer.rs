//! Writes a whole dataset: rows in, shards out, finished by threads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use crate::cell::Value;
use crate::pool::{Done, Pool};
use crate::{Index, MdsError, Schema, ShardBuilder, ShardCutter, ShardInfo};

/// Memory that a shard asks for before it has a row.
const MOST_ROOM: u64 = 1 << 28;

/// Writes rows to a new folder.
///
/// Rows are laid out by the caller's thread; digests, compression and files are the work of others.
/// Memory holds the shard that is open, one that waits, and one a thread. Without [`Writer::finish`]
/// there is no index, so a dataset that was given up is never read as a whole one.
#[derive(Debug)]
pub struct Writer {
    schema: Arc<Schema>,
    directory: PathBuf,
    cutter: ShardCutter,
    builder: ShardBuilder,
    closed: usize,
    shards: BTreeMap<usize, ShardInfo>,
    pool: Pool,
    done: Receiver<Done>,
}

impl Writer {
    /// A writer into `directory`, which is made if missing and must be empty; at least one thread.
    ///
    /// # Errors
    /// [`MdsError::NotEmpty`], [`MdsError::Io`], [`MdsError::Codec`].
    pub fn create(directory: &Path, schema: Schema, threads: usize) -> Result<Self, MdsError> {
        make_empty_directory(directory)?;
        let schema = Arc::new(schema);
        let (report, done) = channel();
        let pool = Pool::start(&schema, directory, threads.max(1), &report)?;
        Ok(Self {
            cutter: ShardCutter::new(&schema),
            builder: open_shard(&schema, 0, Vec::new()),
            closed: 0,
            shards: BTreeMap::new(),
            pool,
            done,
            schema,
            directory: directory.to_owned(),
        })
    }

    /// Columns and settings.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Writes a row, one value a column in the order of [`Schema::names`].
    ///
    /// # Errors
    /// A value that its column does not take, and then the row is not written; or what kept an earlier
    /// shard from being written.
    pub fn push(&mut self, values: &[Value<'_>]) -> Result<(), MdsError> {
        let size = self.schema.values_size(values)?;
        if self.cutter.push(size)? {
            self.close_shard(self.builder.rows())?;
        }
        self.builder.push(values)
    }

    /// Writes the last shard and the index; what each shard became, in order.
    ///
    /// # Errors
    /// What kept a shard or the index from being written.
    pub fn finish(mut self) -> Result<Vec<ShardInfo>, MdsError> {
        if self.builder.rows() > 0 {
            self.close_shard(0)?;
        }
        self.pool.finish();
        while let Ok(done) = self.done.recv() {
            self.take(done)?;
        }
        if self.shards.len() != self.closed {
            return Err(MdsError::Worker);
        }
        let shards: Vec<ShardInfo> = std::mem::take(&mut self.shards).into_values().collect();
        Index::write(&self.directory, &shards)?;
        Ok(shards)
    }

    /// Hands the open shard over and opens one for probably `rows` rows.
    fn close_shard(&mut self, rows: usize) -> Result<(), MdsError> {
        let mut spare = Vec::new();
        while let Ok(done) = self.done.try_recv() {
            spare = self.take(done)?;
        }
        let next = open_shard(&self.schema, rows, spare);
        let raw = std::mem::replace(&mut self.builder, next).finish();
        self.pool.send(self.closed, raw)?;
        self.closed += 1;
        Ok(())
    }

    /// Notes a shard that was written; the memory it had.
    fn take(&mut self, done: Done) -> Result<Vec<u8>, MdsError> {
        self.shards.insert(done.shard, done.info?);
        Ok(done.raw)
    }
}

/// A shard with room for all that its limit lets in: address space, which costs nothing until it is
/// written to, where growing would map every page anew.
fn open_shard(schema: &Arc<Schema>, rows: usize, buffer: Vec<u8>) -> ShardBuilder {
    let mut builder = ShardBuilder::reuse(schema, rows, buffer);
    let room = schema.size_limit().unwrap_or(0).min(MOST_ROOM);
    builder.reserve(usize::try_from(room).unwrap_or(0));
    builder
}

fn make_empty_directory(directory: &Path) -> Result<(), MdsError> {
    let io = |source| MdsError::io(directory, source);
    std::fs::create_dir_all(directory).map_err(io)?;
    match std::fs::read_dir(directory).map_err(io)?.next() {
        None => Ok(()),
        Some(_) => Err(MdsError::NotEmpty {
            path: directory.to_owned(),
        }),
    }
}
