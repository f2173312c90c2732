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
/// Shards whose memory is made while the first one fills, that one included.
const PREPARED: usize = 3;

/// Writes rows to a new folder.
///
/// Rows are laid out by the caller's thread; digests, compression and files are the work of others.
/// Memory holds the shard that is open and one a thread, of two threads at most if nothing is compressed, for two
/// keep up with the caller's then: to wait for memory that was used before is quicker than to touch new memory.
/// Without [`Writer::finish`] there is no index, so a dataset that was given up is never read as a whole one.
#[derive(Debug)]
pub struct Writer {
    schema: Arc<Schema>,
    directory: PathBuf,
    cutter: ShardCutter,
    builder: ShardBuilder,
    closed: usize,
    /// Shards that may be in memory, the open one included, and for how many there is memory already.
    most: usize,
    made: usize,
    /// Memory for the next shards.
    spare: Vec<Vec<u8>>,
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
        let threads = threads.max(1);
        let pool = Pool::start(&schema, directory, threads, &report)?;
        let most = match schema.compression() {
            Some(_) => threads + 1,
            None => threads.min(2) + 1,
        };
        Ok(Self {
            cutter: ShardCutter::new(&schema),
            builder: open_shard(&schema, 0, Vec::new()),
            closed: 0,
            most,
            made: 1,
            spare: Vec::new(),
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
            let next = self.next_shard(self.builder.rows())?;
            let full = std::mem::replace(&mut self.builder, next);
            self.send(full)?;
        }
        self.builder.push(values)?;
        self.look_ahead();
        Ok(())
    }

    /// Writes the last shard and the index; what each shard became, in order.
    ///
    /// # Errors
    /// What kept a shard or the index from being written.
    pub fn finish(mut self) -> Result<Vec<ShardInfo>, MdsError> {
        if self.builder.rows() > 0 {
            let last = std::mem::replace(&mut self.builder, ShardBuilder::new(&self.schema, 0));
            self.send(last)?;
        }
        self.pool.finish();
        while let Ok(done) = self.done.recv() {
            self.take(done)?;
        }
        if self.shards.len() != self.closed {
            return Err(MdsError::Worker);
        }
        let shards: Vec<ShardInfo> = std::mem::take(&mut self.shards).into_values().collect();
        // The index makes them count: they are on the disk before it is.
        for shard in &shards {
            let path = self.directory.join(&shard.file().basename);
            octomed_files::sync_file(&path).map_err(|source| MdsError::io(&path, source))?;
        }
        Index::write(&self.directory, &shards)?;
        Ok(shards)
    }

    /// Opens a shard for probably `rows` rows.
    fn next_shard(&mut self, rows: usize) -> Result<ShardBuilder, MdsError> {
        while let Ok(done) = self.done.try_recv() {
            self.take(done)?;
        }
        while self.spare.is_empty() && self.made >= self.most {
            let done = self.done.recv().map_err(|_| MdsError::Worker)?;
            self.take(done)?;
        }
        let memory = self.spare.pop().unwrap_or_else(|| {
            self.made += 1;
            Vec::new()
        });
        Ok(open_shard(&self.schema, rows, memory))
    }

    /// Hands a shard over.
    fn send(&mut self, shard: ShardBuilder) -> Result<(), MdsError> {
        self.pool.send(self.closed, shard.finish())?;
        self.closed += 1;
        Ok(())
    }

    /// Has memory made for the next shards while the first one fills, once it is clear that there will be some.
    fn look_ahead(&mut self) {
        let bytes = room(&self.schema);
        if self.made < self.most.min(PREPARED) && self.builder.bytes() > bytes / 4 {
            self.made += usize::from(self.pool.prepare(bytes));
        }
    }

    /// Keeps memory for another shard, and notes what was written.
    fn take(&mut self, done: Done) -> Result<(), MdsError> {
        self.spare.push(done.raw);
        if let Some((shard, info)) = done.shard {
            self.shards.insert(shard, info?);
        }
        Ok(())
    }
}

/// A shard with room for all that its limit lets in: address space, which costs nothing until it is
/// written to, where growing would map every page again.
fn open_shard(schema: &Arc<Schema>, rows: usize, buffer: Vec<u8>) -> ShardBuilder {
    let mut builder = ShardBuilder::reuse(schema, rows, buffer);
    builder.reserve(room(schema).saturating_sub(builder.bytes()));
    builder
}

/// Bytes that a shard asks for before it has a row.
fn room(schema: &Schema) -> usize {
    schema.size_limit().unwrap_or(0).min(MOST_ROOM) as usize
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
