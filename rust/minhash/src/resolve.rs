//! Which texts of the groups go: those near to one that stays, by their exact texts.
//!
//! Texts have numbers in the order in which they are kept: the first stays, what is near to it goes, the next of the rest
//! stays, and so on. Texts are in memory by windows of that order. A window is resolved by itself, then its kept
//! texts are compared with all later ones that share a group; so what comes out is the same with windows of any size.

use std::collections::BTreeSet;

use crate::clusters::Clusters;
use crate::groups::Groups;
use crate::shingles::{Shingles, jaccard_from};

/// Of a group, as many kept texts, the first, are compared with all others. Where a group has more, its texts share a
/// band by chance or by a form of words, and comparing each with each would be quadratic.
pub const MOST_KEPT: u32 = 64;

/// Pairs that are in memory at once.
const MOST_PAIRS: usize = 4 << 20;

/// What decides, besides the texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The share of all runs from which on two texts are near to each other.
    pub threshold: f64,
    /// Bytes of runs in memory at once, about.
    pub memory: u64,
}

/// A text that is near to one that stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearText {
    /// The text.
    pub text: u32,
    /// The one that stays.
    pub kept: u32,
    /// The share of all their runs that both have.
    pub jaccard: f64,
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// Texts near to one that stays, ascending.
    pub near: Vec<NearText>,
    /// For each text the smallest number of its cluster: texts connected by pairs that passed.
    pub clusters: Vec<u32>,
    /// Pairs whose texts were compared.
    pub compared: u64,
    /// Groups in which more texts stay than were compared with all others.
    pub crowded: u64,
}

/// What a reader gives: the sets of these texts, in their order.
pub trait Sets {
    /// Why texts cannot be read.
    type Error;

    /// Bytes of a text's runs, about; known without reading it.
    fn bytes(&self, text: u32) -> u64;

    /// Whether two texts may be near duplicates at all.
    fn are_comparable(&self, one: u32, other: u32) -> bool;

    /// Reads texts; the numbers are ascending.
    ///
    /// # Errors
    /// When one cannot be read.
    fn read(&mut self, texts: &[u32]) -> Result<Vec<Shingles>, Self::Error>;
}

/// Resolves the groups of `count` texts.
///
/// # Errors
/// When texts cannot be read.
pub fn resolve<S: Sets>(
    groups: &Groups,
    count: usize,
    limits: Limits,
    sets: &mut S,
) -> Result<Resolved, S::Error> {
    let (starts, of_members) = groups.of_members(count);
    let mut resolution = Resolution {
        groups,
        starts,
        of_members,
        limits,
        kept_of: vec![None; count],
        texts: Vec::new(),
        kept_in: vec![0; groups.len()],
        met: vec![u32::MAX; count],
        clusters: Clusters::new(count),
        compared: 0,
    };
    resolution.texts.resize_with(count, || None);
    let mut first = 0;
    while first < count {
        first = resolution.window(first, sets)?;
    }
    resolution.unite(sets)?;
    Ok(resolution.finish())
}

struct Resolution<'g> {
    groups: &'g Groups,
    starts: Vec<usize>,
    of_members: Vec<u32>,
    limits: Limits,
    /// For a text that goes: the one that stays, and how near it is.
    kept_of: Vec<Option<(u32, f64)>>,
    texts: Vec<Option<Shingles>>,
    /// How many texts of each group stay, so far.
    kept_in: Vec<u32>,
    /// The text that each was last compared with.
    met: Vec<u32>,
    clusters: Clusters,
    compared: u64,
}

impl Resolution<'_> {
    /// Resolves the texts from `first` on that fit the memory, and returns the first that does not.
    fn window<S: Sets>(&mut self, first: usize, sets: &mut S) -> Result<usize, S::Error> {
        let (mut window, mut bytes, mut end) = (Vec::new(), 0, first);
        while end < self.kept_of.len() && (bytes == 0 || bytes < self.limits.memory / 2) {
            if self.kept_of[end].is_none() {
                window.push(end as u32);
                bytes += sets.bytes(end as u32).max(1);
            }
            end += 1;
        }
        self.load(&window, sets)?;
        let mut kept: Vec<(u32, Vec<u32>)> = Vec::new();
        for &text in &window {
            if self.kept_of[text as usize].is_none() {
                let compares = self.stays(text);
                self.meet_loaded(text, &compares, sets);
                kept.push((text, compares));
            }
        }
        self.meet_later(end, &kept, sets)?;
        self.unload(&window);
        Ok(end)
    }

    fn load<S: Sets>(&mut self, texts: &[u32], sets: &mut S) -> Result<(), S::Error> {
        let read = sets.read(texts)?;
        for (&text, shingles) in texts.iter().zip(read) {
            self.texts[text as usize] = Some(shingles);
        }
        Ok(())
    }

    fn unload(&mut self, texts: &[u32]) {
        for &text in texts {
            self.texts[text as usize] = None;
        }
    }

    /// Notes that a text stays, and returns the groups in which it is compared with the others.
    fn stays(&mut self, text: u32) -> Vec<u32> {
        let at = text as usize;
        let mut compares = Vec::new();
        for &group in &self.of_members[self.starts[at]..self.starts[at + 1]] {
            let kept_in = &mut self.kept_in[group as usize];
            if *kept_in < MOST_KEPT {
                compares.push(group);
            }
            *kept_in += 1;
        }
        compares
    }

    /// Compares a text that stays with what is in memory of its groups.
    fn meet_loaded<S: Sets>(&mut self, kept: u32, compares: &[u32], sets: &S) {
        for &group in compares {
            let members = self.groups.group(group as usize);
            let later = members.partition_point(|&member| member <= kept);
            for &member in &members[later..] {
                if self.texts[member as usize].is_some() && self.is_open(kept, member) {
                    self.compare(kept, member, sets);
                }
            }
        }
    }

    /// Whether a text has not gone, nor met this one.
    fn is_open(&mut self, kept: u32, member: u32) -> bool {
        let met = std::mem::replace(&mut self.met[member as usize], kept);
        met != kept && self.kept_of[member as usize].is_none()
    }

    fn compare<S: Sets>(&mut self, kept: u32, member: u32, sets: &S) {
        if !sets.are_comparable(kept, member) {
            return;
        }
        if let Some(jaccard) = self.jaccard(kept, member) {
            self.kept_of[member as usize] = Some((kept, jaccard));
            self.clusters.unite(kept, member);
        }
    }

    /// How near two texts in memory are, if they are near.
    fn jaccard(&mut self, one: u32, other: u32) -> Option<f64> {
        let [one, other] = [one, other].map(|text| self.texts[text as usize].as_ref());
        self.compared += 1;
        jaccard_from(one?, other?, self.limits.threshold)
    }

    /// Compares the texts that stay with those from `end` on, which are read for that.
    fn meet_later<S: Sets>(
        &mut self,
        end: usize,
        kept: &[(u32, Vec<u32>)],
        sets: &mut S,
    ) -> Result<(), S::Error> {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (text, compares) in kept {
            for &group in compares {
                let members = self.groups.group(group as usize);
                let later = members.partition_point(|&member| (member as usize) < end);
                for &member in &members[later..] {
                    if self.is_open(*text, member) && sets.are_comparable(*text, member) {
                        pairs.push((member, *text));
                    }
                }
            }
            if pairs.len() > MOST_PAIRS {
                self.meet_pairs(&mut pairs, sets)?;
            }
        }
        self.meet_pairs(&mut pairs, sets)
    }

    /// Compares texts with ones that are in memory, reading them a part at a time: each in the order of those that stay.
    fn meet_pairs<S: Sets>(
        &mut self,
        pairs: &mut Vec<(u32, u32)>,
        sets: &mut S,
    ) -> Result<(), S::Error> {
        pairs.sort_unstable();
        let mut rest = pairs.as_slice();
        while !rest.is_empty() {
            let (mut texts, mut bytes, mut used) = (Vec::new(), 0, 0);
            for of_text in rest.chunk_by(|one, next| one.0 == next.0) {
                if bytes > self.limits.memory / 2 {
                    break;
                }
                bytes += sets.bytes(of_text[0].0);
                texts.push(of_text[0].0);
                used += of_text.len();
            }
            texts.retain(|text| self.kept_of[*text as usize].is_none());
            self.load(&texts, sets)?;
            for &(member, text) in &rest[..used] {
                if self.kept_of[member as usize].is_none() {
                    self.compare(text, member, sets);
                }
            }
            self.unload(&texts);
            rest = &rest[used..];
        }
        pairs.clear();
        Ok(())
    }

    /// Unites clusters by pairs of which one had gone before they met: of a group, the first texts with all others.
    fn unite<S: Sets>(&mut self, sets: &mut S) -> Result<(), S::Error> {
        let clusters = self.clusters.clone().smallest();
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for number in 0..self.groups.len() {
            let members = self.groups.group(number);
            for (at, &one) in members.iter().enumerate().take(MOST_KEPT as usize) {
                let others = members[at + 1..].iter().filter(|&&other| {
                    clusters[one as usize] != clusters[other as usize]
                        && !self.have_met(one, other)
                        && sets.are_comparable(one, other)
                });
                pairs.extend(others.map(|other| (one, *other)));
            }
            if pairs.len() > MOST_PAIRS {
                self.unite_pairs(&mut pairs, sets)?;
            }
        }
        self.unite_pairs(&mut pairs, sets)
    }

    /// Whether the earlier of two texts stays, and the later one had not gone when it came to be compared.
    fn have_met(&self, one: u32, other: u32) -> bool {
        let gone = |kept: Option<(u32, f64)>| kept.is_some_and(|(kept, _)| kept < one);
        self.kept_of[one as usize].is_none() && !gone(self.kept_of[other as usize])
    }

    fn unite_pairs<S: Sets>(
        &mut self,
        pairs: &mut Vec<(u32, u32)>,
        sets: &mut S,
    ) -> Result<(), S::Error> {
        pairs.sort_unstable();
        pairs.dedup();
        let mut rest = pairs.as_slice();
        while !rest.is_empty() {
            let (mut texts, mut bytes, mut used) = (BTreeSet::new(), 0, 0);
            for &(one, other) in rest {
                if bytes > self.limits.memory {
                    break;
                }
                for text in [one, other] {
                    if texts.insert(text) {
                        bytes += sets.bytes(text);
                    }
                }
                used += 1;
            }
            let texts: Vec<u32> = texts.into_iter().collect();
            self.load(&texts, sets)?;
            for &(one, other) in &rest[..used] {
                if self.clusters.find(one) != self.clusters.find(other)
                    && self.jaccard(one, other).is_some()
                {
                    self.clusters.unite(one, other);
                }
            }
            self.unload(&texts);
            rest = &rest[used..];
        }
        pairs.clear();
        Ok(())
    }

    fn finish(self) -> Resolved {
        let texts = (0..).zip(&self.kept_of);
        let near = texts.filter_map(|(text, kept)| {
            let (kept, jaccard) = (*kept)?;
            Some(NearText {
                text,
                kept,
                jaccard,
            })
        });
        Resolved {
            near: near.collect(),
            clusters: self.clusters.smallest(),
            compared: self.compared,
            crowded: self
                .kept_in
                .iter()
                .filter(|kept| **kept > MOST_KEPT)
                .count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::shingles::{Runs, jaccard};

    struct Texts {
        sets: Vec<Shingles>,
        contexts: Vec<u32>,
        read: u64,
        most_bytes: u64,
    }

    impl Texts {
        fn new(texts: &[String], contexts: Vec<u32>) -> Self {
            let mut runs = Runs::new(2);
            Self {
                sets: texts
                    .iter()
                    .map(|text| Shingles::of(text, &mut runs))
                    .collect(),
                contexts,
                read: 0,
                most_bytes: 0,
            }
        }
    }

    impl Sets for Texts {
        type Error = Infallible;

        fn bytes(&self, text: u32) -> u64 {
            8 * self.sets[text as usize].len() as u64
        }

        fn are_comparable(&self, one: u32, other: u32) -> bool {
            self.contexts[one as usize] == self.contexts[other as usize]
        }

        fn read(&mut self, texts: &[u32]) -> Result<Vec<Shingles>, Infallible> {
            assert!(texts.is_sorted_by(|one, next| one < next));
            self.read += texts.len() as u64;
            let bytes = texts.iter().map(|text| self.bytes(*text)).sum();
            self.most_bytes = self.most_bytes.max(bytes);
            Ok(texts
                .iter()
                .map(|text| self.sets[*text as usize].clone())
                .collect())
        }
    }

    /// One group of all texts.
    fn all(count: usize) -> Groups {
        let mut groups = Groups::default();
        groups.push(0..count as u32);
        groups
    }

    fn by(texts: &mut Texts, groups: &Groups, threshold: f64, memory: u64) -> Resolved {
        let limits = Limits { threshold, memory };
        resolve(groups, texts.sets.len(), limits, texts).unwrap()
    }

    /// Each text with all that stay, in order.
    fn slow(texts: &Texts, threshold: f64) -> (Vec<NearText>, Vec<u32>) {
        let count = texts.sets.len() as u32;
        let near = |one: u32, other: u32| {
            let found = jaccard(&texts.sets[one as usize], &texts.sets[other as usize]);
            (texts.are_comparable(one, other) && found >= threshold && found > 0.0).then_some(found)
        };
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        let mut clusters = Clusters::new(count as usize);
        for text in 0..count {
            let first = kept
                .iter()
                .find_map(|&kept| Some((kept, near(kept, text)?)));
            match first {
                Some((kept, jaccard)) => gone.push(NearText {
                    text,
                    kept,
                    jaccard,
                }),
                None => kept.push(text),
            }
            for other in 0..text {
                if near(other, text).is_some() {
                    clusters.unite(other, text);
                }
            }
        }
        (gone, clusters.smallest())
    }

    proptest! {
        #[test]
        fn it_is_what_comparing_each_with_each_gives_in_windows_of_any_size(
            texts in prop::collection::vec(("([ab] ){1,6}", 0_u32..2), 1..24), threshold in 0.2_f64..1.0, memory in 0_u64..400,
        ) {
            let (texts, contexts): (Vec<String>, Vec<u32>) = texts.into_iter().unzip();
            let mut texts = Texts::new(&texts, contexts);
            let groups = all(texts.sets.len());
            let (near, clusters) = slow(&texts, threshold);
            let found = by(&mut texts, &groups, threshold, memory);
            prop_assert_eq!(&found.near, &near);
            prop_assert_eq!(&found.clusters, &clusters);
            prop_assert_eq!(found.crowded, 0);
        }

        #[test]
        fn groups_in_any_order_and_windows_of_any_size_give_the_same(
            texts in prop::collection::vec("([ab] ){1,6}", 2..24), members in prop::collection::vec(prop::collection::btree_set(0_u32..24, 2..9), 1..12),
            memory in 0_u64..400,
        ) {
            let mut texts = Texts::new(&texts, vec![0; 24]);
            let count = texts.sets.len() as u32;
            let of = |lists: &[Vec<u32>]| {
                let mut groups = Groups::default();
                lists.iter().for_each(|list| groups.push(list.iter().copied()));
                groups
            };
            let mut lists: Vec<Vec<u32>> = members.into_iter()
                .map(|list| list.into_iter().filter(|member| *member < count).collect()).collect();
            let one = by(&mut texts, &of(&lists), 0.5, u64::MAX);
            lists.reverse();
            let other = by(&mut texts, &of(&lists), 0.5, memory);
            prop_assert_eq!((one.near, one.clusters), (other.near, other.clusters));
        }
    }

    #[test]
    fn what_remains_of_a_cluster_is_resolved_again() {
        // b is near to a and to c, which are not near to each other: a and c stay, in one cluster.
        let texts = [
            "1 2 3 4 5 6 7 8 9",
            "2 3 4 5 6 7 8 9 10",
            "3 4 5 6 7 8 9 10 11",
        ]
        .map(str::to_owned);
        let mut texts = Texts::new(&texts, vec![0; 3]);
        let found = by(&mut texts, &all(3), 0.7, 0);
        assert_eq!(
            found.near,
            [NearText {
                text: 1,
                kept: 0,
                jaccard: 7.0 / 9.0
            }]
        );
        assert_eq!(found.clusters, [0, 0, 0]);
    }

    #[test]
    fn a_large_cluster_takes_no_more_than_a_comparison_a_text() {
        let texts: Vec<String> = (0..20_000)
            .map(|number| format!("one two three four five six seven {}", number % 3))
            .collect();
        let mut texts = Texts::new(&texts, vec![0; 20_000]);
        for memory in [u64::MAX, 60_000] {
            (texts.read, texts.most_bytes) = (0, 0);
            let mut groups = all(20_000);
            (0..9).for_each(|_| groups.append(&all(20_000)));
            let found = by(&mut texts, &groups, 0.7, memory);
            assert_eq!(found.near.len(), 19_999);
            assert_eq!(found.compared, 19_999);
            assert!(
                texts.read <= 20_000 && texts.most_bytes <= memory,
                "{} {}",
                texts.read,
                texts.most_bytes
            );
        }
    }

    #[test]
    fn a_crowd_that_shares_a_band_and_no_more_is_not_compared_each_with_each() {
        let count = 5_000;
        let texts: Vec<String> = (0..count)
            .map(|number| format!("the same words here {number}x {number}y {number}z {number}"))
            .collect();
        let mut texts = Texts::new(&texts, vec![0; count]);
        let found = by(&mut texts, &all(count), 0.8, u64::MAX);
        assert_eq!((found.near.len(), found.crowded), (0, 1));
        assert!(found.compared <= u64::from(MOST_KEPT) * count as u64);
    }
}
