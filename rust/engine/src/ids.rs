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
    out.reserve(ids.len() * 4);
    for &id in ids {
        if id < ESCAPE {
            out.extend_from_slice(&(id as u16).to_le_bytes());
        } else {
            let high = (ESCAPE + (id >> 16)) as u16;
            out.extend_from_slice(&high.to_le_bytes());
            out.extend_from_slice(&(id as u16).to_le_bytes());
        }
    }
}

/// Appends the ids in `stored` to `out`, and returns how many there were.
///
/// Returns `None` where the bytes end inside an id, which only a damaged block does.
pub fn unpack_ids(stored: &[u8], out: &mut Vec<u32>) -> Option<usize> {
    let start = out.len();
    let (pairs, rest) = stored.as_chunks::<2>();
    let mut words = pairs
        .iter()
        .map(|pair| u32::from(u16::from_le_bytes(*pair)));
    out.reserve(pairs.len());
    while let Some(word) = words.next() {
        out.push(if word < ESCAPE {
            word
        } else {
            ((word - ESCAPE) << 16) | words.next()?
        });
    }
    rest.is_empty().then_some(out.len() - start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(ids: &[u32]) -> Vec<u32> {
        let (mut stored, mut raw) = (Vec::new(), vec![1, 2, 3]);
        pack_ids(ids, &mut stored);
        assert_eq!(unpack_ids(&stored, &mut raw), Some(ids.len()));
        raw.split_off(3)
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
        assert_eq!(unpack_ids(&stored[..2], &mut Vec::new()), None);
        assert_eq!(unpack_ids(&stored[..3], &mut Vec::new()), None);
    }

    proptest! {
        #[test]
        fn every_list_comes_back(ids in prop::collection::vec(0..ID_LIMIT, 0..300)) {
            prop_assert_eq!(round_trip(&ids), ids);
        }
    }
}
