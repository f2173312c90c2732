//! Packs to a batch: the tensors that a packed training step takes, for any number of packs.
//!
//! Tokens of all packs follow each other without padding. A label stands where a loss span says so, and
//! never at a document's first token: the loss compares the logits of a position with the label after
//! it, and the position before a document's first token belongs to another document.

mod error;
mod images;
mod positions;
mod row;

pub use error::{BatchError, RowFault};
pub use images::{ImageColumns, ImageRules};
pub use row::{PackRow, PackRules};

/// The label of a token that is not learned, as the field's cross-entropies ignore it.
pub const IGNORED: i64 = -100;

use positions::{ascend, write_image_positions};

/// Packs, documents, tokens and images that rows make together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSize {
    /// Packs.
    pub packs: usize,
    /// Documents of all packs.
    pub documents: usize,
    /// Tokens of all packs.
    pub tokens: usize,
    /// Images of all packs; one that two packs show counts in both.
    pub images: usize,
    /// Placeholders of all packs.
    pub placeholders: usize,
}

/// Rows of positions where images have a place: the plain one, time, height and width.
const PLACED: usize = 4;

impl BatchSize {
    /// The size of a batch of `rows`.
    #[must_use]
    pub fn of(rows: &[PackRow<'_>]) -> Self {
        Self {
            packs: rows.len(),
            documents: rows.iter().map(|row| row.lengths.len()).sum(),
            tokens: rows.iter().map(|row| row.input_ids.len()).sum(),
            images: rows.iter().map(|row| row.images.count()).sum(),
            placeholders: rows.iter().map(|row| row.images.placeholders()).sum(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            packs: self.packs + other.packs,
            documents: self.documents + other.documents,
            tokens: self.tokens + other.tokens,
            images: self.images + other.images,
            placeholders: self.placeholders + other.placeholders,
        }
    }
}

/// Checks that every one of `rows` is a pack that keeps `rules`.
///
/// # Errors
/// [`BatchError::Row`] for the first that is not.
pub fn check_packs(rows: &[PackRow<'_>], rules: &PackRules) -> Result<(), BatchError> {
    for (pack, row) in rows.iter().enumerate() {
        row.check(rules).map_err(|fault| BatchError::Row {
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
    /// Tokens and documents of each pack: `[packs, 2]`; with images, these and placeholders, too: `[packs, 4]`.
    pub packs: &'a mut [i64],
    /// Token ids: `[tokens]`.
    pub input_ids: &'a mut [i64],
    /// The token itself where it is learned, [`IGNORED`] elsewhere: `[tokens]`.
    pub labels: &'a mut [i64],
    /// Position in the document, in any number of equal rows: `[rows, tokens]`. For text the three rows
    /// of mRoPE (time, height, width) are equal to the plain one; where there are images, they are exactly
    /// these four, or the plain one alone.
    pub position_ids: &'a mut [i64],
    /// Edges of the documents: `[documents + 1]`.
    pub cu_seqlens: &'a mut [i32],
    /// The bits of each trace id: `[documents]`.
    pub trace_ids: &'a mut [i64],
    /// Labels that count, a document: `[documents]`.
    pub supervised_tokens: &'a mut [i64],
    /// Of the images, if the batch is of a run that has them.
    pub images: Option<ImageBuffers<'a>>,
}

/// Where the images of a batch are written.
#[derive(Debug)]
pub struct ImageBuffers<'a> {
    /// Patches of each image along time, height and width: `[images, 3]`.
    pub grids: &'a mut [i64],
    /// The image that each placeholder shows, by its number in the batch: `[placeholders]`.
    pub refs: &'a mut [i64],
}

impl Batch<'_> {
    /// Writes the batch of `rows`, which keep `rules`, and returns the length of the longest document.
    ///
    /// # Errors
    /// When a row is not a pack, the batch has no rows or more tokens than `i32` counts, or a buffer has
    /// another size than the batch. Nothing is written then.
    pub fn fill(&mut self, rows: &[PackRow<'_>], rules: &PackRules) -> Result<u32, BatchError> {
        check_packs(rows, rules)?;
        let size = BatchSize::of(rows);
        self.check(size)?;
        let mut begin = BatchSize::default();
        self.cu_seqlens[0] = 0;
        for row in rows {
            self.write_row(row, begin.tokens, begin.documents);
            self.write_images(row, begin);
            begin = begin.and(BatchSize::of(std::slice::from_ref(row)));
        }
        self.repeat_positions(size.tokens);
        self.place_images(rows, size.tokens, rules.images);
        let lengths = rows.iter().flat_map(|row| row.lengths);
        Ok(lengths.copied().max().unwrap_or(0))
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
        let documents = size.documents;
        let rows = self.position_ids.len() / size.tokens;
        let whole = self.position_ids.len().is_multiple_of(size.tokens);
        let positions = whole && (size.images == 0 || matches!(rows, 0 | 1 | PLACED));
        let fits = [
            ("packs", self.packs.len() == self.columns() * size.packs),
            ("input_ids", self.input_ids.len() == size.tokens),
            ("labels", self.labels.len() == size.tokens),
            ("cu_seqlens", self.cu_seqlens.len() == documents + 1),
            ("trace_ids", self.trace_ids.len() == documents),
            (
                "supervised_tokens",
                self.supervised_tokens.len() == documents,
            ),
            ("position_ids", positions),
            ("image_grid_thw", self.image_sizes().0 == 3 * size.images),
            ("image_refs", self.image_sizes().1 == size.placeholders),
        ];
        match fits.iter().find(|(_, fits)| !fits) {
            Some(&(buffer, _)) => Err(BatchError::Buffer { buffer }),
            None => Ok(()),
        }
    }

    /// What is counted of a pack.
    fn columns(&self) -> usize {
        if self.images.is_some() { 4 } else { 2 }
    }

    fn image_sizes(&self) -> (usize, usize) {
        let images = self.images.as_ref();
        images.map_or((0, 0), |images| (images.grids.len(), images.refs.len()))
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

    /// Counts a row that `begin` lies before, and writes the grids and the placeholders of its images.
    fn write_images(&mut self, row: &PackRow<'_>, begin: BatchSize) {
        let size = BatchSize::of(std::slice::from_ref(row));
        let counts = [size.tokens, size.documents, size.images, size.placeholders];
        let columns = self.columns();
        let pack = self.packs[begin.packs * columns..].iter_mut().take(columns);
        for (to, count) in pack.zip(counts) {
            *to = count as i64;
        }
        let Some(images) = &mut self.images else {
            return;
        };
        let sides = row.images.grids().flatten();
        for (to, side) in images.grids[3 * begin.images..].iter_mut().zip(sides) {
            *to = i64::from(side);
        }
        let refs = images.refs[begin.placeholders..].iter_mut();
        for (to, image) in refs.zip(row.images.refs()) {
            *to = begin.images as i64 + i64::from(image);
        }
    }

    fn write_positions(&mut self, begin: usize, end: usize) {
        if let Some(positions) = self.position_ids.get_mut(begin..end) {
            ascend(positions, 0);
        }
    }

    fn repeat_positions(&mut self, tokens: usize) {
        let rows = self.position_ids.len() / tokens;
        for row in 1..rows {
            self.position_ids.copy_within(..tokens, row * tokens);
        }
    }

    /// Writes time, height and width over the repeated positions of the rows that show images.
    fn place_images(&mut self, rows: &[PackRow<'_>], tokens: usize, rules: Option<ImageRules>) {
        let Some(rules) = rules.filter(|_| self.position_ids.len() == PLACED * tokens) else {
            return;
        };
        let (_, placed) = self.position_ids.split_at_mut(tokens);
        let (times, placed) = placed.split_at_mut(tokens);
        let (heights, widths) = placed.split_at_mut(tokens);
        let mut begin = 0;
        for row in rows {
            let end = begin + row.input_ids.len();
            if row.images.count() > 0 {
                let three = [&mut *times, &mut *heights, &mut *widths];
                let three = three.map(|positions| &mut positions[begin..end]);
                write_image_positions(row, rules.token, rules.merge, three);
            }
            begin = end;
        }
    }
}

#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod tests;
