//! The ids of a word in eight bytes.

/// In place of the second number: the word is one token.
const NONE: u32 = u32::MAX;
/// Flag in the second number: there are more than two ids. They are in a list of spilled ids, from the index that the
/// first number gives; the bits below the flags are how many there are.
const SPILLED: u32 = 1 << 31;
/// Flag next to [`SPILLED`]: that list belongs to the batch of words at hand, and is emptied with it. The value must not
/// be kept in a cache.
const TRANSIENT: u32 = 1 << 30;

/// One id or two; or where more are listed, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct TokenIds([u32; 2]);

impl TokenIds {
    /// The value of a free slot.
    pub const FREE: Self = Self([0; 2]);

    /// In place of the second number where there is one id.
    #[cfg(target_arch = "x86_64")]
    pub const NO_SECOND: u32 = NONE;

    /// One id or two; none where there are more, which have to be spilled.
    #[inline]
    pub fn of(ids: &[u32]) -> Option<Self> {
        match ids {
            [first] => Some(Self([*first, NONE])),
            [first, second] => Some(Self([*first, *second])),
            _ => None,
        }
    }

    /// The value of ids; more than two are appended to `spilled`, the list of a cache.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "what is spilled is bounded, and so are words that are kept"
    )]
    pub fn keep(ids: &[u32], spilled: &mut Vec<u32>) -> Self {
        Self::of(ids).unwrap_or_else(|| {
            let start = spilled.len() as u32;
            spilled.extend_from_slice(ids);
            Self([start, SPILLED | ids.len() as u32])
        })
    }

    /// As [`Self::keep`]; `spilled` is the list of a batch of words.
    pub fn transient(ids: &[u32], spilled: &mut Vec<u32>) -> Self {
        let mut value = Self::keep(ids, spilled);
        if value.spilled().is_some() {
            value.0[1] |= TRANSIENT;
        }
        value
    }

    /// Whether the ids are in the list of a batch, from [`Self::transient`].
    #[inline]
    pub fn is_transient(self) -> bool {
        self.0[1] & (SPILLED | TRANSIENT) == SPILLED | TRANSIENT && self.0[1] != NONE
    }

    /// How many ids are spilled, if they are.
    #[inline]
    pub fn spilled(self) -> Option<usize> {
        let spilled = self.0[1] & SPILLED != 0 && self.0[1] != NONE;
        spilled.then_some((self.0[1] & !(SPILLED | TRANSIENT)) as usize)
    }

    /// How many ids there are.
    #[inline]
    pub fn count(self) -> usize {
        self.spilled().unwrap_or(self.ids().1)
    }

    /// The spilled ids, in the list that they were appended to.
    pub fn within(self, spilled: &[u32]) -> &[u32] {
        &spilled[self.0[0] as usize..][..self.spilled().unwrap_or(0)]
    }

    /// The ids where they are not spilled, and how many of the two there are.
    #[inline]
    pub fn ids(self) -> ([u32; 2], usize) {
        (self.0, 1 + usize::from(self.0[1] != NONE))
    }
}
