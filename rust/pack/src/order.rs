//! Items sorted longest first, by counting.

use crate::PackError;

/// How many items there are of each length from 0 to `capacity`.
///
/// # Errors
/// Names the first item that has no tokens or more than `capacity`.
pub(crate) fn count_lengths(lengths: &[u32], capacity: u32) -> Result<Vec<u32>, PackError> {
    if lengths.len() >= u32::MAX as usize {
        return Err(PackError::TooMany {
            items: lengths.len(),
        });
    }
    let mut counts = vec![0_u32; capacity as usize + 1];
    for (item, &length) in lengths.iter().enumerate() {
        if length == 0 {
            return Err(PackError::Empty { item });
        }
        let Some(count) = counts.get_mut(length as usize) else {
            return Err(PackError::TooLong {
                item,
                length,
                capacity,
            });
        };
        *count += 1;
    }
    Ok(counts)
}

/// Item numbers, longest first; items of one length stay in input order.
pub(crate) fn longest_first(lengths: &[u32], counts: &[u32]) -> Vec<u32> {
    let mut starts = vec![0_u32; counts.len()];
    let mut start = 0;
    for (slot, count) in starts.iter_mut().zip(counts).rev() {
        *slot = start;
        start += count;
    }
    let mut order = vec![0_u32; lengths.len()];
    for (item, &length) in (0_u32..).zip(lengths) {
        let slot = &mut starts[length as usize];
        order[*slot as usize] = item;
        *slot += 1;
    }
    order
}
