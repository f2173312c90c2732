//! Words that are cut, on their way to being ids.

use std::ops::Range;

use super::cache::ShortWords;
use super::near::NearWords;
use super::value::Value;

/// With this many words it is time to look them up.
pub(crate) const FULL: usize = 64;
/// Room for them and for those of one window and one word more.
pub(crate) const ROOM: usize = 256;

/// Some dozens of words, column by column.
#[derive(Debug)]
pub(crate) struct Ahead {
    count: usize,
    starts: [usize; ROOM],
    lengths: [usize; ROOM],
    keys: [u128; ROOM],
    values: [Value; ROOM],
    /// Numbers of the words that are not near, and how many.
    missing: [usize; ROOM],
    missing_count: usize,
    /// The ids of words of more than two.
    many: Vec<u32>,
}

impl Ahead {
    pub fn new() -> Self {
        Self {
            count: 0,
            starts: [0; ROOM],
            lengths: [0; ROOM],
            keys: [0; ROOM],
            values: [Value::default(); ROOM],
            missing: [0; ROOM],
            missing_count: 0,
            many: Vec::new(),
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn clear(&mut self) {
        self.count = 0;
        self.many.clear();
    }

    /// Appends a word; its key is that of [`super::near::near_key`].
    #[inline]
    pub fn push(&mut self, start: usize, length: usize, key: u128) {
        let at = self.count % ROOM;
        self.starts[at] = start;
        self.lengths[at] = length;
        self.keys[at] = key;
        self.count = at + 1;
    }

    /// Looks every word up among the near ones, and lists those that are not there.
    #[inline]
    pub fn find(&mut self, near: &NearWords) {
        let keys = &self.keys[..self.count];
        let mut missing = 0;
        for (word, (key, value)) in keys.iter().zip(&mut self.values).enumerate() {
            let found;
            (found, *value) = near.find(*key);
            self.missing[missing % ROOM] = word;
            missing += usize::from(!found);
        }
        self.missing_count = missing;
    }

    /// How many words are not near.
    pub fn missing(&self) -> usize {
        self.missing_count
    }

    /// The bytes of the word that is the `number`th not near.
    pub fn missing_word(&self, number: usize) -> Range<usize> {
        let word = self.missing[number];
        self.starts[word]..self.starts[word] + self.lengths[word]
    }

    /// The key of the word that is the `number`th not near.
    #[inline]
    pub fn missing_key(&self, number: usize) -> u128 {
        self.keys[self.missing[number] % ROOM]
    }

    /// Says what the `number`th word that is not near is, and keeps it among those that are, if it may stand there.
    #[inline]
    pub fn set(&mut self, number: usize, value: Value, near: &mut NearWords) {
        let word = self.missing[number] % ROOM;
        self.values[word] = value;
        near.keep(self.keys[word], value);
    }

    /// Says what the `number`th word that is not near is, by ids that no cache keeps.
    pub fn set_ids(&mut self, number: usize, ids: &[u32], near: &mut NearWords) {
        let value = Value::pass(ids, &mut self.many);
        self.set(number, value, near);
    }

    /// Where the last word begins.
    pub fn last_start(&self) -> usize {
        self.starts[(self.count + ROOM - 1) % ROOM]
    }

    /// Appends the ids of all words; gives how many the last one has.
    ///
    /// # Safety
    /// `ids` has room for them and for one more.
    #[inline]
    pub unsafe fn write(&self, short: &ShortWords, ids: &mut Vec<u32>) -> usize {
        let mut length = ids.len();
        let mut count = 0;
        for value in &self.values[..self.count] {
            // SAFETY: the caller has made room.
            let out = unsafe { ids.as_mut_ptr().add(length) };
            if let Some(many) = value.apart() {
                count = many;
                let known = if value.is_passing() {
                    value.within(&self.many)
                } else {
                    short.apart(*value)
                };
                let known = known.as_ptr();
                // SAFETY: as above, for `count` ids; the two do not overlap.
                unsafe { out.copy_from_nonoverlapping(known, count) };
            } else {
                let pair;
                (pair, count) = value.ids();
                // SAFETY: as above, for two ids.
                unsafe { out.cast::<[u32; 2]>().write_unaligned(pair) };
            }
            length += count;
        }
        // SAFETY: that many are written.
        unsafe { ids.set_len(length) };
        count
    }
}
