//! Sets that are joined one pair at a time.

/// Numbers in sets; each set is known by its smallest number.
pub struct Forest(Vec<u32>);

impl Forest {
    /// So many numbers, each in a set of its own.
    pub fn new(count: usize) -> Self {
        Self((0..).take(count).collect())
    }

    /// The smallest number of a set.
    pub fn root(&mut self, mut at: u32) -> u32 {
        while self.0[at as usize] != at {
            let above = self.0[self.0[at as usize] as usize];
            self.0[at as usize] = above;
            at = above;
        }
        at
    }

    /// Makes one set of two.
    pub fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other) as usize] = one.min(other);
    }

    /// The smallest number of the set of each.
    pub fn roots(mut self) -> Vec<u32> {
        for at in 0..self.0.len() as u32 {
            self.0[at as usize] = self.root(at);
        }
        self.0
    }
}
