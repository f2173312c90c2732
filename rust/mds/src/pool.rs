//! Threads that turn raw shards into files.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use octomed_files::{Access, Sync};

use crate::{EncodedShard, MdsError, Schema, ShardEncoder, ShardInfo, shard_basename};

/// What a worker does.
enum Job {
    /// Write a raw shard with its number.
    Write(usize, Vec<u8>),
    /// Make memory for a shard of so many bytes.
    Prepare(usize),
}

/// What a worker has done.
#[derive(Debug)]
pub(crate) struct Done {
    /// Number of the shard that was written, and its files or what kept them from being written; none where
    /// memory was made.
    pub(crate) shard: Option<(usize, Result<ShardInfo, MdsError>)>,
    /// Memory for another shard.
    pub(crate) raw: Vec<u8>,
}

/// Threads, each with a codec of its own, fed through a queue with one place.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: Option<SyncSender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads that write into `directory` and tell `report`.
    pub(crate) fn start(
        schema: &Arc<Schema>,
        directory: &Path,
        threads: usize,
        report: &Sender<Done>,
    ) -> Result<Self, MdsError> {
        let (jobs, queue) = sync_channel(1);
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = Vec::with_capacity(threads);
        for _ in 0..threads {
            let worker = Worker {
                encoder: ShardEncoder::new(schema)?,
                directory: directory.to_owned(),
                queue: Arc::clone(&queue),
                report: report.clone(),
            };
            match Builder::new().spawn(move || worker.run()) {
                Ok(worker) => workers.push(worker),
                // Those that there are write all shards.
                Err(_) if !workers.is_empty() => break,
                Err(error) => return Err(MdsError::io(directory, error)),
            }
        }
        Ok(Self {
            jobs: Some(jobs),
            workers,
        })
    }

    /// Queues a raw shard; waits while the queue is full.
    pub(crate) fn send(&self, shard: usize, raw: Vec<u8>) -> Result<(), MdsError> {
        let jobs = self.jobs.as_ref().ok_or(MdsError::Worker)?;
        jobs.send(Job::Write(shard, raw))
            .map_err(|_| MdsError::Worker)
    }

    /// Lets a worker that is idle make memory for a shard of `bytes`; whether there is one.
    pub(crate) fn prepare(&self, bytes: usize) -> bool {
        let jobs = self.jobs.as_ref();
        jobs.is_some_and(|jobs| jobs.try_send(Job::Prepare(bytes)).is_ok())
    }

    /// Waits until all that was sent is done.
    pub(crate) fn finish(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // A thread that panicked has not told of its shard, and the writer counts them.
            let _ = worker.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Worker {
    encoder: ShardEncoder,
    directory: PathBuf,
    queue: Arc<Mutex<Receiver<Job>>>,
    report: Sender<Done>,
}

impl Worker {
    fn run(mut self) {
        while let Some(job) = self.next() {
            let done = match job {
                Job::Write(shard, raw) => self.write(shard, raw),
                Job::Prepare(bytes) => prepare(bytes),
            };
            if self.report.send(done).is_err() {
                return;
            }
        }
    }

    fn write(&mut self, shard: usize, raw: Vec<u8>) -> Done {
        let basename = shard_basename(shard);
        let put = |encoded: EncodedShard<'_>| {
            // The writer syncs all shards before the index names them.
            encoded.put(&self.directory, Access::Umask, Sync::Later)?;
            Ok(encoded.info)
        };
        let info = self.encoder.encode(&raw, &basename).and_then(put);
        Done {
            shard: Some((shard, info)),
            raw,
        }
    }

    fn next(&self) -> Option<Job> {
        self.queue.lock().ok()?.recv().ok()
    }
}

/// Memory that is touched already: where the system is slow to give it, that is half the work on a raw shard.
fn prepare(bytes: usize) -> Done {
    let mut raw = Vec::new();
    octomed_memory::reserve(&mut raw, bytes);
    raw.resize(bytes, 0);
    raw.clear();
    Done { shard: None, raw }
}
