//! Bindings of `octomed-engine`: selection, layout, and the writing of ranges.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use octomed_curate::{Against, shared_images};
use octomed_engine::{
    EngineError, OpenRange, Selection, Settings, contaminated, contamination_counts, identifying,
    image_cost, near_duplicates, near_pictures, rejects,
};
use octomed_index::{BlockRef, Header, Verdict};
use octomed_pack::Packing;
use pyo3::prelude::*;
use serde_json::json;

use crate::engine::{Cancel, Scanner};
use crate::error::{Error, Kind, Result, say};
use crate::evaluation::EvaluationSets;
use crate::layout_images::{ImageCost, SharedImage};
use crate::leave::leave;
use crate::records::{Counts, Record, ShardInfo, SourceCounts, StreamEntry};
use crate::trace::as_json;

/// Which traces stay, which share a pack, and which packs a shard.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Layout {
    layout: Arc<octomed_engine::Layout>,
    lower_bound: u64,
    /// Evaluation sets, and what was found of them.
    decontamination: Option<(Arc<Against>, usize)>,
}

#[pymethods]
impl Layout {
    /// Selects and lays out `blocks`: paths without extension in source order, each with the row number
    /// in its file of its task's first row. `settings` has the recipe's sections `curate`, `pack` and `output`, the
    /// path left out, as a dict or as its JSON. With `curate.duplicates.near` it wants a
    /// scanner that the blocks may be of, whose tokenizer reads their texts; `evaluation` are the sets that
    /// `curate.decontaminate` names.
    #[new]
    #[pyo3(signature = (blocks, settings: "dict[str, typing.Any] | str", *, threads, cancel, scanner=None, evaluation=None))]
    fn new(
        py: Python<'_>,
        blocks: Vec<(PathBuf, u64)>,
        settings: &Bound<'_, PyAny>,
        threads: usize,
        cancel: &Cancel,
        scanner: Option<&Scanner>,
        evaluation: Option<&EvaluationSets>,
    ) -> Result<Self> {
        let mut settings = Settings::from_json(&as_json(settings)?)?;
        let decontaminate = settings.curate.decontaminate.as_mut();
        let decontamination = decontaminate.zip(evaluation).map(|(settings, sets)| {
            let against = sets.against(threads, cancel.shared());
            settings.against = Some(Arc::clone(&against));
            (against, settings.ngram)
        });
        let blocks: Vec<_> = blocks
            .into_iter()
            .map(|(path, first_row)| BlockRef { path, first_row })
            .collect();
        let made = leave(py, || {
            let Settings {
                curate,
                pack,
                output,
            } = settings;
            let capacity = pack.capacity;
            let tokenizer = scanner.map(|scanner| scanner.scanner.tokenizer());
            let selection = Selection::with_tokenizer(
                &blocks,
                &curate,
                pack,
                tokenizer,
                threads,
                cancel.flag(),
            )?;
            let lengths = selection.written_lengths();
            let bound = |lengths: &Vec<u32>| Packing::lower_bound(lengths, capacity);
            let lower_bound = lengths.iter().map(bound).sum();
            let layout = octomed_engine::Layout::new(selection, &output, threads, cancel.flag())?;
            Ok::<_, EngineError>(Self {
                layout: Arc::new(layout),
                lower_bound,
                decontamination,
            })
        })?;
        Ok(made)
    }

    /// Ranges, in the order in which they are written.
    #[getter]
    fn ranges(&self) -> usize {
        self.layout.order.len()
    }

    /// Names of the streams that hold packs.
    #[getter]
    fn streams(&self) -> Vec<String> {
        let names = self.layout.streams().into_iter().enumerate();
        names
            .filter(|(stream, _)| self.layout.total(*stream).1 > 0)
            .map(|(_, name)| name)
            .collect()
    }

    /// Packs in all streams.
    #[getter]
    fn packs(&self) -> u64 {
        (0..self.layout.streams().len())
            .map(|stream| self.layout.total(stream).1)
            .sum()
    }

    /// What shard names end with after `.mds`.
    #[getter]
    fn extension(&self) -> String {
        self.layout.extension()
    }

    /// The source of each block.
    #[getter]
    fn block_sources(&self) -> Vec<String> {
        self.layout
            .selection
            .index
            .blocks
            .iter()
            .map(|block| block.header.source.clone())
            .collect()
    }

    /// Stream and number of every shard of range `number`, the largest first: written in this order they leave no
    /// worker with a large one at the end.
    #[pyo3(signature = (number))]
    fn shards(&self, number: usize) -> Vec<(String, u32)> {
        let mut shards = Vec::new();
        let parts = &self.layout.parts[number];
        for (name, part) in self.layout.streams().into_iter().zip(parts) {
            let sizes = (part.first_shard..).zip(&part.shard_bytes);
            shards.extend(sizes.map(|(shard, &bytes)| (Reverse(bytes), name.clone(), shard)));
        }
        shards.sort();
        let named = |(_, name, shard)| (name, shard);
        shards.into_iter().map(named).collect()
    }

    /// Raw bytes of some ranges' rows.
    #[pyo3(signature = (numbers))]
    fn bytes_of(&self, numbers: Vec<usize>) -> u64 {
        let bytes = |number: &usize| {
            self.layout.parts[*number]
                .iter()
                .map(|part| part.bytes)
                .sum::<u64>()
        };
        numbers.iter().map(bytes).sum()
    }

    /// Opens range `number`, and has it read ahead.
    #[pyo3(signature = (number, cancel))]
    fn open_range(&self, py: Python<'_>, number: usize, cancel: &Cancel) -> PyResult<Range> {
        let layout = &self.layout;
        let range = leave(py, || OpenRange::open(layout, number, cancel.flag()))?;
        Ok(Range {
            range,
            streams: self.layout.streams(),
        })
    }

    /// What block `number` left out: source, file, row, sample, reason, detail.
    #[pyo3(signature = (number))]
    fn rejects(&self, py: Python<'_>, number: usize) -> PyResult<PyArrowType<RecordBatch>> {
        leave(py, || rejects(&self.layout.selection, number)).map(PyArrowType)
    }

    /// Data of block `number` that tell who somebody is: source, file, row, sample, field, kind, where the trace's first
    /// begins, and whether the trace is packed. Never the data.
    #[pyo3(signature = (number))]
    fn identifying(&self, py: Python<'_>, number: usize) -> PyResult<PyArrowType<RecordBatch>> {
        leave(py, || identifying(&self.layout.selection, number)).map(PyArrowType)
    }

    /// The questions that leave because an evaluation set has them, with the words that both share where texts are shown;
    /// none without evaluation sets.
    #[pyo3(signature = (*, texts))]
    fn contaminated(
        &self,
        py: Python<'_>,
        texts: bool,
    ) -> PyResult<Option<PyArrowType<RecordBatch>>> {
        let Some((against, _)) = &self.decontamination else {
            return Ok(None);
        };
        let table = leave(py, || contaminated(against, texts))?;
        Ok(Some(PyArrowType(table)))
    }

    /// The pictures that are nearly those of an evaluation set, with both in grey where they are shown; none without
    /// evaluation sets.
    #[pyo3(signature = (*, pictures))]
    fn near_pictures(
        &self,
        py: Python<'_>,
        pictures: bool,
    ) -> PyResult<Option<PyArrowType<RecordBatch>>> {
        let Some((against, _)) = &self.decontamination else {
            return Ok(None);
        };
        let table = leave(py, || near_pictures(against, pictures))?;
        Ok(Some(PyArrowType(table)))
    }

    /// What was counted of evaluation sets, as JSON; nothing without any.
    #[pyo3(signature = ())]
    fn decontamination(&self) -> Option<String> {
        let (against, ngram) = self.decontamination.as_ref()?;
        Some(contamination_counts(against, *ngram).to_string())
    }

    /// Traces by what became of them, tokens, and packs beside their lower bound.
    #[pyo3(signature = ())]
    fn counts(&self) -> Result<Record<Counts>> {
        let selection = &self.layout.selection;
        let counts = selection.counts();
        let verdicts = Verdict::ALL.into_iter().zip(counts).skip(1);
        let mut rejected: BTreeMap<&str, u64> = verdicts
            .filter(|(verdict, count)| *verdict != Verdict::Filtered && *count > 0)
            .map(|(verdict, count)| (verdict.as_str(), count))
            .collect();
        for block in &selection.index.blocks {
            for (filter, count) in &block.header.filtered {
                *rejected.entry(filter).or_default() += count;
            }
        }
        let written = selection.written();
        let near = selection.near.as_ref();
        let sum = |of: fn(&Header) -> u64| -> u64 {
            let blocks = selection.index.blocks.iter();
            blocks.map(|block| of(&block.header)).sum()
        };
        Record::of(&json!({
            "traces": counts.iter().sum::<u64>(),
            "train": written.train,
            "validation": written.validation,
            "copies": written.copies,
            "rejected": rejected,
            "near_duplicates": near.map(|near| near.near),
            "near_clusters": near.map(|near| near.clusters.len()),
            "notes": selection.notes(),
            "classes": selection.classes(),
            "traces_per_question": selection.per_question(),
            "renamed_trace_ids": selection.renamed.len(),
            "tokens": written.tokens,
            "supervised_tokens": written.supervised,
            "packs": self.packs(),
            "packs_lower_bound": self.lower_bound,
            "capacity": selection.pack.capacity,
            "bytes_text": sum(|header| header.text_bytes),
            "straddling": sum(|header| header.straddling),
            "images": sum(|header| header.images),
            "image_bytes": sum(|header| header.image_bytes),
        }))
    }

    /// What the images cost, for each choice of how many traces of an image share a pack.
    #[pyo3(signature = (traces_per_image, *, threads, cancel))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn image_cost(
        &self,
        py: Python<'_>,
        traces_per_image: Vec<u32>,
        threads: usize,
        cancel: &Cancel,
    ) -> PyResult<ImageCost> {
        let selection = &self.layout.selection;
        let cost = leave(py, || {
            image_cost(selection, &traces_per_image, threads, cancel.flag())
        })?;
        Ok(cost.into())
    }

    /// How many images several sources show, or are stored in several ways; and of these the `most` that most traces
    /// show, the largest first.
    #[pyo3(signature = (most))]
    fn shared_images(&self, py: Python<'_>, most: usize) -> (u64, Vec<SharedImage>) {
        let shared = py.detach(|| shared_images(&self.layout.selection.index, most));
        let largest = shared.largest.into_iter().map(SharedImage::from);
        (shared.images, largest.collect())
    }

    /// The clusters of near duplicates, the largest first, a row a trace.
    #[pyo3(signature = ())]
    fn near_duplicates(&self, py: Python<'_>) -> PyResult<PyArrowType<RecordBatch>> {
        leave(py, || near_duplicates(&self.layout.selection)).map(PyArrowType)
    }

    /// What was found of near duplicates, in figures: `traces` near to one that stays, `clusters`, `candidates` that share
    /// a band key, `compared` pairs of texts, `crowded` groups, and `seconds` of search and comparison; nothing where
    /// they were not looked for.
    #[pyo3(signature = ())]
    fn near_summary(&self) -> Option<BTreeMap<&'static str, f64>> {
        let near = self.layout.selection.near.as_ref()?;
        let figures = [
            ("traces", near.near as f64),
            ("clusters", near.clusters.len() as f64),
            ("candidates", near.candidates as f64),
            ("compared", near.compared as f64),
            ("crowded", near.crowded as f64),
            ("seconds_searched", near.seconds[0]),
            ("seconds_compared", near.seconds[1]),
        ];
        Some(figures.into_iter().collect())
    }

    /// Rows and traces of each source, and what became of them, in source order.
    #[pyo3(signature = ())]
    fn source_accounts(&self) -> Result<BTreeMap<String, Record<SourceCounts>>> {
        let accounts = octomed_engine::source_accounts(&self.layout.selection);
        let record = |(name, account)| Ok((name, Record::of(&account)?));
        accounts.into_iter().map(record).collect()
    }

    /// Packs, traces, tokens, raw bytes and shards of each stream that holds packs.
    #[pyo3(signature = ())]
    fn stream_summaries(&self) -> Result<BTreeMap<String, Record<StreamEntry>>> {
        let selection = &self.layout.selection;
        // A pack of validation may hold a trace of any length.
        let uppers = selection.buckets.uppers().iter().copied();
        let uppers = uppers.chain([selection.pack.capacity]);
        let streams = self.layout.streams().into_iter().zip(uppers).enumerate();
        let totals = streams.map(|(stream, named)| (self.layout.total(stream), named));
        let full = totals.filter(|((_, packs), _)| *packs > 0);
        full.map(|((total, packs), (name, longest_trace))| {
            let entry = Record::of(&json!({
                "packs": packs,
                "traces": total.traces,
                "tokens": total.tokens,
                "raw_bytes": total.bytes,
                "shards": total.shards.len(),
                "longest_trace": longest_trace,
            }))?;
            Ok((name, entry))
        })
        .collect()
    }
}

/// A range that is open.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct Range {
    range: OpenRange,
    streams: Vec<String>,
}

#[pymethods]
impl Range {
    /// Writes a shard into `folder` and returns `info`, its entry of `index.json`, and `digest`, `xxh3_64` of its file.
    #[pyo3(signature = (stream, shard, folder, cancel))]
    fn write_shard(
        &self,
        py: Python<'_>,
        stream: &str,
        shard: u32,
        folder: PathBuf,
        cancel: &Cancel,
    ) -> PyResult<(Record<ShardInfo>, String)> {
        let stream = self.number(stream)?;
        leave(py, || {
            let written = self
                .range
                .write_shard(stream, shard, &folder, cancel.flag())?;
            Ok::<_, Error>((Record::of(&written.info)?, written.digest))
        })
    }

    /// Where the range's traces in a stream come from, a row a trace.
    #[pyo3(signature = (stream))]
    fn provenance(&self, py: Python<'_>, stream: &str) -> PyResult<PyArrowType<RecordBatch>> {
        let stream = self.number(stream)?;
        leave(py, || self.range.provenance(stream)).map(PyArrowType)
    }
}

impl Range {
    fn number(&self, stream: &str) -> PyResult<usize> {
        let found = self.streams.iter().position(|name| name == stream);
        found.ok_or_else(|| say(Kind::Internal, format!("no stream `{stream}`"), None))
    }
}

/// The bytes of a stream's `index.json`, from its shards' entries in order.
#[pyfunction]
#[pyo3(signature = (shards))]
pub fn index_json(shards: Vec<Record<ShardInfo>>) -> Result<Vec<u8>> {
    let shards = shards
        .into_iter()
        .map(Record::read)
        .collect::<Result<Vec<_>>>()?;
    Ok(octomed_mds::index_json(&shards))
}
