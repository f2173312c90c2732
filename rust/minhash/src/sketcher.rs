//! The band keys of a text: texts that are near to each other share one, others hardly ever.

use serde::Deserialize;

use crate::lanes::{GROUP, Permutations};
use crate::shingles::Runs;

/// How texts are compared; as a recipe spells it.
///
/// Two texts that share a part J of their runs of words have a band key in common with probability
/// 1 - (1 - J^rows)^bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Near {
    /// Words of a run.
    pub ngram: u32,
    /// Keys of a text.
    pub bands: u32,
    /// Smallest values that make a key.
    pub rows: u32,
}

impl Default for Near {
    fn default() -> Self {
        Self {
            ngram: 5,
            bands: 20,
            rows: 6,
        }
    }
}

impl Near {
    /// What is wrong with these numbers, if anything is.
    ///
    /// # Errors
    /// With the number that is out of its range.
    pub fn check(&self) -> Result<(), NearFault> {
        let ranges = [
            ("ngram", self.ngram, MOST_WORDS),
            ("bands", self.bands, MOST_BANDS),
            ("rows", self.rows, MOST_ROWS),
        ];
        for (key, value, most) in ranges {
            if !(1..=most).contains(&value) {
                return Err(NearFault { key, value, most });
            }
        }
        Ok(())
    }

    /// The probability that two texts share a band key which share the part `jaccard` of their runs of words.
    #[must_use]
    pub fn probability(&self, jaccard: f64) -> f64 {
        1.0 - (1.0 - jaccard.powi(self.rows as i32)).powi(self.bands as i32)
    }
}

/// The most words of a run, keys of a text and values of a key.
const MOST_WORDS: u32 = 64;
const MOST_BANDS: u32 = 256;
const MOST_ROWS: u32 = 64;

/// A number that [`Near`] does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` lies between 1 and {most}, and is {value}")]
pub struct NearFault {
    /// Its key.
    pub key: &'static str,
    /// The number.
    pub value: u32,
    /// The most that it may be.
    pub most: u32,
}

/// Makes band keys, one text after the other, in memory that it keeps.
#[derive(Clone, Debug)]
pub struct Sketcher {
    near: Near,
    runs: Runs,
    permutations: Permutations,
    hashes: Vec<u32>,
    smallest: Vec<[u32; GROUP]>,
}

impl Sketcher {
    /// A sketcher for these numbers.
    #[must_use]
    pub fn new(near: &Near) -> Self {
        Self {
            near: *near,
            runs: Runs::new(near.ngram as usize),
            permutations: Permutations::new((near.bands * near.rows) as usize),
            hashes: Vec::new(),
            smallest: Vec::new(),
        }
    }

    /// Writes the band keys of `text` to `out`, which has room for [`Near::bands`] of them, and returns the number of
    /// its words. The keys of a text without a word are 0, and no other key is.
    pub fn bands(&mut self, text: &str, out: &mut [u64]) -> usize {
        self.hashes.clear();
        let hashes = &mut self.hashes;
        let words = self.runs.each(text, |run| hashes.push((run >> 32) as u32));
        if words == 0 {
            out.fill(0);
            return 0;
        }
        self.permutations.smallest(hashes, &mut self.smallest);
        let values = self.smallest.as_flattened();
        let bands = values.chunks_exact(self.near.rows as usize);
        for ((band, out), number) in bands.zip(out).zip(1..) {
            *out = band_key(number, band);
        }
        words
    }
}

/// The values of a band as one number that is not 0; equal values of two bands give different ones.
fn band_key(band: u64, values: &[u32]) -> u64 {
    let mix = |key: u64, value: u64| {
        let product = (key ^ value).wrapping_mul(0x9FB2_1C65_1E98_DF25);
        product ^ (product >> 35)
    };
    let key = values
        .iter()
        .fold(mix(0, band), |key, value| mix(key, u64::from(*value)));
    key.max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn keys(near: &Near, text: &str) -> Vec<u64> {
        let mut keys = vec![7; near.bands as usize];
        Sketcher::new(near).bands(text, &mut keys);
        keys
    }

    #[test]
    fn equal_texts_have_equal_keys_and_others_none_in_common() {
        let near = Near::default();
        let text =
            "The mitral valve lies between the left atrium and the left ventricle of the heart.";
        let same =
            "the MITRAL valve\n lies between the left atrium and the left ventricle of the heart";
        assert_eq!(keys(&near, text), keys(&near, same));
        let other = keys(
            &near,
            "Insulin lowers the concentration of glucose in the blood within minutes of a meal.",
        );
        assert!(
            keys(&near, text)
                .iter()
                .all(|key| *key != 0 && !other.contains(key))
        );
    }

    #[test]
    fn a_text_without_words_has_no_key() {
        let near = Near::default();
        assert_eq!(keys(&near, "… -- \n"), [0; 20]);
        assert!(keys(&near, "a").iter().all(|key| *key != 0));
    }

    #[test]
    fn a_sketcher_forgets_the_text_before() {
        let near = Near {
            ngram: 3,
            bands: 7,
            rows: 11,
        };
        let mut sketcher = Sketcher::new(&near);
        let texts = [
            "one two three four five six",
            "",
            "seven",
            "one two three four five six",
        ];
        for text in texts {
            let mut found = [0; 7];
            let words = sketcher.bands(text, &mut found);
            assert_eq!(words, text.split_whitespace().count());
            assert_eq!(found.to_vec(), keys(&near, text));
        }
    }

    #[test]
    fn the_probability_is_that_of_the_textbook() {
        let near = Near::default();
        for (jaccard, expected) in [
            (0.5, 0.270),
            (0.8, 0.9977),
            (0.85, 0.99992),
            (1.0, 1.0),
            (0.0, 0.0),
        ] {
            assert!(
                (near.probability(jaccard) - expected).abs() < 5e-4,
                "{jaccard}"
            );
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let near = Near::default();
        assert_eq!(near.check(), Ok(()));
        for (wrong, message) in [
            (
                Near { ngram: 0, ..near },
                "`ngram` lies between 1 and 64, and is 0",
            ),
            (
                Near { bands: 257, ..near },
                "`bands` lies between 1 and 256, and is 257",
            ),
            (
                Near { rows: 65, ..near },
                "`rows` lies between 1 and 64, and is 65",
            ),
        ] {
            assert_eq!(wrong.check().unwrap_err().to_string(), message);
        }
    }
}
