//! Threads that turn raw shards into files.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::{Finisher, MdsError, Schema, ShardInfo, shard_basename};

/// A raw shard with its number.
type Job = (usize, Vec<u8>);

/// What became of a raw shard.
#[derive(Debug)]
pub(crate) struct Done {
    /// Number of the shard.
    pub(crate) shard: usize,
    /// Its files, or what kept them from being written.
    pub(crate) info: Result<ShardInfo, MdsError>,
    /// Its memory, for another.
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
                finisher: Finisher::new(schema)?,
                directory: directory.to_owned(),
                queue: Arc::clone(&queue),
                report: report.clone(),
            };
            workers.push(std::thread::spawn(move || worker.run()));
        }
        Ok(Self {
            jobs: Some(jobs),
            workers,
        })
    }

    /// Queues a raw shard; waits while the queue is full.
    pub(crate) fn send(&self, shard: usize, raw: Vec<u8>) -> Result<(), MdsError> {
        let jobs = self.jobs.as_ref().ok_or(MdsError::Worker)?;
        jobs.send((shard, raw)).map_err(|_| MdsError::Worker)
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
    finisher: Finisher,
    directory: PathBuf,
    queue: Arc<Mutex<Receiver<Job>>>,
    report: Sender<Done>,
}

impl Worker {
    fn run(mut self) {
        while let Some((shard, raw)) = self.next() {
            let basename = shard_basename(shard);
            let info = self.finisher.finish(&raw, &self.directory, &basename);
            if self.report.send(Done { shard, info, raw }).is_err() {
                return;
            }
        }
    }

    fn next(&self) -> Option<Job> {
        self.queue.lock().ok()?.recv().ok()
    }
}
