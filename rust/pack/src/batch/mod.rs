//! Packs to a batch: the tensors that a packed training step takes, for any number of packs.
//!
//! Tokens of all packs follow each other without padding. A label stands where a loss span says so, and
//! never at a document's first token: the loss compares the logits of a position with the label after
//! it, and the position before a document's first token belongs to another document.

mod error;
mod row;

pub use error::{BatchError, RowFault};
pub use row::{PackRow, PackRules};

/// The label of a token that is not learned, as the field's cross-entropies ignore it.
pub const IGNORED: i64 = -100;

/// Tokens, documents and packs that `rows` make together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSize {
    /// Packs.
    pub packs: usize,
    /// Documents of all packs.
    pub documents: usize,
    /// Tokens of all packs.
    pub tokens: usize,
}

impl BatchSize {
    /// The size of a batch of `rows`.
    #[must_use]
    pub fn of(rows: &[PackRow<'_>]) -> Self {
        Self {
            packs: rows.len(),
            documents: rows.iter().map(|row| row.lengths.len()).sum(),
            tokens: rows.iter().map(|row| row.input_ids.len()).sum(),
        }
    }
}

/// Checks that every one of `rows` is a pack, whose ids lie below `vocabulary` where it is given.
///
/// # Errors
/// [`BatchError::Row`] for the first that is not.
pub fn check_packs(rows: &[PackRow<'_>], vocabulary: Option<u32>) -> Result<(), BatchError> {
    let rules = PackRules {
        vocabulary,
        ..PackRules::default()
    };
    for (pack, row) in rows.iter().enumerate() {
        row.check(&rules).map_err(|fault| BatchError::Row {
            pack,
            first_trace: row.trace_ids.first().copied(),
            fault,
        })?;
    }
    Ok(())
}

/// Where a batch is written; every element of every buffer is.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Tokens and documents of each pack: `[packs, 2]`.
    pub packs: &'a mut [i64],
    /// Token ids: `[tokens]`.
    pub input_ids: &'a mut [i64],
    /// The token itself where it is learned, [`IGNORED`] elsewhere: `[tokens]`.
    pub labels: &'a mut [i64],
    /// Position in the document, in any number of equal rows: `[rows, tokens]`. For text the three rows
    /// of mRoPE (time, height, width) are equal to the plain one.
    pub position_ids: &'a mut [i64],
    /// Edges of the documents: `[documents + 1]`.
    pub cu_seqlens: &'a mut [i32],
    /// The bits of each trace id: `[documents]`.
    pub trace_ids: &'a mut [i64],
    /// Labels that count, a document: `[documents]`.
    pub supervised_tokens: &'a mut [i64],
}

impl Batch<'_> {
    /// Writes the batch of `rows`, whose ids lie below `vocabulary` where it is given, and returns the
    /// length of the longest document.
    ///
    /// # Errors
    /// When a row is not a pack, the batch has no rows or more tokens than `i32` counts, or a buffer has
    /// another size than the batch. Nothing is written then.
    pub fn fill(
        &mut self,
        rows: &[PackRow<'_>],
        vocabulary: Option<u32>,
    ) -> Result<u32, BatchError> {
        check_packs(rows, vocabulary)?;
        let size = BatchSize::of(rows);
        self.check(size)?;
        let (mut token, mut document, mut longest) = (0, 0, 0);
        self.cu_seqlens[0] = 0;
        for (pack, row) in rows.iter().enumerate() {
            self.packs[2 * pack] = row.input_ids.len() as i64;
            self.packs[2 * pack + 1] = row.lengths.len() as i64;
            self.write_row(row, token, document);
            token += row.input_ids.len();
            document += row.lengths.len();
            longest = longest.max(row.lengths.iter().copied().max().unwrap_or(0));
        }
        self.repeat_positions(size.tokens);
        Ok(longest)
    }

    fn check(&self, size: BatchSize) -> Result<(), BatchError> {
        if size.packs == 0 {
            return Err(BatchError::NoPacks);
        }
        if i32::try_from(size.tokens).is_err() {
            return Err(BatchError::TooMany {
                tokens: size.tokens,
            });
        }
        let expected = [
            ("packs", self.packs.len(), 2 * size.packs),
            ("input_ids", self.input_ids.len(), size.tokens),
            ("labels", self.labels.len(), size.tokens),
            ("cu_seqlens", self.cu_seqlens.len(), size.documents + 1),
            ("trace_ids", self.trace_ids.len(), size.documents),
            (
                "supervised_tokens",
                self.supervised_tokens.len(),
                size.documents,
            ),
            (
                "position_ids",
                self.position_ids.len() % size.tokens,
                0, // any number of rows
            ),
        ];
        match expected.iter().find(|(_, found, wanted)| found != wanted) {
            Some(&(buffer, ..)) => Err(BatchError::Buffer { buffer }),
            None => Ok(()),
        }
    }

    /// Writes a row whose first token is number `token` of the batch and whose first document is number
    /// `document`.
    fn write_row(&mut self, row: &PackRow<'_>, token: usize, document: usize) {
        let end = token + row.input_ids.len();
        for (to, &id) in self.input_ids[token..end].iter_mut().zip(row.input_ids) {
            *to = i64::from(id);
        }
        self.labels[token..end].fill(IGNORED);
        for (to, &id) in self.trace_ids[document..].iter_mut().zip(row.trace_ids) {
            *to = id.cast_signed();
        }
        let mut spans = row.spans().peekable();
        let mut begin = 0;
        for (number, &length) in row.lengths.iter().enumerate() {
            let stop = begin + length as usize;
            let mut supervised = 0;
            while let Some([from, to]) = spans.next_if(|&[from, _]| from < stop) {
                let from = from.max(begin + 1);
                if from < to {
                    let range = token + from..token + to;
                    self.labels[range.clone()].copy_from_slice(&self.input_ids[range]);
                    supervised += to - from;
                }
            }
            self.write_positions(token + begin, token + stop);
            self.supervised_tokens[document + number] = supervised as i64;
            self.cu_seqlens[document + number + 1] = (token + stop) as i32;
            begin = stop;
        }
    }

    fn write_positions(&mut self, begin: usize, end: usize) {
        if let Some(positions) = self.position_ids.get_mut(begin..end) {
            for (position, to) in (0..).zip(positions) {
                *to = position;
            }
        }
    }

    fn repeat_positions(&mut self, tokens: usize) {
        let rows = self.position_ids.len() / tokens;
        for row in 1..rows {
            self.position_ids.copy_within(..tokens, row * tokens);
        }
    }
}

#[cfg(test)]
mod tests;
