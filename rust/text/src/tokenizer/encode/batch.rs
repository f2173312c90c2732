//! Many texts at once over all cores, into one buffer.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::encoder::Encoder;
use super::output_buffer::{BufferPool, OutputBuffer};
use super::sync::locked;
use crate::TextError;
use crate::tokenizer::Tokenizer;

/// Bytes of text that a worker takes at a time; its ids stay in the caches of its core.
const TASK: usize = 256 << 10;

/// The ids of many texts, one after the other.
#[derive(Debug, Default)]
pub struct Batch {
    /// All ids.
    pub ids: Vec<u32>,
    /// The ids of text `n` are `ids[offsets[n]..offsets[n + 1]]`.
    pub offsets: Vec<i64>,
}

/// Encoders that are kept between batches with the words that they know.
#[derive(Debug)]
pub struct Encoders {
    tokenizer: Arc<Tokenizer>,
    /// Each with the number of its worker, which gets it again.
    resting: Mutex<Vec<(usize, Encoder)>>,
    pool: BufferPool,
}

/// What a worker made of a task: ids, and how many each row has.
#[derive(Debug, Default)]
struct Piece {
    bytes: usize,
    ids: Vec<u32>,
    lengths: Vec<u32>,
}

/// Pieces in the order of their rows; those that came early wait.
#[derive(Debug, Default)]
struct Order {
    next: usize,
    /// Where the ids of the next piece begin.
    end: usize,
    offsets: Vec<i64>,
    /// Bytes of text in all, and in the pieces whose offsets are known.
    bytes: usize,
    ordered_bytes: usize,
    early: BTreeMap<usize, Piece>,
    /// Pieces that are copied.
    done: Vec<Piece>,
}

impl Encoders {
    /// No encoders yet; they are made as batches need them.
    #[must_use]
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self {
            tokenizer,
            resting: Mutex::default(),
            pool: BufferPool::default(),
        }
    }

    /// The pool of the buffers of batches whose ids are no longer needed.
    #[must_use]
    pub fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// The tokenizer that the encoders share.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Encodes `rows`, which must be UTF-8, with up to `threads` threads.
    ///
    /// # Errors
    /// [`TextError::Row`] names the first row that cannot be encoded.
    pub fn encode_batch(&self, rows: &[&[u8]], threads: usize) -> Result<Batch, TextError> {
        let tasks = tasks(rows);
        let threads = threads.clamp(1, tasks.len().max(1));
        let queue = Mutex::new(Queue::new(tasks.len(), threads));
        let bytes = rows.iter().map(|row| row.len()).sum();
        let order = Mutex::new(Order {
            bytes,
            ..Order::default()
        });
        let buffer = OutputBuffer::new(self.pool.take(bytes));
        let failure = Mutex::new(None);
        let work = |worker: usize| {
            let mut encoder = self.take(worker);
            // Bound, so that the lock is open again before the work begins.
            while let Some(number) = { locked(&queue).take(worker) } {
                let piece = { locked(&order).done.pop() }.unwrap_or_default();
                match encode_rows(&mut encoder, rows, tasks[number].clone(), piece) {
                    Ok(piece) => put(&order, &buffer, number, piece),
                    Err((row, error)) => {
                        locked(&queue).end();
                        keep_first(&mut locked(&failure), row, error);
                    }
                }
            }
            locked(&self.resting).push((worker, encoder));
        };
        std::thread::scope(|scope| {
            let work = &work;
            for worker in 1..threads {
                // Without it the others take its tasks: the slowest's are taken first.
                let _ = std::thread::Builder::new().spawn_scoped(scope, move || work(worker));
            }
            work(0);
        });
        let failed = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((row, reason)) = failed {
            return Err(TextError::Row { row, reason });
        }
        let order = order.into_inner().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: there was no failure, so every piece was copied to its offset; the offsets follow one another without a
        // gap from 0 to `order.end`.
        let ids = unsafe { buffer.finish(order.end) };
        Ok(Batch {
            ids,
            offsets: order.ended(),
        })
    }

    /// The encoder that this worker had last time, or one without memories.
    fn take(&self, worker: usize) -> Encoder {
        let mut resting = locked(&self.resting);
        match resting.iter().position(|(owner, _)| *owner == worker) {
            Some(at) => resting.swap_remove(at).1,
            None => Encoder::new(self.tokenizer.clone()),
        }
    }
}

/// Which task a worker takes next: of `n` workers each has every `n`th task, so that texts that come again, in
/// another epoch say, mostly meet the encoder that knows their rare words.
#[derive(Debug)]
struct Queue {
    tasks: usize,
    /// How many of each worker's tasks are taken.
    taken: Vec<usize>,
}

impl Queue {
    /// How many tasks a worker may be ahead of the slowest before it takes that one's.
    const AHEAD: usize = 8;

    fn new(tasks: usize, workers: usize) -> Self {
        Self {
            tasks,
            taken: vec![0; workers],
        }
    }

    fn take(&mut self, worker: usize) -> Option<usize> {
        let workers = self.taken.len();
        let next = |owner: usize| owner + self.taken[owner] * workers;
        let slowest = (0..workers).min_by_key(|owner| next(*owner))?;
        let far = self.taken[worker] > self.taken[slowest] + Self::AHEAD;
        let owner = if far || next(worker) >= self.tasks {
            slowest
        } else {
            worker
        };
        let number = next(owner);
        self.taken[owner] += 1;
        (number < self.tasks).then_some(number)
    }

    /// Empties the queue.
    fn end(&mut self) {
        self.tasks = 0;
    }
}

/// Keeps the error of the earliest row.
fn keep_first(kept: &mut Option<(usize, String)>, row: usize, reason: String) {
    if kept.as_ref().is_none_or(|(earlier, _)| row < *earlier) {
        *kept = Some((row, reason));
    }
}

fn encode_rows(
    encoder: &mut Encoder,
    rows: &[&[u8]],
    task: Range<usize>,
    mut piece: Piece,
) -> Result<Piece, (usize, String)> {
    piece.bytes = rows[task.clone()].iter().map(|row| row.len()).sum();
    piece.ids.clear();
    piece.lengths.clear();
    for row in task {
        let text = simdutf8::compat::from_utf8(rows[row])
            .map_err(|error| (row, format!("is not UTF-8: {error}")))?;
        let before = piece.ids.len();
        encoder
            .encode_text(text, &mut piece.ids)
            .map_err(|error| (row, error.to_string()))?;
        #[allow(clippy::cast_possible_truncation, reason = "checked by `encode_text`")]
        piece.lengths.push((piece.ids.len() - before) as u32);
    }
    Ok(piece)
}

/// Finds the offset of a piece, and of those that waited for it, and copies them there. The copy waits for memory that is
/// touched for the first time, so it holds no lock that others need.
fn put(order: &Mutex<Order>, buffer: &OutputBuffer, number: usize, piece: Piece) {
    let (ready, expected) = { locked(order).ready(number, piece) };
    for (at, piece) in ready {
        // SAFETY: each piece gets its offset once, after the last id of the piece before it, so no two ranges overlap.
        unsafe { buffer.put(at, &piece.ids, expected) };
        locked(order).done.push(piece);
    }
}

impl Order {
    /// The pieces whose offsets are known now that this one has come, each with its offset; and how many ids are expected
    /// in all.
    fn ready(&mut self, number: usize, piece: Piece) -> (Vec<(usize, Piece)>, usize) {
        let mut ready = Vec::new();
        self.early.insert(number, piece);
        while let Some(piece) = self.early.remove(&self.next) {
            self.next += 1;
            self.ordered_bytes += piece.bytes;
            let at = self.end;
            for length in &piece.lengths {
                self.offsets.push(position(self.end));
                self.end += *length as usize;
            }
            ready.push((at, piece));
        }
        (ready, self.expected())
    }

    /// Three per cent more ids than the texts so far need for their bytes.
    fn expected(&self) -> usize {
        let left = (self.bytes - self.ordered_bytes) as u128 * self.end as u128;
        let left = left / self.ordered_bytes.max(1) as u128 * 33 / 32;
        // At most four times the bytes of texts that are in memory.
        let left = left.min(4 * self.bytes as u128) as usize;
        self.end + left
    }

    /// Where the texts begin, and where the last one ends.
    fn ended(mut self) -> Vec<i64> {
        self.offsets.push(position(self.end));
        self.offsets
    }
}

#[expect(
    clippy::cast_possible_wrap,
    reason = "a position in ids that are in memory"
)]
fn position(at: usize) -> i64 {
    at as i64
}

/// Consecutive rows of about [`TASK`] bytes.
fn tasks(rows: &[&[u8]]) -> Vec<Range<usize>> {
    let mut tasks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (row, text) in rows.iter().enumerate() {
        bytes += text.len() + 1;
        if bytes >= TASK || row + 1 == rows.len() {
            tasks.push(start..row + 1);
            (start, bytes) = (row + 1, 0);
        }
    }
    tasks
}
