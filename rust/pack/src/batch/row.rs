//! A pack as a reader finds it, and what has to hold of it.

use super::RowFault;

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
}

impl PackRow<'_> {
    /// Checks that lengths, spans and ids fit together, and ids a vocabulary of `vocabulary` entries.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, vocabulary: Option<u32>) -> Result<(), RowFault> {
        self.check_lengths()?;
        self.check_spans()?;
        let Some(vocabulary) = vocabulary else {
            return Ok(());
        };
        match self.input_ids.iter().copied().max() {
            Some(id) if id >= vocabulary => Err(RowFault::Id { id, vocabulary }),
            _ => Ok(()),
        }
    }

    fn check_lengths(&self) -> Result<(), RowFault> {
        let (documents, ids) = (self.lengths.len(), self.input_ids.len());
        if documents == 0 {
            return Err(RowFault::NoDocuments);
        }
        if let Some(document) = self.lengths.iter().position(|&length| length == 0) {
            return Err(RowFault::Empty { document });
        }
        let sum: u64 = self.lengths.iter().map(|&length| u64::from(length)).sum();
        if sum != ids as u64 {
            return Err(RowFault::Lengths { sum, ids });
        }
        match self.trace_ids.len() {
            trace_ids if trace_ids == documents => Ok(()),
            trace_ids => Err(RowFault::TraceIds {
                trace_ids,
                documents,
            }),
        }
    }

    /// Spans ascend, none is empty, and each lies inside one document.
    fn check_spans(&self) -> Result<(), RowFault> {
        if self.loss_spans.len() % 2 == 1 {
            return Err(RowFault::HalfSpan {
                edges: self.loss_spans.len(),
            });
        }
        let mut lengths = self.lengths.iter();
        let (mut end, mut last) = (0, 0);
        for [from, to] in self.spans() {
            let begin = loop {
                if from < end {
                    break last;
                }
                match lengths.next() {
                    Some(&length) => {
                        last = end;
                        end += length as usize;
                    }
                    None => return Err(RowFault::Span { from, to }),
                }
            };
            if from < begin || to <= from || to > end {
                return Err(RowFault::Span { from, to });
            }
            last = to;
        }
        Ok(())
    }

    /// The spans as pairs.
    pub(super) fn spans(&self) -> impl Iterator<Item = [usize; 2]> {
        let pairs = self.loss_spans.as_chunks::<2>().0;
        pairs.iter().map(|&[from, to]| [from as usize, to as usize])
    }
}
