//! Large memory that is about to be written, in huge pages where the system gives them: a page of 4 KiB
//! costs a fault when it is first touched, and filling one is often dearer than copying into it. And files that
//! are about to be read.

mod table;

pub use table::HugeTable;

/// The size of a huge page, and the alignment of a table.
const HUGE: usize = 2 << 20;

/// Makes room for `more` values in a vector that is filled next.
pub fn reserve<T>(values: &mut Vec<T>, more: usize) {
    values.reserve_exact(more);
    advise(
        values.as_mut_ptr().cast(),
        values.capacity() * size_of::<T>(),
    );
}

/// Empties a vector whose memory is to be filled again later; the system may take the memory until then. Returns
/// whether that is worth it: not where the system cannot, and not for less than a huge page.
pub fn rest<T: Copy>(values: &mut Vec<T>) -> bool {
    values.clear();
    let (memory, bytes) = (
        values.as_mut_ptr().cast(),
        values.capacity() * size_of::<T>(),
    );
    release(memory, bytes)
}

#[cfg(any(not(target_os = "linux"), miri))]
fn release(_memory: *mut u8, _bytes: usize) -> bool {
    false
}

/// Tells the system that the content of the huge pages inside the memory is not needed. Miri's knows no such call.
#[cfg(all(target_os = "linux", not(miri)))]
fn release(memory: *mut u8, bytes: usize) -> bool {
    let inside = memory.align_offset(HUGE);
    let whole = bytes.saturating_sub(inside) / HUGE * HUGE;
    if whole == 0 {
        return false;
    }
    // SAFETY: inside the memory, whose content nobody reads before it is written again.
    let freed =
        unsafe { libc::madvise(memory.wrapping_add(inside).cast(), whole, libc::MADV_FREE) };
    freed == 0
}

/// Asks the system for huge pages under all that lies inside the memory; small memory stays as it is.
#[cfg_attr(
    any(not(target_os = "linux"), miri),
    allow(unused_variables, reason = "no such advice")
)]
fn advise(memory: *mut u8, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        let inside = memory.align_offset(HUGE);
        if bytes > inside {
            // SAFETY: advice changes no content, whatever the range, and its failure does not matter.
            unsafe {
                libc::madvise(
                    memory.wrapping_add(inside).cast(),
                    bytes - inside,
                    libc::MADV_HUGEPAGE,
                );
            }
        }
    }
}

/// Asks the system to read a part of a file ahead, as one long read; it comes into the page cache, without waiting.
#[cfg_attr(
    not(target_os = "linux"),
    allow(unused_variables, reason = "no such advice")
)]
pub fn read_ahead(file: &std::fs::File, start: u64, length: u64) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let (Ok(start), Ok(length)) = (i64::try_from(start), i64::try_from(length)) else {
            return; // no file is as long
        };
        // SAFETY: advice about a file that is open, which changes no content; its failure does not matter.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), start, length, libc::POSIX_FADV_WILLNEED) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of several huge pages; fewer for Miri, which has none and fills a million in a minute.
    const MANY: usize = if cfg!(miri) { 3 << 10 } else { 3 << 20 };

    #[test]
    fn a_table_holds_its_values_at_a_huge_page() {
        let mut table = HugeTable::new([7_u64, 8], 300_000);
        table[299_999] = [1, 2];
        assert_eq!((table[0], table[299_999]), ([7, 8], [1, 2]));
        assert_eq!(
            (table.len(), table.as_ptr().align_offset(HUGE)),
            (300_000, 0)
        );
    }

    #[test]
    fn memory_that_rested_is_filled_again() {
        let mut values = vec![5_u32; MANY];
        let capacity = values.capacity();
        let can = cfg!(all(target_os = "linux", not(miri)));
        assert_eq!(rest(&mut values), can);
        values.resize(capacity, 6);
        assert_eq!(
            (values.len(), values[0], values[capacity - 1]),
            (MANY, 6, 6)
        );
        assert!(!rest(&mut vec![1_u8; 100]));
    }

    #[test]
    fn room_is_made_and_nothing_is_lost() {
        let mut values = vec![1_u32, 2, 3];
        reserve(&mut values, MANY);
        assert!(values.capacity() >= 3 + MANY);
        values.resize(3 + MANY, 9);
        assert_eq!((&values[..3], values[MANY]), (&[1, 2, 3][..], 9));
    }
}
