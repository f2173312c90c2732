//! Union-find.

/// Which of some numbers belong together; the smallest of them stands for all.
#[derive(Clone, Debug)]
pub struct Clusters {
    above: Vec<u32>,
}

impl Clusters {
    /// So many numbers, each by itself.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            above: (0..count as u32).collect(),
        }
    }

    /// The smallest number of a number's cluster.
    pub fn find(&mut self, number: u32) -> u32 {
        let mut number = number;
        loop {
            let above = self.above[number as usize];
            if above == number {
                return number;
            }
            // Every second step is left out the next time.
            let higher = self.above[above as usize];
            self.above[number as usize] = higher;
            number = higher;
        }
    }

    /// Has two clusters be one.
    pub fn unite(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        self.above[one.max(other) as usize] = one.min(other);
    }

    /// The smallest number of each number's cluster.
    #[must_use]
    pub fn smallest(mut self) -> Vec<u32> {
        (0..self.above.len() as u32)
            .map(|number| self.find(number))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn clusters_are_what_is_connected(pairs in prop::collection::vec((0_u32..30, 0_u32..30), 0..40)) {
            let mut clusters = Clusters::new(30);
            pairs.iter().for_each(|(one, other)| clusters.unite(*one, *other));
            let mut slow: Vec<u32> = (0..30).collect();
            for _ in 0..30 {
                for (one, other) in &pairs {
                    let least = slow[*one as usize].min(slow[*other as usize]);
                    (slow[*one as usize], slow[*other as usize]) = (least, least);
                }
            }
            prop_assert_eq!(clusters.smallest(), slow);
        }
    }
}
