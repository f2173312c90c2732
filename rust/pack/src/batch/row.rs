//! A pack as a reader finds it, and what has to hold of it.

use super::RowFault;
use super::images::{ImageColumns, ImageRules};

/// The columns of a pack's row.
#[derive(Clone, Copy, Debug)]
pub struct PackRow<'a> {
    /// Token ids of all documents.
    pub input_ids: &'a [u32],
    /// Tokens of each document.
    pub lengths: &'a [u32],
    /// Edges of the supervised spans, half-open, in pack coordinates, pair after pair.
    pub loss_spans: &'a [u32],
    /// Id of each document's trace.
    pub trace_ids: &'a [u64],
    /// The images that the documents show.
    pub images: ImageColumns<'a>,
}

/// What is asked of a pack beyond that its columns fit together.
#[derive(Clone, Copy, Debug, Default)]
pub struct PackRules {
    /// Entries of the vocabulary: every id is below.
    pub vocabulary: Option<u32>,
    /// The most tokens of a pack.
    pub capacity: Option<u32>,
    /// Whether every document has a supervised token, as packs have that a run wrote.
    pub every_document_learned: bool,
    /// How images stand in it; without, a pack of images is refused.
    pub images: Option<ImageRules>,
}

impl PackRow<'_> {
    /// Checks that this is a pack.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, rules: &PackRules) -> Result<(), RowFault> {
        self.faults(rules).next().map_or(Ok(()), Err)
    }

    /// What is wrong with it, of each kind the first; nothing if this is a pack.
    pub fn faults(&self, rules: &PackRules) -> impl Iterator<Item = RowFault> {
        let rules = *rules;
        let documents = || self.document_fault();
        let capacity = move || self.capacity_fault(rules.capacity);
        let trace_ids = || self.trace_id_fault();
        let spans = move || self.span_fault(rules.every_document_learned);
        let vocabulary = move || self.id_fault(rules.vocabulary);
        let images = move || self.image_fault(&rules);
        std::iter::once_with(documents)
            .chain(std::iter::once_with(capacity))
            .chain(std::iter::once_with(trace_ids))
            .chain(std::iter::once_with(spans))
            .chain(std::iter::once_with(vocabulary))
            .chain(std::iter::once_with(images))
            .flatten()
    }

    fn document_fault(&self) -> Option<RowFault> {
        if self.lengths.is_empty() {
            return Some(RowFault::NoDocuments);
        }
        if let Some(document) = self.lengths.iter().position(|&length| length == 0) {
            return Some(RowFault::Empty { document });
        }
        let sum: u64 = self.lengths.iter().map(|&length| u64::from(length)).sum();
        let ids = self.input_ids.len();
        (sum != ids as u64).then_some(RowFault::Lengths { sum, ids })
    }

    fn capacity_fault(&self, capacity: Option<u32>) -> Option<RowFault> {
        let ids = self.input_ids.len();
        let capacity = capacity.filter(|&capacity| ids > capacity as usize)?;
        Some(RowFault::Capacity { ids, capacity })
    }

    fn trace_id_fault(&self) -> Option<RowFault> {
        let (trace_ids, documents) = (self.trace_ids.len(), self.lengths.len());
        (trace_ids != documents).then_some(RowFault::TraceIds {
            trace_ids,
            documents,
        })
    }

    fn id_fault(&self, vocabulary: Option<u32>) -> Option<RowFault> {
        let (vocabulary, id) = vocabulary.zip(self.input_ids.iter().copied().max())?;
        (id >= vocabulary).then_some(RowFault::Id { id, vocabulary })
    }

    fn image_fault(&self, rules: &PackRules) -> Option<RowFault> {
        let Some(images) = rules.images else {
            let unknown = !self.images.is_empty();
            return unknown.then_some(RowFault::ImagesUnknown);
        };
        let learned = || {
            let written = rules.every_document_learned;
            written
                .then_some(images.token)
                .and_then(|token| self.learned_image_fault(token))
        };
        let columns = self.images.column_fault(images.merge);
        let runs = || self.images.run_fault(self.input_ids, self.lengths, images);
        columns.or_else(runs).or_else(learned)
    }

    /// Nobody learns to write a placeholder: a run keeps image tokens out of its spans.
    fn learned_image_fault(&self, token: u32) -> Option<RowFault> {
        let learned = |[from, to]: [usize; 2]| {
            let ids = self.input_ids.get(from..to)?;
            ids.iter().position(|&id| id == token).map(|at| from + at)
        };
        let at = self.spans().find_map(learned)?;
        Some(RowFault::ImageLearned { at })
    }

    /// Spans ascend, none is empty, and each lies inside one document; where it is asked for, each document has one.
    fn span_fault(&self, every_document: bool) -> Option<RowFault> {
        if self.loss_spans.len() % 2 == 1 {
            return Some(RowFault::HalfSpan {
                edges: self.loss_spans.len(),
            });
        }
        let mut spans = self.spans().peekable();
        let (mut begin, mut last) = (0, 0);
        for (document, &length) in self.lengths.iter().enumerate() {
            let end = begin + length as usize;
            if every_document && spans.peek().is_none_or(|span| span[0] >= end) {
                return Some(RowFault::NotLearned { document });
            }
            while let Some([from, to]) = spans.next_if(|span| span[0] < end) {
                if from < begin.max(last) || to <= from || to > end {
                    return Some(RowFault::Span { from, to });
                }
                last = to;
            }
            begin = end;
        }
        spans.next().map(|[from, to]| RowFault::Span { from, to })
    }

    /// The spans as pairs.
    pub(super) fn spans(&self) -> impl Iterator<Item = [usize; 2]> {
        let pairs = self.loss_spans.as_chunks::<2>().0;
        pairs.iter().map(|&[from, to]| [from as usize, to as usize])
    }
}
