//! Token ids as the working store keeps them: two bytes for most, four for the rest.
//!
//! The frequent tokens of a byte-pair vocabulary have the low ids, so a 16-bit word holds nine in
//! ten. A word of [`ESCAPE`] and above is the high half of an id whose low half follows, as UTF-16
//! does it. The store is read back from memory when it fits the page cache, so half the bytes are
//! worth the few instructions.

/// Words below this are ids themselves.
const ESCAPE: u32 = 0xE000;

/// Ids below this can be stored.
pub const ID_LIMIT: u32 = (0x1_0000 - ESCAPE) << 16;

/// Appends `ids` to `out`. Every id is below [`ID_LIMIT`]; the scanner checks the vocabulary once.
pub fn pack_ids(ids: &[u32], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + ids.len() * 4, 0);
    let words = out[start..].as_chunks_mut::<2>().0;
    let mut used = 0;
    for &id in ids {
        // Both words of an id that takes two: the second is written over where one is enough. One id in ten takes
        // two, and a branch on that would be mispredicted as often.
        let escaped = id >= ESCAPE;
        let first = if escaped { ESCAPE + (id >> 16) } else { id };
        words[used] = (first as u16).to_le_bytes();
        words[used + 1] = (id as u16).to_le_bytes();
        used += 1 + usize::from(escaped);
    }
    out.truncate(start + 2 * used);
}

/// Writes the ids in `stored` to `out`, four little-endian bytes each.
///
/// Returns whether `out` is filled exactly, which only a damaged block fails to do.
pub fn unpack_ids(stored: &[u8], out: &mut [u8]) -> bool {
    let (words, odd) = stored.as_chunks::<2>();
    let (ids, uneven) = out.as_chunks_mut::<4>();
    let mut words = words
        .iter()
        .map(|word| u32::from(u16::from_le_bytes(*word)));
    for id in ids {
        let Some(word) = words.next() else {
            return false;
        };
        let value = if word < ESCAPE {
            word
        } else {
            let Some(low) = words.next() else {
                return false;
            };
            ((word - ESCAPE) << 16) | low
        };
        *id = value.to_le_bytes();
    }
    words.next().is_none() && odd.is_empty() && uneven.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(ids: &[u32]) -> Vec<u32> {
        let mut stored = Vec::new();
        pack_ids(ids, &mut stored);
        let mut raw = vec![0xAA; 4 * ids.len()];
        assert!(unpack_ids(&stored, &mut raw));
        let bytes = raw.as_chunks::<4>().0;
        bytes.iter().map(|id| u32::from_le_bytes(*id)).collect()
    }

    #[test]
    fn edges() {
        let ids = [
            0,
            ESCAPE - 1,
            ESCAPE,
            0xFFFF,
            0x1_0000,
            151_935,
            ID_LIMIT - 1,
        ];
        assert_eq!(round_trip(&ids), ids);
    }

    #[test]
    fn a_cut_id_is_seen() {
        let mut stored = Vec::new();
        pack_ids(&[70_000], &mut stored);
        for cut in 0..stored.len() {
            assert!(!unpack_ids(&stored[..cut], &mut [0; 4]), "{cut} bytes");
        }
    }

    #[test]
    fn more_or_fewer_ids_than_wanted_are_seen() {
        let mut stored = Vec::new();
        pack_ids(&[1, 70_000, 2], &mut stored);
        for wanted in [0, 1, 2, 4, 5] {
            assert!(
                !unpack_ids(&stored, &mut vec![0; 4 * wanted]),
                "{wanted} ids"
            );
        }
        assert!(!unpack_ids(&stored, &mut [0; 13]), "an id and a quarter");
    }

    proptest! {
        #[test]
        fn every_list_comes_back(ids in prop::collection::vec(0..ID_LIMIT, 0..300)) {
            prop_assert_eq!(round_trip(&ids), ids);
        }
    }
}
