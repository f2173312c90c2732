//! Filters of the user's own: the traces of a block as columns for them, and which of these they leave out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use octomed_trace::{Block, Body, Finding, Mapping, Row};

use crate::curation::{CurationScratch, RowCuration};
use crate::error::EngineError;
use crate::filter_columns::{FilterColumns, TraceTexts};
use crate::row_images::Failure;
use crate::row_scan::RowScan;

/// Bytes of texts at which a batch is handed to the filters: a question is in it once for each of its responses, so
/// that a block may give several.
const BATCH_BYTES: usize = 32 << 20;

/// Traces of a block that filters look at, one after the other.
#[derive(Debug)]
pub struct FilterBatch {
    /// A row for each.
    pub batch: RecordBatch,
    /// Of each the number of its row in the block's task.
    pub ordinals: Vec<u64>,
}

/// A trace that a filter leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its row in the batch.
    pub place: usize,
    /// Name of the filter.
    pub filter: String,
    /// What the filter says of it.
    pub detail: String,
}

/// What filters leave out of a block: filter and detail, by the number of the row in its task and the response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filtered(HashMap<(u64, u32), (String, String)>);

impl Filtered {
    /// The name of the filter that leaves a trace out, and what it says of it.
    #[must_use]
    pub fn of(&self, ordinal: u64, sample: u32) -> Option<(&str, &str)> {
        let (filter, detail) = self.0.get(&(ordinal, sample))?;
        Some((filter, detail))
    }

    /// How many traces are left out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all stay.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where the traces of a block are from, for filters.
#[derive(Clone, Copy, Debug)]
pub struct FilterOrigin<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Path of the file, relative to the source's root.
    pub file: &'a str,
    /// Columns that filters ask for.
    pub columns: &'a [String],
}

/// Hands the traces of a block that curation lets pass to `decide`, batch by batch. A response without text is not
/// among them, and a row that is refused is, unless curation refuses it: images are not looked at here.
pub fn filtered<E: From<EngineError>>(
    rows: &RowScan,
    mapping: &Mapping,
    block: &Block,
    origin: FilterOrigin<'_>,
    cancel: &AtomicBool,
    decide: impl FnMut(FilterBatch) -> Result<Vec<LeftOut>, E>,
) -> Result<Filtered, E> {
    let mut pass = Pass {
        columns: FilterColumns::new(origin.columns).map_err(E::from)?,
        origin,
        places: Vec::new(),
        decide,
        found: Filtered::default(),
        scratch: CurationScratch::default(),
    };
    block.for_each(mapping, |finding| {
        if cancel.load(Ordering::Relaxed) {
            return Err(EngineError::Cancelled.into());
        }
        match finding {
            Finding::Row(row) => pass.row(rows, &row),
            Finding::Refused(_) => Ok(()),
        }
    })?;
    pass.flush()?;
    Ok(pass.found)
}

/// A block on its way through the filters.
struct Pass<'o, F> {
    origin: FilterOrigin<'o>,
    columns: FilterColumns,
    /// Row number and response of each trace of the open batch.
    places: Vec<(u64, u32)>,
    decide: F,
    found: Filtered,
    scratch: CurationScratch,
}

impl<E: From<EngineError>, F: FnMut(FilterBatch) -> Result<Vec<LeftOut>, E>> Pass<'_, F> {
    fn row(&mut self, rows: &RowScan, row: &Row<'_>) -> Result<(), E> {
        let mut failed = None;
        let looked = rows.with_curation(row, |row, curated| {
            self.traces(row, curated).map_err(|error| {
                failed = Some(error);
                Failure::Scan(EngineError::Cancelled)
            })
        });
        match (failed, looked) {
            (Some(error), _) => Err(error),
            (None, Err(Failure::Scan(error))) => Err(error.into()),
            // The scan refuses such a row, too.
            (None, Ok(()) | Err(Failure::Row(_))) => Ok(()),
        }
    }

    fn traces(&mut self, row: &Row<'_>, curated: Option<&RowCuration<'_>>) -> Result<(), E> {
        match &row.body {
            Body::Question { responses, .. } => {
                for (sample, response) in (0..).zip(responses) {
                    let reasoning = response.reasoning.as_deref();
                    self.trace(row, curated, sample, &response.response, reasoning)?;
                }
            }
            Body::Conversation(turns) => {
                if let Some(last) = turns.iter().rfind(|turn| turn.role == "assistant") {
                    self.trace(row, curated, 0, &last.text(), last.reasoning.as_deref())?;
                }
            }
        }
        Ok(())
    }

    fn trace(
        &mut self,
        row: &Row<'_>,
        curated: Option<&RowCuration<'_>>,
        sample: u32,
        response: &str,
        reasoning: Option<&str>,
    ) -> Result<(), E> {
        let is_left_out =
            curated.is_some_and(|one| one.decide(sample as usize, &mut self.scratch).is_some());
        if is_left_out || response.trim().is_empty() {
            return Ok(());
        }
        self.columns.push(&TraceTexts {
            source: self.origin.source,
            file: self.origin.file,
            row,
            sample,
            response,
            reasoning,
        });
        self.places.push((row.ordinal, sample));
        if self.columns.bytes() >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Has the filters decide what is gathered.
    fn flush(&mut self) -> Result<(), E> {
        if self.places.is_empty() {
            return Ok(());
        }
        let places = std::mem::take(&mut self.places);
        let batch = FilterBatch {
            batch: self.columns.finish().map_err(E::from)?,
            ordinals: places.iter().map(|(ordinal, _)| *ordinal).collect(),
        };
        for left in (self.decide)(batch)? {
            let place = places.get(left.place).ok_or_else(|| {
                EngineError::Internal(format!("a filter left out trace {}", left.place))
            })?;
            self.found.0.insert(*place, (left.filter, left.detail));
        }
        Ok(())
    }
}
