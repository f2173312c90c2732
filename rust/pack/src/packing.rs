//! Lengths in, packs out.

use crate::PackError;
use crate::fill::exact_fill;
use crate::fit::best_fit;
use crate::order::{count_lengths, longest_first};

/// The largest capacity: tables of one word for every possible length stay small below it.
pub const MAX_CAPACITY: u32 = 1 << 24;

/// Which items lie in which pack.
///
/// Packs are in the order in which they were opened, so the longest item of each is its first and
/// these descend; items are in the order in which they were placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// Items of pack `p` are `items[offsets[p]..offsets[p + 1]]`; one more entry than packs.
    pub offsets: Vec<u32>,
    /// Positions in the input, pack after pack.
    pub items: Vec<u32>,
}

/// Packs whole items by best fit decreasing, or by exact fill where that needs fewer packs.
///
/// Best fit is kept where it reaches [`Packing::lower_bound`]. Items of equal length are placed in input
/// order, so equal inputs give equal packs.
///
/// # Errors
/// An item of length 0 or longer than `capacity` is named, never dropped or cut; a capacity of 0 or
/// above [`MAX_CAPACITY`] is refused.
///
/// ```
/// let packing = octomed_pack::pack_lengths(&[3, 9, 1, 5], 10)?;
/// assert_eq!(packing.pack(0), [1, 2]);
/// assert_eq!(packing.pack(1), [3, 0]);
/// # Ok::<(), octomed_pack::PackError>(())
/// ```
pub fn pack_lengths(lengths: &[u32], capacity: u32) -> Result<Packing, PackError> {
    check_capacity(capacity)?;
    let counts = count_lengths(lengths, capacity)?;
    let (places, packs) = best_fit(&counts, lengths.len(), capacity);
    let order = longest_first(lengths, &counts);
    if packs as u64 > Packing::lower_bound(lengths, capacity) {
        let (offsets, items) = exact_fill(&order, &counts);
        if offsets.len() - 1 < packs {
            return Ok(Packing { offsets, items });
        }
    }
    Ok(gather(&order, &places, packs))
}

/// Refuses a capacity that no table is made for.
pub(crate) fn check_capacity(capacity: u32) -> Result<(), PackError> {
    if capacity == 0 || capacity > MAX_CAPACITY {
        return Err(PackError::Capacity {
            capacity,
            limit: MAX_CAPACITY,
        });
    }
    Ok(())
}

/// Brings the items of each pack together.
fn gather(order: &[u32], places: &[u32], packs: usize) -> Packing {
    let mut offsets = vec![0_u32; packs + 1];
    for &pack in places {
        offsets[pack as usize + 1] += 1;
    }
    for pack in 0..packs {
        offsets[pack + 1] += offsets[pack];
    }
    let mut next = offsets.clone();
    let mut items = vec![0_u32; order.len()];
    for (&item, &pack) in order.iter().zip(places) {
        let slot = &mut next[pack as usize];
        items[*slot as usize] = item;
        *slot += 1;
    }
    Packing { offsets, items }
}

impl Packing {
    /// Number of packs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is no pack.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items of pack `pack`, longest first.
    ///
    /// # Panics
    /// If there is no such pack.
    #[must_use]
    pub fn pack(&self, pack: usize) -> &[u32] {
        &self.items[self.offsets[pack] as usize..self.offsets[pack + 1] as usize]
    }

    /// The packs in order.
    pub fn packs(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|pack| self.pack(pack))
    }

    /// The share of all packs' capacity that `lengths` fill; 1 when there is no pack.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share, printed with a few digits"
    )]
    pub fn fill(&self, lengths: &[u32], capacity: u32) -> f64 {
        if self.is_empty() {
            return 1.0;
        }
        total(lengths) as f64 / (self.len() as u64 * u64::from(capacity)) as f64
    }

    /// A number of packs that no packing goes below: by volume, and because two items longer than half
    /// the capacity never share one.
    #[must_use]
    pub fn lower_bound(lengths: &[u32], capacity: u32) -> u64 {
        let halves = lengths
            .iter()
            .filter(|&&length| length > capacity / 2)
            .count() as u64;
        total(lengths)
            .div_ceil(u64::from(capacity.max(1)))
            .max(halves)
    }
}

/// The sum of `lengths`.
fn total(lengths: &[u32]) -> u64 {
    lengths.iter().map(|&length| u64::from(length)).sum()
}
