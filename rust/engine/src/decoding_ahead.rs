//! Workers without a block decode images of a block that another one scans.
//!
//! A block is one worker's, because its traces follow one another. Its images need not be: what is found out about one
//! is kept by its hash. So whoever is idle takes rows of the block from its end and examines their images, until it
//! meets the worker that scans it from its beginning. What is found does not depend on who finds it.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, Scope};

use octomed_trace::{Block, Finding, Mapping};

use crate::image_reading::Images;

/// The rows of a block: the scan takes them from the beginning, those who help from the end.
pub struct RowsAhead<'a> {
    block: &'a Block,
    mapping: &'a Mapping,
    images: &'a Images,
    /// Set when the run ends early.
    cancel: &'a AtomicBool,
    /// How many workers the process has.
    workers: usize,
    /// Threads that help, or wait until they may.
    helpers: AtomicUsize,
    /// Rows that the scan has begun.
    scanned: AtomicUsize,
    /// Rows that nobody who helps has taken.
    untaken: AtomicUsize,
    is_over: AtomicBool,
}

impl<'a> RowsAhead<'a> {
    /// The rows of a block of which nothing is scanned.
    pub fn new(
        block: &'a Block,
        mapping: &'a Mapping,
        images: &'a Images,
        cancel: &'a AtomicBool,
        workers: usize,
    ) -> Self {
        Self {
            block,
            mapping,
            images,
            cancel,
            workers,
            helpers: AtomicUsize::new(1),
            scanned: AtomicUsize::new(0),
            untaken: AtomicUsize::new(block.rows_held()),
            is_over: AtomicBool::new(false),
        }
    }

    /// Notes that the scan begins with the next row.
    pub fn begin_row(&self) {
        self.scanned.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends those who help away, now and when the value is dropped.
    pub fn ending(&self) -> Ending<'_> {
        Ending(self)
    }

    /// Helps whenever a worker is idle, until all rows are begun. Others wait for other idle workers meanwhile.
    pub fn help<'scope, 'env>(&'env self, scope: &'scope Scope<'scope, 'env>) {
        let workers = self.images.workers();
        let mut texts = HashSet::new();
        while let Some(_helping) = workers.helping(self.workers, || self.is_over()) {
            while !workers.are_too_many(self.workers) {
                let Some(row) = self.take_row() else {
                    return;
                };
                if self.may_be_one_more() {
                    self.start(scope);
                }
                self.prepare(row, &mut texts);
            }
        }
    }

    /// Starts a thread that helps; where the system gives none, the scan goes on with those that there are.
    pub fn start<'scope, 'env>(&'env self, scope: &'scope Scope<'scope, 'env>) {
        let _ = Builder::new().spawn_scoped(scope, || self.help(scope));
    }

    /// Counts another thread that waits, unless there is one for each worker besides the scan's.
    fn may_be_one_more(&self) -> bool {
        let one_more = |helpers| (helpers + 1 < self.workers).then_some(helpers + 1);
        self.helpers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    /// The last row that nobody has begun.
    fn take_row(&self) -> Option<usize> {
        if self.is_over() {
            return None;
        }
        let before = |untaken: usize| {
            // The scan is about to begin with the row behind those that it has begun.
            let rest = untaken.checked_sub(1)?;
            (rest > self.scanned.load(Ordering::Relaxed)).then_some(rest)
        };
        let taken = self
            .untaken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, before);
        taken.ok().map(|untaken| untaken - 1)
    }

    fn prepare(&self, row: usize, texts: &mut HashSet<u64>) {
        let prepare = |finding: Finding<'_>| {
            if let Finding::Row(row) = finding {
                self.images.prepare(&row, texts);
            }
            Ok::<(), ()>(())
        };
        let read = || self.block.for_each_in(row..row + 1, self.mapping, prepare);
        // The scan meets what fails here itself, and tells.
        let _ = catch_unwind(AssertUnwindSafe(read));
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || self.cancel.load(Ordering::Relaxed)
    }
}

/// Nobody needs to help any more when the value is dropped.
pub struct Ending<'a>(&'a RowsAhead<'a>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
        self.0.images.workers().tell();
    }
}

/// Has idle workers help, once the scan of a block meets an image.
#[derive(Clone, Copy)]
pub struct Help<'a> {
    /// The rows.
    pub rows: &'a RowsAhead<'a>,
    /// Starts the first who waits for an idle worker.
    pub start: &'a dyn Fn(),
}
