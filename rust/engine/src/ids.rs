//! Token ids as the working store keeps them: two bytes for most, four for the rest, and a few for a run of one id.
//!
//! The frequent tokens of a byte-pair vocabulary have the low ids, so a 16-bit word holds nine in
//! ten. A word of [`ESCAPE`] and above is the high half of an id whose low half follows, as UTF-16
//! does it. The last word of all, [`RUN`], begins a run: how often, then the id. An image is hundreds of one id. The
//! store is read back from memory when it fits the page cache, so half the bytes are worth the few instructions.

/// Words below this are ids themselves.
const ESCAPE: u32 = 0xE000;

/// The word before a run.
const RUN: u32 = 0xFFFF;

/// The fewest equal ids that are stored as a run, and the most that one run says.
const SHORTEST_RUN: usize = 4;
const LONGEST_RUN: usize = 0xFFFF;

/// Ids below this can be stored.
pub const ID_LIMIT: u32 = (RUN - ESCAPE) << 16;

/// Appends `ids` to `out`. Every id is below [`ID_LIMIT`]; the scanner checks the vocabulary once.
pub fn pack_ids(ids: &[u32], out: &mut Vec<u8>) {
    let mut rest = ids;
    while let Some(start) = next_run(rest) {
        let (before, from) = rest.split_at(start);
        let length = from
            .iter()
            .take(LONGEST_RUN)
            .take_while(|&id| *id == from[0])
            .count();
        pack_each(before, out);
        for word in [RUN as u16, length as u16] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        pack_each(&from[..1], out);
        rest = &from[length..];
    }
    pack_each(rest, out);
}

/// Where the first run of [`SHORTEST_RUN`] ids or more begins.
fn next_run(ids: &[u32]) -> Option<usize> {
    let [_, second, third, fourth] = [0, 1, 2, 3].map(|by| ids.get(by..).unwrap_or_default());
    let is_run = |(((a, b), c), d): (((&u32, &u32), &u32), &u32)| (a == b) & (b == c) & (c == d);
    // Hardly any text has one: whole pieces are asked without a branch for each id.
    let pieces = fourth.len().div_ceil(PIECE);
    (0..pieces).map(|piece| piece * PIECE).find_map(|start| {
        let end = (start + PIECE).min(fourth.len());
        let fours = || {
            let three = ids[start..end].iter().zip(&second[start..end]);
            three.zip(&third[start..end]).zip(&fourth[start..end])
        };
        let any = fours().fold(false, |any, four| any | is_run(four));
        any.then(|| fours().position(is_run).map(|at| start + at))?
    })
}

/// Ids that are searched for a run at once.
const PIECE: usize = 256;

/// Ids that are stored at once where each is a word: with eight, one in three groups of English has another one.
const GROUP: usize = 4;

/// Appends ids one by one.
fn pack_each(ids: &[u32], out: &mut Vec<u8>) {
    let mut end = out.len();
    out.resize(end + ids.len() * 4, 0);
    let (groups, rest) = ids.as_chunks::<GROUP>();
    for group in groups {
        // As much as a group takes at most is always left.
        let Some((words, _)) = out[end..].split_first_chunk_mut::<{ 4 * GROUP }>() else {
            return;
        };
        end += 2 * pack_group(group, words.as_chunks_mut::<2>().0);
    }
    let words = out[end..].as_chunks_mut::<2>().0;
    let mut used = 0;
    for &id in rest {
        used += pack_one(id, &mut words[used..]);
    }
    out.truncate(end + 2 * used);
}

/// Stores a group and returns the words that it took.
#[inline]
fn pack_group(ids: &[u32; GROUP], words: &mut [[u8; 2]]) -> usize {
    // Of ids that are all words, no sum reaches the upper half.
    let sums = ids
        .iter()
        .fold(0, |sums, id| sums | (id + (0x1_0000 - ESCAPE)));
    if sums < 0x1_0000 {
        for (id, word) in ids.iter().zip(words) {
            *word = (*id as u16).to_le_bytes();
        }
        return GROUP;
    }
    let mut used = 0;
    for &id in ids {
        used += pack_one(id, &mut words[used..]);
    }
    used
}

/// Stores an id and returns the words that it took.
#[inline]
fn pack_one(id: u32, words: &mut [[u8; 2]]) -> usize {
    // Both words of an id that takes two: the second is written over where one is enough. One id in ten takes
    // two, and a branch on that would be mispredicted as often.
    let escaped = id >= ESCAPE;
    let first = if escaped { ESCAPE + (id >> 16) } else { id };
    words[0] = (first as u16).to_le_bytes();
    words[1] = (id as u16).to_le_bytes();
    1 + usize::from(escaped)
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
    let mut ids = ids.iter_mut();
    while let Some(slot) = ids.next() {
        let Some(word) = words.next() else {
            return false;
        };
        if word != RUN {
            let Some(id) = id_of(word, &mut words) else {
                return false;
            };
            *slot = id.to_le_bytes();
            continue;
        }
        let Some((length, id)) = read_run(&mut words) else {
            return false;
        };
        let (more, slots) = (length - 1, ids.into_slice());
        let Some((run, behind)) = slots.split_at_mut_checked(more) else {
            return false;
        };
        *slot = id.to_le_bytes();
        run.fill(*slot);
        ids = behind.iter_mut();
    }
    words.next().is_none() && odd.is_empty() && uneven.is_empty()
}

/// The id that `word` begins.
#[inline]
fn id_of(word: u32, words: &mut impl Iterator<Item = u32>) -> Option<u32> {
    if word < ESCAPE {
        return Some(word);
    }
    Some(((word - ESCAPE) << 16) | words.next()?)
}

/// The length of a run, and its id.
fn read_run(words: &mut impl Iterator<Item = u32>) -> Option<(usize, u32)> {
    let length = words.next()? as usize;
    let word = words.next().filter(|&word| word != RUN)?;
    let id = id_of(word, words)?;
    (length >= SHORTEST_RUN).then_some((length, id))
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

    /// Ids one by one, as they were stored before there were runs.
    fn plain(ids: &[u32]) -> Vec<u8> {
        let mut stored = Vec::new();
        pack_each(ids, &mut stored);
        stored
    }

    fn packed(ids: &[u32]) -> Vec<u8> {
        let mut stored = Vec::new();
        pack_ids(ids, &mut stored);
        stored
    }

    #[test]
    fn an_image_takes_a_few_bytes() {
        let image: Vec<u32> = [&[151_652][..], &[151_655; 324], &[151_653]].concat();
        assert_eq!(packed(&image).len(), 4 + 8 + 4);
        assert_eq!(round_trip(&image), image);
    }

    #[test]
    fn runs_of_every_length_come_back() {
        for id in [0, ESCAPE - 1, ESCAPE, 151_655, ID_LIMIT - 1] {
            for length in (0..600)
                .chain(LONGEST_RUN - 5..LONGEST_RUN + 9)
                .chain([2 * LONGEST_RUN])
            {
                let ids = [&[7][..], &vec![id; length], &[9]].concat();
                assert_eq!(round_trip(&ids), ids, "{length} of {id}");
                assert_eq!(
                    packed(&ids).len() < plain(&ids).len(),
                    length >= SHORTEST_RUN,
                    "{length} of {id}"
                );
            }
        }
    }

    #[test]
    fn a_run_that_is_hostile_is_seen() {
        let words = |words: &[u16]| {
            words
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let four = [0xFFFF, 4, 7];
        assert!(unpack_ids(&words(&four), &mut [0; 16]));
        for length in [0, 12, 20, 4 * 0xFFFF] {
            assert!(
                !unpack_ids(&words(&four), &mut vec![0; length]),
                "{length} bytes"
            );
        }
        for hostile in [
            &[0xFFFF][..],
            &[0xFFFF, 4],
            &[0xFFFF, 4, 0xE002],
            &[0xFFFF, 0, 7],
            &[0xFFFF, 3, 7, 7],
            &[0xFFFF, 4, 0xFFFF, 7],
            &[0xFFFF, 4, 0xFFFF, 4, 7],
            &[0xFFFF, 0xFFFF, 7],
        ] {
            assert!(!unpack_ids(&words(hostile), &mut [0; 16]), "{hostile:?}");
        }
    }

    proptest! {
        #[test]
        fn lists_with_runs_come_back_and_others_keep_their_bytes(
            pieces in prop::collection::vec((prop_oneof![0..3_u32, 0..ID_LIMIT], 1..9_usize), 0..200),
        ) {
            let ids: Vec<u32> = pieces.iter().flat_map(|(id, count)| vec![*id; *count]).collect();
            prop_assert_eq!(&round_trip(&ids), &ids);
            let has_run = ids.windows(SHORTEST_RUN).any(|four| four.iter().all(|id| *id == four[0]));
            prop_assert_eq!(packed(&ids) != plain(&ids), has_run);
            prop_assert!(packed(&ids).len() <= plain(&ids).len());
        }

        #[test]
        fn any_bytes_are_read_or_refused(stored in prop::collection::vec(prop_oneof![Just(0xFF_u8), any::<u8>()], 0..40), wanted in 0..300_usize) {
            let mut raw = vec![0; 4 * wanted];
            if unpack_ids(&stored, &mut raw) {
                let ids: Vec<u32> = raw.as_chunks::<4>().0.iter().map(|id| u32::from_le_bytes(*id)).collect();
                prop_assert_eq!(&round_trip(&ids), &ids);
                prop_assert!(packed(&ids).len() <= stored.len());
            }
        }

        #[test]
        fn every_list_comes_back(ids in prop::collection::vec(0..ID_LIMIT, 0..300)) {
            prop_assert_eq!(round_trip(&ids), ids);
        }
    }
}
