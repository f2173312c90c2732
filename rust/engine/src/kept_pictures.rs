//! What was found out about pictures of evaluation sets, kept from one run to the next: to decode them takes longer than
//! all else that is read of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

/// Begins the bytes; another number where a record has another form.
const FORM: [u8; 8] = *b"octopic1";
/// The most bytes of records that this run did not ask for.
const MOST_UNASKED: usize = 64 << 20;

/// What is found out about a picture by decoding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureFacts {
    /// Hash of its upright pixels.
    pub pixel_hash: u64,
    /// Hash of its gradients, where near pictures are looked for.
    pub dhash: Option<u64>,
    /// It in grey, where near pictures are looked for.
    pub gray: Vec<u8>,
}

/// Pictures by a hash of their bytes and of all that decides what is found out about them.
#[derive(Debug, Default)]
pub struct KeptPictures {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    pictures: HashMap<u64, Kept>,
    /// Whether there are others than were read.
    is_new: bool,
}

#[derive(Debug)]
struct Kept {
    facts: PictureFacts,
    /// Whether this run asked for it.
    is_asked: bool,
}

impl KeptPictures {
    /// Those that were written by [`Self::to_bytes`]; none where the bytes are not those that were written.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let pictures = read(bytes).unwrap_or_default();
        let is_new = false;
        Self {
            known: Mutex::new(Known { pictures, is_new }),
        }
    }

    /// What is known of a picture.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<PictureFacts> {
        let mut known = self.lock();
        let kept = known.pictures.get_mut(&key)?;
        kept.is_asked = true;
        Some(kept.facts.clone())
    }

    /// Keeps what was found out about a picture.
    pub fn put(&self, key: u64, facts: PictureFacts) {
        let is_asked = true;
        let mut known = self.lock();
        known.pictures.insert(key, Kept { facts, is_asked });
        known.is_new = true;
    }

    /// All of them, and of those that this run did not ask for as many as fit; nothing where no picture is new.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let known = self.lock();
        if !known.is_new {
            return None;
        }
        let mut pictures: Vec<_> = known.pictures.iter().collect();
        pictures.sort_unstable_by_key(|(key, kept)| (!kept.is_asked, **key));
        let mut bytes = FORM.to_vec();
        let mut unasked = 0;
        for (key, kept) in pictures {
            let before = bytes.len();
            write(&mut bytes, *key, &kept.facts);
            if !kept.is_asked {
                unasked += bytes.len() - before;
                if unasked > MOST_UNASKED {
                    bytes.truncate(before);
                    break;
                }
            }
        }
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        Some(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(bytes: &mut Vec<u8>, key: u64, facts: &PictureFacts) {
    bytes.extend_from_slice(&key.to_le_bytes());
    bytes.extend_from_slice(&facts.pixel_hash.to_le_bytes());
    bytes.extend_from_slice(&facts.dhash.unwrap_or_default().to_le_bytes());
    bytes.push(u8::from(facts.dhash.is_some()));
    bytes.extend_from_slice(&(facts.gray.len() as u32).to_le_bytes()); // 64 pixels a side
    bytes.extend_from_slice(&facts.gray);
}

fn read(bytes: &[u8]) -> Option<HashMap<u64, Kept>> {
    let (values, hash) = bytes.split_last_chunk()?;
    let mut rest = values.strip_prefix(&FORM)?;
    if xxh3_64(values) != u64::from_le_bytes(*hash) {
        return None;
    }
    let mut pictures = HashMap::new();
    while !rest.is_empty() {
        let mut number = || -> Option<u64> {
            let (number, behind) = rest.split_first_chunk()?;
            rest = behind;
            Some(u64::from_le_bytes(*number))
        };
        let (key, pixel_hash, dhash) = (number()?, number()?, number()?);
        let (has_dhash, behind) = rest.split_first()?;
        let (length, behind) = behind.split_first_chunk()?;
        let (gray, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = behind;
        let facts = PictureFacts {
            pixel_hash,
            dhash: (*has_dhash == 1).then_some(dhash),
            gray: gray.to_vec(),
        };
        let is_asked = false;
        pictures.insert(key, Kept { facts, is_asked });
    }
    Some(pictures)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn facts(number: u64) -> PictureFacts {
        PictureFacts {
            pixel_hash: number.wrapping_mul(3),
            dhash: number.is_multiple_of(2).then_some(number),
            gray: vec![number as u8; number as usize % 5],
        }
    }

    #[test]
    fn what_is_written_comes_back_and_what_is_damaged_does_not() {
        let kept = KeptPictures::default();
        assert_eq!(kept.to_bytes(), None);
        (0..9).for_each(|number| kept.put(number, facts(number)));
        let bytes = kept.to_bytes().unwrap();
        let again = KeptPictures::from_bytes(&bytes);
        for number in 0..9 {
            assert_eq!(again.get(number), Some(facts(number)));
        }
        assert_eq!((again.get(9), again.to_bytes()), (None, None));
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 4;
            assert_eq!(KeptPictures::from_bytes(&other).get(0), None, "byte {at}");
            assert_eq!(KeptPictures::from_bytes(&bytes[..at]).get(0), None);
        }
    }

    #[test]
    fn what_nobody_asks_for_any_more_is_kept_within_a_bound() {
        let large = |pixel_hash| PictureFacts {
            pixel_hash,
            dhash: None,
            gray: vec![0; MOST_UNASKED / 3],
        };
        let kept = KeptPictures::default();
        (0..3).for_each(|key| kept.put(key, large(key)));
        let next = KeptPictures::from_bytes(&kept.to_bytes().unwrap());
        assert!(next.get(2).is_some());
        next.put(3, facts(3));
        let last = KeptPictures::from_bytes(&next.to_bytes().unwrap());
        assert!(last.get(2).is_some() && last.get(3).is_some());
        assert!(last.get(0).is_some() && last.get(1).is_some());
        let next = KeptPictures::from_bytes(&kept.to_bytes().unwrap());
        next.put(3, facts(3));
        let last = KeptPictures::from_bytes(&next.to_bytes().unwrap());
        assert!(last.get(3).is_some() && last.get(1).is_some() && last.get(2).is_none());
    }
}
