//! The names of an archive's members, to be looked up.

use std::cmp::Ordering;

/// Names, and their members' numbers in the order of names, and in that of names read from behind.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: Vec<u8>,
    /// Where each name ends in `text`.
    ends: Vec<u64>,
    by_name: Vec<u32>,
    by_end: Vec<u32>,
}

/// What is found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Nothing,
    One(u32),
    /// More than one, the first of which is this.
    Several(u32),
}

impl Names {
    /// Adds a member's name; false when there are as many as can be counted.
    pub(crate) fn push(&mut self, name: &[u8]) -> bool {
        let Ok(number) = u32::try_from(self.ends.len()) else {
            return false;
        };
        self.text.extend_from_slice(plain(name));
        self.ends.push(self.text.len() as u64);
        self.by_name.push(number);
        self.by_end.push(number);
        true
    }

    /// Puts the names in order, after the last one was added.
    pub(crate) fn sort(&mut self) {
        let mut by_name = std::mem::take(&mut self.by_name);
        by_name.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)).then(a.cmp(b)));
        let mut by_end = std::mem::take(&mut self.by_end);
        by_end.sort_unstable_by(|a, b| from_behind(self.name(*a), self.name(*b)).then(a.cmp(b)));
        (self.by_name, self.by_end) = (by_name, by_end);
    }

    pub(crate) fn name(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "places in a text that is in memory"
        )]
        let range = start as usize..self.ends[number] as usize;
        &self.text[range]
    }

    /// The member of this name.
    pub(crate) fn find(&self, name: &str) -> Lookup {
        let name = name.as_bytes();
        let first = self
            .by_name
            .partition_point(|number| self.name(*number) < name);
        let mut found = self.by_name[first..].iter();
        let mut next = || found.next().filter(|number| self.name(**number) == name);
        match (next().copied(), next()) {
            (None, _) => Lookup::Nothing,
            (Some(number), None) => Lookup::One(number),
            (Some(number), Some(_)) => Lookup::Several(number),
        }
    }

    /// Up to two of the members whose name ends in the whole path, or whose whole name the path ends in: folders were
    /// left out when the archive was packed, or when it was told of.
    pub(crate) fn similar(&self, path: &str) -> Vec<u32> {
        let end = format!("/{path}").into_bytes();
        let is_before = |number: &u32| from_behind(self.name(*number), &end).is_lt();
        let longer = self.by_end[self.by_end.partition_point(is_before)..].iter();
        let longer = longer.take_while(|number| self.name(**number).ends_with(&end));
        let mut found: Vec<u32> = longer.take(2).copied().collect();
        for (folder, _) in path.match_indices('/') {
            match self.find(&path[folder + 1..]) {
                Lookup::Nothing => {}
                Lookup::One(number) => found.push(number),
                Lookup::Several(number) => found.extend([number; 2]),
            }
        }
        found.truncate(2);
        found
    }
}

/// The order of names read from behind: those with the same end stand together.
fn from_behind(left: &[u8], right: &[u8]) -> Ordering {
    left.iter().rev().cmp(right.iter().rev())
}

/// The name without `./` at its beginning, which `tar c .` writes.
fn plain(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"./") {
        name = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        let mut all = Names::default();
        names
            .iter()
            .for_each(|name| assert!(all.push(name.as_bytes())));
        all.sort();
        all
    }

    #[test]
    fn members_are_found_by_name() {
        let names = names(&["b", "./a/x.jpg", "b", "a/y.jpg", "", "é"]);
        for (name, expected) in [
            ("a/x.jpg", Lookup::One(1)),
            ("a/y.jpg", Lookup::One(3)),
            ("b", Lookup::Several(0)),
            ("a", Lookup::Nothing),
            ("é", Lookup::One(5)),
            ("z", Lookup::Nothing),
        ] {
            assert_eq!(names.find(name), expected, "{name}");
        }
    }

    #[test]
    fn members_are_similar_where_one_path_ends_in_the_other() {
        let names = names(&["x.jpg", "a/y.jpg", "b/y.jpg", "c/d/z.jpg", "xz.jpg"]);
        let similar = |path: &str| names.similar(path);
        assert_eq!(similar("images/x.jpg"), [0]);
        assert_eq!(similar("y.jpg"), [1, 2]);
        assert_eq!(similar("images/a/y.jpg"), [1]);
        assert_eq!(similar("images/y.jpg"), []);
        assert_eq!(similar("d/z.jpg"), [3]);
        assert_eq!(similar("z.jpg"), [3]);
        assert_eq!(similar("q/z.jpg"), []);
        assert_eq!(similar(".jpg"), []);
        assert_eq!(similar("q/"), []);
    }

    /// Each path that an archive lacks is looked up, also where all of its members have one name in folders of their own.
    #[test]
    fn many_members_of_one_name_are_not_gone_through() {
        let folders: Vec<String> = (0..100_000)
            .map(|folder| format!("{folder}/image.png"))
            .collect();
        let names = names(&folders.iter().map(String::as_str).collect::<Vec<_>>());
        let started = std::time::Instant::now();
        for row in 0..100_000 {
            assert_eq!(names.similar(&format!("x{row}/image.png")), []);
        }
        assert_eq!(names.similar("image.png").len(), 2);
        assert!(started.elapsed().as_secs() < 20);
    }
}
