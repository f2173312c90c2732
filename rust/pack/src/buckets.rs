//! Ranges of trace lengths, each a stream of its own.

use crate::PackError;

/// Buckets by inner upper edges; the last one ends at the capacity.
///
/// The bucket of a pack is the bucket of its longest item, which is its first: items are placed longest
/// first, so packs of a bucket cost about the same attention, and their gaps are topped up by shorter
/// items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    uppers: Vec<u32>,
    dropped: Vec<u32>,
}

impl Buckets {
    /// Buckets with `edges` as inner upper edges, ascending.
    ///
    /// Edges at or above `capacity` bound nothing: they are left out and told by [`Self::dropped`].
    ///
    /// # Errors
    /// [`PackError::Edges`] if edges do not ascend from 1, [`PackError::Capacity`] for a capacity of 0.
    pub fn new(edges: &[u32], capacity: u32) -> Result<Self, PackError> {
        crate::packing::check_capacity(capacity)?;
        let mut previous = 0;
        for &edge in edges {
            if edge <= previous {
                return Err(PackError::Edges { edge, previous });
            }
            previous = edge;
        }
        let kept = edges.partition_point(|&edge| edge < capacity);
        let mut uppers = edges[..kept].to_vec();
        uppers.push(capacity);
        Ok(Self {
            uppers,
            dropped: edges[kept..].to_vec(),
        })
    }

    /// Number of buckets, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.uppers.len()
    }

    /// The bucket of a length between 1 and the capacity; a longer one falls into the last.
    #[must_use]
    pub fn bucket_of(&self, length: u32) -> usize {
        self.uppers[..self.uppers.len() - 1].partition_point(|&upper| upper < length)
    }

    /// The largest length of each bucket, ascending; the last is the capacity.
    #[must_use]
    pub fn uppers(&self) -> &[u32] {
        &self.uppers
    }

    /// The edges that were left out because they are at or above the capacity.
    #[must_use]
    pub fn dropped(&self) -> &[u32] {
        &self.dropped
    }

    /// Stream names, `len-01024` for a bucket that ends at 1,024.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.uppers
            .iter()
            .map(|upper| format!("len-{upper:05}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn edges_are_inclusive() {
        let buckets = Buckets::new(&[1024, 4096], 16_384).unwrap();
        let found: Vec<_> = [1, 1024, 1025, 4096, 4097, 16_384]
            .map(|length| buckets.bucket_of(length))
            .to_vec();
        assert_eq!(found, [0, 0, 1, 1, 2, 2]);
        assert_eq!(buckets.names(), ["len-01024", "len-04096", "len-16384"]);
        assert_eq!(buckets.len(), 3);
    }

    #[test]
    fn edges_at_or_above_the_capacity_are_dropped_and_told() {
        let buckets = Buckets::new(&[512, 2048, 4096], 2048).unwrap();
        assert_eq!(buckets.uppers(), [512, 2048]);
        assert_eq!(buckets.dropped(), [2048, 4096]);
        assert_eq!(Buckets::new(&[], 131_072).unwrap().names(), ["len-131072"]);
    }

    #[test]
    fn edges_out_of_order_are_refused() {
        assert_eq!(
            Buckets::new(&[9, 9], 99),
            Err(PackError::Edges {
                edge: 9,
                previous: 9
            })
        );
        assert_eq!(
            Buckets::new(&[0], 99),
            Err(PackError::Edges {
                edge: 0,
                previous: 0
            })
        );
    }
}
