//! SELECT: every global decision, taken on the indexes alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use octomed_curate::{
    Duplicate, Fingerprint, Place, Renamed, Verdict, exact_duplicates, rename_collisions,
};
use octomed_pack::Buckets;
use octomed_trace::Reason;

use crate::error::EngineError;
use crate::index::{Header, read_index};
use crate::ranges::KeySpace;

/// A block that stands, and where its rows come from.
#[derive(Clone, Debug)]
pub struct BlockRef {
    /// Path without extension: `<path>.ids` and `<path>.index` exist.
    pub path: PathBuf,
    /// Row number in the file of the task's first row.
    pub first_row: u64,
}

/// What the recipe says of selection and layout.
#[derive(Clone, Debug)]
pub struct SelectSettings {
    /// Tokens a pack holds.
    pub capacity: u32,
    /// Inner upper edges of the buckets.
    pub edges: Vec<u32>,
    /// Whether exact duplicates go.
    pub exact_duplicates: bool,
    /// Whether an over-long trace is an error instead of a reject.
    pub over_long_is_error: bool,
    /// Seed of the order of ranges, and of traces inside one.
    pub seed: u64,
    /// Threads that read indexes and lay out ranges.
    pub threads: usize,
}

/// A block's columns that the later passes need: 45 bytes a trace.
pub struct Loaded {
    /// Path without extension.
    pub path: PathBuf,
    /// What the block says of itself.
    pub header: Header,
    /// Row number in the file of the task's first row.
    pub first_row: u64,
    /// Rows that gave no trace, by the name of the reason.
    pub refused: BTreeMap<String, u64>,
    pub(crate) shuffle_key: Vec<u64>,
    pub(crate) trace_id: Vec<u64>,
    pub(crate) ordinal: Vec<u32>,
    pub(crate) sample: Vec<u32>,
    pub(crate) tokens: Vec<u32>,
    pub(crate) spans: Vec<u32>,
    pub(crate) stored: Vec<u32>,
    pub(crate) checksum: Vec<u32>,
    pub(crate) verdict: Vec<u8>,
    pub(crate) supervised: Vec<u32>,
    fingerprints: Vec<[u64; 2]>,
}

impl Loaded {
    pub(crate) fn is_kept(&self, row: usize) -> bool {
        self.verdict[row] == Verdict::Kept as u8
    }

    /// Source, file, row and sample of a trace, for messages.
    pub(crate) fn place(&self, row: usize) -> String {
        let number = self.first_row + u64::from(self.ordinal[row]);
        let Header { source, file, .. } = &self.header;
        format!("{source}/{file} row {number} sample {}", self.sample[row])
    }
}

/// The selection: which traces of which blocks stay, and how keys are cut into ranges.
pub struct Selection {
    /// The settings it was made with.
    pub settings: SelectSettings,
    /// Buckets of the layout.
    pub buckets: Buckets,
    /// Blocks in source order.
    pub blocks: Vec<Loaded>,
    /// Traces that repeat an earlier one, by place.
    pub duplicates: Vec<Duplicate>,
    /// Traces whose id collided with an earlier one's.
    pub renamed: Vec<Renamed>,
    /// Ranges of shuffle keys.
    pub key_space: KeySpace,
}

impl Selection {
    /// Reads the indexes and decides.
    ///
    /// # Errors
    /// When a block is missing or damaged, a trace is over-long and the recipe calls that an error, or
    /// `cancel` is set.
    pub fn new(
        blocks: &[BlockRef],
        settings: SelectSettings,
        cancel: &AtomicBool,
    ) -> Result<Self, EngineError> {
        let buckets = Buckets::new(&settings.edges, settings.capacity)
            .map_err(|error| EngineError::Settings(error.to_string()))?;
        let blocks = in_parallel(settings.threads, blocks.len(), cancel, |number| {
            load(&blocks[number], settings.exact_duplicates)
        })?;
        let mut selection = Self {
            settings,
            buckets,
            blocks,
            duplicates: Vec::new(),
            renamed: Vec::new(),
            key_space: KeySpace::default(),
        };
        selection.drop_over_long()?;
        selection.drop_duplicates()?;
        selection.rename()?;
        selection.key_space = KeySpace::cut(&selection.blocks);
        Ok(selection)
    }

    fn drop_over_long(&mut self) -> Result<(), EngineError> {
        let capacity = self.settings.capacity;
        for block in &mut self.blocks {
            for row in 0..block.tokens.len() {
                if !block.is_kept(row) || block.tokens[row] <= capacity {
                    continue;
                }
                if self.settings.over_long_is_error {
                    let (place, tokens) = (block.place(row), block.tokens[row]);
                    return Err(EngineError::OverLong {
                        place,
                        tokens,
                        capacity,
                    });
                }
                block.verdict[row] = Verdict::OverLong as u8;
            }
        }
        Ok(())
    }

    fn drop_duplicates(&mut self) -> Result<(), EngineError> {
        if !self.settings.exact_duplicates {
            return Ok(());
        }
        let kept = |block: &Loaded| {
            (0..block.tokens.len())
                .filter(|&row| block.is_kept(row))
                .count()
        };
        let mut fingerprints = Vec::with_capacity(self.blocks.iter().map(kept).sum());
        for (number, block) in (0..).zip(&mut self.blocks) {
            let hashes = std::mem::take(&mut block.fingerprints);
            let rows = (0..)
                .zip(hashes)
                .filter(|(row, _)| block.is_kept(*row as usize));
            fingerprints.extend(rows.map(|(row, hash)| Fingerprint {
                hash,
                place: Place { block: number, row },
            }));
        }
        let duplicates = exact_duplicates(fingerprints, |place| self.source_order(place));
        for duplicate in &duplicates {
            let block = &mut self.blocks[duplicate.place.block as usize];
            block.verdict[duplicate.place.row as usize] = Verdict::Duplicate as u8;
        }
        self.duplicates = duplicates;
        Ok(())
    }

    fn rename(&mut self) -> Result<(), EngineError> {
        let ids = self
            .blocks
            .iter()
            .flat_map(|block| block.trace_id.iter().copied())
            .collect();
        let find = |wanted: &[u64]| {
            let mut places = Vec::new();
            for (block, loaded) in (0..).zip(&self.blocks) {
                let rows = (0..).zip(&loaded.trace_id);
                let found = rows.filter(|(_, id)| wanted.binary_search(id).is_ok());
                places.extend(found.map(|(row, id)| (*id, Place { block, row })));
            }
            places
        };
        let renamed = rename_collisions(ids, find, |place| self.source_order(place));
        for one in &renamed {
            let block = &mut self.blocks[one.place.block as usize];
            block.trace_id[one.place.row as usize] = one.trace_id;
        }
        self.renamed = renamed;
        Ok(())
    }

    /// Rank in source order: blocks are in source order, rows inside a block by row number.
    fn source_order(&self, place: Place) -> (u32, u32, u32) {
        let block = &self.blocks[place.block as usize];
        (
            place.block,
            block.ordinal[place.row as usize],
            block.sample[place.row as usize],
        )
    }

    /// Traces of each verdict, in the order of [`Verdict::ALL`].
    #[must_use]
    pub fn counts(&self) -> [u64; Verdict::ALL.len()] {
        let mut counts = [0; Verdict::ALL.len()];
        for code in self.blocks.iter().flat_map(|block| &block.verdict) {
            let known = Verdict::ALL
                .iter()
                .position(|verdict| *verdict as u8 == *code);
            if let Some(index) = known {
                counts[index] += 1;
            }
        }
        counts
    }

    /// Lengths of the kept traces, in index order.
    #[must_use]
    pub fn kept_lengths(&self) -> Vec<u32> {
        let mut lengths = Vec::new();
        for block in &self.blocks {
            let rows = (0..block.tokens.len()).filter(|&row| block.is_kept(row));
            lengths.extend(rows.map(|row| block.tokens[row]));
        }
        lengths
    }

    /// Tokens, and supervised tokens, of the kept traces.
    #[must_use]
    pub fn kept_tokens(&self) -> (u64, u64) {
        let (mut tokens, mut supervised) = (0, 0);
        for block in &self.blocks {
            for row in (0..block.tokens.len()).filter(|&row| block.is_kept(row)) {
                tokens += u64::from(block.tokens[row]);
                supervised += u64::from(block.supervised[row]);
            }
        }
        (tokens, supervised)
    }
}

fn load(block: &BlockRef, with_fingerprints: bool) -> Result<Loaded, EngineError> {
    let index = block.path.with_extension("index");
    let (header, traces, refusals) = read_index(&index)?;
    check_ids_file(&block.path.with_extension("ids"), &traces.stored)?;
    if !traces.shuffle_key.is_sorted() {
        return Err(EngineError::damaged(&index, "traces are out of order"));
    }
    let fingerprints = if with_fingerprints {
        traces
            .hash_high
            .iter()
            .zip(&traces.hash_low)
            .map(|(high, low)| [*high, *low])
            .collect()
    } else {
        Vec::new()
    };
    let mut counts = [0_u64; Reason::ALL.len()];
    for code in &refusals.reason {
        if let Some(count) = counts.get_mut(usize::from(*code)) {
            *count += 1;
        }
    }
    let named = |(reason, count): (Reason, u64)| (reason.as_str().to_owned(), count);
    let counted = Reason::ALL.into_iter().zip(counts);
    let refused = counted.filter(|(_, count)| *count > 0).map(named).collect();
    Ok(Loaded {
        path: block.path.clone(),
        header,
        first_row: block.first_row,
        refused,
        shuffle_key: traces.shuffle_key,
        trace_id: traces.trace_id,
        ordinal: traces.ordinal,
        sample: traces.sample,
        tokens: traces.tokens,
        spans: traces.spans,
        stored: traces.stored,
        checksum: traces.checksum,
        verdict: traces.verdict,
        supervised: traces.supervised,
        fingerprints,
    })
}

/// A power cut can leave a renamed index beside ids that never reached the disk.
fn check_ids_file(path: &Path, stored: &[u32]) -> Result<(), EngineError> {
    let bytes = std::fs::metadata(path)
        .map_err(EngineError::file("read", path))?
        .len();
    let expected: u64 = stored.iter().map(|&bytes| u64::from(bytes)).sum();
    if bytes == expected {
        return Ok(());
    }
    Err(EngineError::damaged(
        path,
        format!("{bytes} bytes, the index counts {expected}"),
    ))
}

/// Runs `work` for `0..count` on some threads and returns the results in order.
pub(crate) fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    cancel: &AtomicBool,
    work: impl Fn(usize) -> Result<T, EngineError> + Sync,
) -> Result<Vec<T>, EngineError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Vec<Mutex<Option<Result<T, EngineError>>>> =
        (0..count).map(|_| Mutex::new(None)).collect();
    let run = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count || failed.load(Ordering::Relaxed) {
            return;
        }
        let result = if cancel.load(Ordering::Relaxed) {
            Err(EngineError::Cancelled)
        } else {
            work(number)
        };
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        if let Ok(mut slot) = results[number].lock() {
            *slot = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, count.max(1)) {
            scope.spawn(run);
        }
        run();
    });
    let mut values = Vec::with_capacity(count);
    for slot in results {
        // A slot is empty only behind a failure; the first failure in order is the one reported.
        match slot.into_inner().ok().flatten() {
            Some(result) => values.push(result?),
            None => continue,
        }
    }
    if values.len() == count {
        Ok(values)
    } else {
        Err(EngineError::Cancelled)
    }
}
