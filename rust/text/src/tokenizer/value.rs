//! The ids of a word in eight bytes.

/// In place of the second number: the word is one token.
const NONE: u32 = u32::MAX;
/// In the second number, above how many there are: the ids lie apart, from where the first number says.
const APART: u32 = 1 << 31;
/// Beside it: they lie with the words that are being looked up, not with a cache.
const PASSING: u32 = 1 << 30;

/// One id or two; or where more lie, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Value([u32; 2]);

impl Value {
    /// What stands where no word does.
    pub const FREE: Self = Self([0; 2]);

    /// In place of the second number where there is one id.
    pub const NO_SECOND: u32 = NONE;

    /// One id or two; more have to lie apart.
    #[inline]
    pub fn of(ids: &[u32]) -> Option<Self> {
        match ids {
            [first] => Some(Self([*first, NONE])),
            [first, second] => Some(Self([*first, *second])),
            _ => None,
        }
    }

    /// The value of ids; more than two are appended to `apart`.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "what lies apart is bounded, and so are words that are kept"
    )]
    pub fn keep(ids: &[u32], apart: &mut Vec<u32>) -> Self {
        Self::of(ids).unwrap_or_else(|| {
            let start = apart.len() as u32;
            apart.extend_from_slice(ids);
            Self([start, APART | ids.len() as u32])
        })
    }

    /// As [`Self::keep`], in a list of ids that are needed once.
    pub fn pass(ids: &[u32], apart: &mut Vec<u32>) -> Self {
        let mut value = Self::keep(ids, apart);
        if value.apart().is_some() {
            value.0[1] |= PASSING;
        }
        value
    }

    /// Whether the ids lie apart, in the list that [`Self::pass`] appended them to.
    #[inline]
    pub fn is_passing(self) -> bool {
        self.0[1] & (APART | PASSING) == APART | PASSING && self.0[1] != NONE
    }

    /// How many ids lie apart, if they do.
    #[inline]
    pub fn apart(self) -> Option<usize> {
        let apart = self.0[1] & APART != 0 && self.0[1] != NONE;
        apart.then_some((self.0[1] & !(APART | PASSING)) as usize)
    }

    /// How many ids there are.
    #[inline]
    pub fn count(self) -> usize {
        self.apart().unwrap_or(self.ids().1)
    }

    /// The ids that lie apart, in the list that [`Self::keep`] appended them to.
    pub fn within(self, apart: &[u32]) -> &[u32] {
        &apart[self.0[0] as usize..][..self.apart().unwrap_or(0)]
    }

    /// The ids where they do not lie apart, and how many of the two there are.
    #[inline]
    pub fn ids(self) -> ([u32; 2], usize) {
        (self.0, 1 + usize::from(self.0[1] != NONE))
    }
}
