//! The names of an archive's members, to be looked up.

/// Names, and their members' numbers by name and by last part.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: Vec<u8>,
    /// Where each name ends in `text`.
    ends: Vec<u64>,
    by_name: Vec<u32>,
    by_base: Vec<u32>,
}

/// What is found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Nothing,
    One(u32),
    Several,
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
        self.by_base.push(number);
        true
    }

    /// Puts the names in order, after the last one was added.
    pub(crate) fn sort(&mut self) {
        let mut by_name = std::mem::take(&mut self.by_name);
        by_name.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)).then(a.cmp(b)));
        let mut by_base = std::mem::take(&mut self.by_base);
        by_base.sort_unstable_by(|a, b| {
            let bases = base(self.name(*a)).cmp(base(self.name(*b)));
            bases.then(a.cmp(b))
        });
        (self.by_name, self.by_base) = (by_name, by_base);
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
            (Some(_), Some(_)) => Lookup::Several,
        }
    }

    /// The members whose name ends in the whole path, or whose whole name the path ends in: folders were left out when
    /// the archive was packed, or when it was told of.
    pub(crate) fn similar<'n>(&'n self, path: &'n str) -> impl Iterator<Item = u32> + 'n {
        let path = path.as_bytes();
        let wanted = base(path);
        let first = self
            .by_base
            .partition_point(|number| base(self.name(*number)) < wanted);
        let same = self.by_base[first..].iter().copied();
        let same = same.take_while(move |number| base(self.name(*number)) == wanted);
        same.filter(move |number| {
            let name = self.name(*number);
            ends_in(name, path) || ends_in(path, name)
        })
    }
}

/// The name without `./` at its beginning, which `tar c .` writes.
fn plain(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"./") {
        name = rest;
    }
    name
}

fn base(name: &[u8]) -> &[u8] {
    let folder = name.iter().rposition(|byte| *byte == b'/');
    &name[folder.map_or(0, |at| at + 1)..]
}

/// Whether a path ends in another, by whole parts.
fn ends_in(path: &[u8], end: &[u8]) -> bool {
    let folder = path.strip_suffix(end);
    folder.is_some_and(|folder| folder.is_empty() || folder.ends_with(b"/"))
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
            ("b", Lookup::Several),
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
        let similar = |path: &str| names.similar(path).collect::<Vec<_>>();
        assert_eq!(similar("images/x.jpg"), [0]);
        assert_eq!(similar("y.jpg"), [1, 2]);
        assert_eq!(similar("images/a/y.jpg"), [1]);
        assert_eq!(similar("images/y.jpg"), []);
        assert_eq!(similar("d/z.jpg"), [3]);
        assert_eq!(similar("z.jpg"), [3]);
        assert_eq!(similar("q/z.jpg"), []);
    }
}
