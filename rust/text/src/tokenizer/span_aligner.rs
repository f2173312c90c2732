//! Aligns the edges of supervised spans with tokens.

use std::ops::Range;

use crate::TextError;

/// The edges of supervised spans, resolved in ascending order while the text is encoded.
#[derive(Debug, Default)]
pub(crate) struct SpanAligner {
    positions: Vec<usize>,
    resolved: Vec<Edge>,
    /// For each span, whether the edge of its lead comes before its own two.
    leads: Vec<bool>,
}

/// How many tokens end at or before an edge, and how many begin before it; the difference straddles it.
#[derive(Clone, Copy, Debug)]
struct Edge {
    ended: u32,
    begun: u32,
}

impl SpanAligner {
    /// Starts over with the edges of `spans`, which must ascend, be disjoint and cut no character of `text`; of
    /// `leads` those count that lie before their span.
    pub fn start(
        &mut self,
        text: &str,
        spans: &[Range<usize>],
        leads: &[usize],
    ) -> Result<(), TextError> {
        self.leads.clear();
        self.positions.clear();
        self.resolved.clear();
        let mut previous = 0;
        for (number, span) in spans.iter().enumerate() {
            let fits = previous <= span.start && span.start <= span.end;
            if !fits || !text.is_char_boundary(span.start) || !text.is_char_boundary(span.end) {
                return Err(TextError::BadRange {
                    start: span.start,
                    end: span.end,
                });
            }
            let lead = leads.get(number).map(|lead| (*lead).max(previous));
            let lead = lead.filter(|lead| *lead < span.start && text.is_char_boundary(*lead));
            previous = span.end;
            if !span.is_empty() {
                self.leads.push(lead.is_some());
                self.positions.extend(lead);
                self.positions.extend([span.start, span.end]);
            }
        }
        Ok(())
    }

    /// SpanAligner at positions that ascend.
    pub fn at(positions: Vec<usize>) -> Self {
        Self {
            positions,
            ..Self::default()
        }
    }

    /// The edges not resolved yet, up to and including `end`.
    pub fn up_to(&self, end: usize) -> Vec<usize> {
        self.positions[self.resolved.len()..]
            .iter()
            .copied()
            .take_while(|edge| *edge <= end)
            .collect()
    }

    /// Resolves the next edges from what was found with other positions: what ended, and what had begun.
    pub fn resolve_from(&mut self, ended: &Self, begun: &Self) {
        let pairs = ended.resolved.iter().zip(&begun.resolved);
        self.resolved.extend(pairs.map(|(ended, begun)| Edge {
            ended: ended.ended,
            begun: begun.begun.max(ended.ended),
        }));
    }

    /// Resolves the edges up to the end of `count` tokens that all stand at bytes `start..end`, after `before`
    /// others; one at `end` waits for what follows.
    pub fn control(&mut self, start: usize, end: usize, before: usize, count: usize) {
        self.resolve_between(start, before);
        while self.next().is_some_and(|edge| edge < end) {
            self.resolve(before, before + count);
        }
    }

    /// The next edge that is not resolved.
    #[inline]
    pub fn next(&self) -> Option<usize> {
        self.positions.get(self.resolved.len()).copied()
    }

    /// Whether any edge lies between these bytes, ends apart.
    pub fn any_inside(&self, start: usize, end: usize) -> bool {
        let later = self.positions.partition_point(|edge| *edge <= start);
        self.positions.get(later).is_some_and(|edge| *edge < end)
    }

    /// Resolves the next edge.
    pub fn resolve(&mut self, ended: usize, begun: usize) {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a trace has under 4 Gi bytes, so under 4 Gi tokens"
        )]
        self.resolved.push(Edge {
            ended: ended as u32,
            begun: begun as u32,
        });
    }

    /// Resolves every edge up to and including `position`, between two tokens.
    pub fn resolve_between(&mut self, position: usize, tokens: usize) {
        while self.next().is_some_and(|edge| edge <= position) {
            self.resolve(tokens, tokens);
        }
    }

    /// Resolves every edge up to `end` by the byte offsets of the tokens, of which `before` came earlier.
    pub fn resolve_by_offsets(&mut self, end: usize, before: usize, offsets: &[(usize, usize)]) {
        while let Some(edge) = self.next().filter(|edge| *edge <= end) {
            let ended = offsets.iter().filter(|(_, end)| *end <= edge).count();
            let begun = offsets.iter().filter(|(start, _)| *start < edge).count();
            self.resolve(before + ended, before + begun.max(ended));
        }
    }

    /// Appends the token ranges of the spans; returns the number of tokens inside them, and of tokens on an edge.
    ///
    /// A token that reaches into a span counts as inside it where it begins in the span's lead.
    pub fn finish(&self, spans: &mut Vec<[u32; 2]>) -> (u32, u32) {
        let (mut supervised, mut straddling, mut counted) = (0, 0, 0);
        let mut edges = self.resolved.iter();
        for leads in &self.leads {
            let lead = if *leads { edges.next() } else { None };
            let (Some(open), Some(close)) = (edges.next(), edges.next()) else {
                break;
            };
            let learned = lead.is_some_and(|lead| lead.begun <= open.ended);
            let first = if learned { open.ended } else { open.begun };
            if first < close.ended {
                spans.push([first, close.ended]);
                supervised += close.ended - first;
            }
            for edge in [open, close].into_iter().skip(usize::from(learned)) {
                straddling += edge.begun.saturating_sub(edge.ended.max(counted));
                counted = counted.max(edge.begun);
            }
        }
        (supervised, straddling)
    }
}
