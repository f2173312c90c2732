//! Groups of texts that share a band key: who is to be compared with whom.

/// The texts of one band, each a number that holds a part of its key, and its own number in the low bits: sorted, texts of
/// one key stand together, and a text takes eight bytes.
#[derive(Clone, Debug)]
pub struct Band {
    entries: Vec<u64>,
    numbers: u64,
}

impl Band {
    /// For texts numbered below `count`.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            entries: Vec::new(),
            numbers: (count.max(1) as u64).next_power_of_two() - 1,
        }
    }

    /// Makes room for so many texts.
    pub fn reserve(&mut self, texts: usize) {
        self.entries.reserve_exact(texts);
    }

    /// Adds a text: it is compared with those of the same key in the same context. A text may be added in several
    /// contexts; one without a word, whose key is 0, is compared with none.
    #[inline]
    pub fn add(&mut self, number: u32, key: u64, context: u64) {
        if key != 0 {
            let mixed = (key ^ context.rotate_left(32)).wrapping_mul(0x9FB2_1C65_1E98_DF25);
            let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xD134_2543_DE82_EF95);
            self.entries.push(mixed & !self.numbers | u64::from(number));
        }
    }

    /// The groups of two texts or more. Of a key only the upper bits are compared: among many millions a few texts share
    /// these by chance, and the comparison of the texts parts them.
    #[must_use]
    pub fn groups(mut self) -> Groups {
        self.entries.sort_unstable();
        let mut groups = Groups::default();
        let same = |one: &u64, next: &u64| (one ^ next) & !self.numbers == 0;
        for group in self.entries.chunk_by(same) {
            if group.len() > 1 {
                let numbers = group.iter().map(|entry| (entry & self.numbers) as u32);
                groups.push(numbers);
            }
        }
        groups
    }
}

/// Groups of numbers, each ascending and of two at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    members: Vec<u32>,
    ends: Vec<usize>,
}

impl Groups {
    /// Adds the distinct numbers of an ascending list, if they are two or more.
    pub fn push(&mut self, numbers: impl IntoIterator<Item = u32>) {
        let start = self.members.len();
        for number in numbers {
            if self.members[start..].last() != Some(&number) {
                self.members.push(number);
            }
        }
        if self.members.len() > start + 1 {
            self.ends.push(self.members.len());
        } else {
            self.members.truncate(start);
        }
    }

    /// Adds the groups of another band.
    pub fn append(&mut self, other: &Self) {
        let before = self.members.len();
        self.members.extend_from_slice(&other.members);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// Number of groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The members of a group, ascending.
    #[must_use]
    pub fn group(&self, number: usize) -> &[u32] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.members[start..self.ends[number]]
    }

    /// The members of all groups, ascending, each once.
    #[must_use]
    pub fn distinct(&self) -> Vec<u32> {
        let mut distinct = self.members.clone();
        distinct.sort_unstable();
        distinct.dedup();
        distinct
    }

    /// The same groups, of which a member is called by its place in `order`, which has all of them once.
    #[must_use]
    pub fn renumbered(mut self, order: &[u32]) -> Self {
        let mut places: Vec<(u32, u32)> = order.iter().copied().zip(0..).collect();
        places.sort_unstable();
        for member in &mut self.members {
            if let Ok(at) = places.binary_search_by_key(member, |(number, _)| *number) {
                *member = places[at].1;
            }
        }
        for number in 0..self.len() {
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.members[start..self.ends[number]].sort_unstable();
        }
        self
    }

    /// Which groups each of `count` members is in: where its groups begin in the list, and the list.
    pub(crate) fn of_members(&self, count: usize) -> (Vec<usize>, Vec<u32>) {
        let mut starts = vec![0; count + 1];
        for member in &self.members {
            starts[*member as usize + 1] += 1;
        }
        for member in 0..count {
            starts[member + 1] += starts[member];
        }
        let mut next = starts.clone();
        let mut groups = vec![0; self.members.len()];
        for number in 0..self.len() {
            for member in self.group(number) {
                let place = &mut next[*member as usize];
                groups[*place] = number as u32;
                *place += 1;
            }
        }
        (starts, groups)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn lists(groups: &Groups) -> Vec<Vec<u32>> {
        let mut lists: Vec<Vec<u32>> = (0..groups.len())
            .map(|number| groups.group(number).to_vec())
            .collect();
        lists.sort();
        lists
    }

    proptest! {
        #[test]
        fn groups_are_those_of_a_map(texts in prop::collection::vec((0_u64..9, 0_u64..3), 0..60), again in 0_u64..3) {
            let mut band = Band::new(texts.len());
            let mut expected: BTreeMap<(u64, u64), Vec<u32>> = BTreeMap::new();
            for (number, (key, context)) in (0_u32..).zip(&texts) {
                for context in [*context, again] {
                    band.add(number, *key, context);
                    let group = expected.entry((*key, context)).or_default();
                    if *key != 0 && group.last() != Some(&number) {
                        group.push(number);
                    }
                }
            }
            let mut expected: Vec<Vec<u32>> = expected.into_values().filter(|group| group.len() > 1).collect();
            expected.sort();
            let groups = band.groups();
            prop_assert_eq!(lists(&groups), expected.clone());
            // Another order of the members, and which groups each is in.
            let mut order = groups.distinct();
            order.reverse();
            let renumbered = groups.renumbered(&order);
            let back = (0..renumbered.len()).map(|number| {
                let members = renumbered.group(number).iter().rev();
                members.map(|member| order[*member as usize]).collect::<Vec<_>>()
            });
            let mut back: Vec<_> = back.collect();
            back.sort();
            prop_assert_eq!(back, expected);
            let (starts, of) = renumbered.of_members(order.len());
            for member in 0..order.len() {
                let found = of[starts[member]..starts[member + 1]].to_vec();
                let slow: Vec<u32> = (0..renumbered.len() as u32)
                    .filter(|number| renumbered.group(*number as usize).contains(&(member as u32))).collect();
                prop_assert_eq!(found, slow);
            }
        }
    }
}
