//! Inputs of the benches: the same words as the Python corpus, drawn by a small generator of our own.

const ENGLISH: &str = include_str!("../corpus/words/english.txt");
const MEDICAL: &str = include_str!("../corpus/words/medical.txt");
const CHINESE: &str = include_str!("../corpus/words/chinese.txt");

/// A `SplitMix64` stream: the same numbers on every machine and with every version of everything.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "below a `usize`")]
        let number = (self.next_u64() % limit.max(1) as u64) as usize;
        number
    }

    /// A rank below `limit`, small ranks far more often than large ones: about one over the rank.
    pub fn rank(&mut self, limit: usize) -> usize {
        let widest = usize::BITS - limit.leading_zeros();
        let width = self.below(widest as usize + 1);
        self.below((1 << width).min(limit))
    }
}

/// Texts of about `words` words each, `bytes` bytes in all: English words, medical words, numbers, sentences.
#[must_use]
pub fn english(seed: u64, bytes: usize, words: usize) -> Vec<String> {
    let vocabulary: Vec<&str> = ENGLISH
        .split_whitespace()
        .chain(MEDICAL.split_whitespace())
        .collect();
    let mut numbers = Numbers::new(seed);
    texts(bytes, || {
        let mut text = String::from("<think>\n");
        for _ in 0..words {
            match numbers.below(40) {
                0 => text.push_str(&format!(" {}.{}", numbers.below(200), numbers.below(10))),
                1..=3 => text.push(','),
                4..=6 => text.push('.'),
                7 => text.push_str(".\n\n"),
                8 => text.push_str(&format!(" {}{}", "qxz", numbers.next_u64() % 100_000)),
                _ => {
                    text.push(' ');
                    text.push_str(vocabulary[numbers.rank(vocabulary.len())]);
                }
            }
        }
        text.push_str("\n</think>\n\n<answer>C</answer>");
        text
    })
}

/// Chinese texts of about `words` words each, `bytes` bytes in all.
#[must_use]
pub fn chinese(seed: u64, bytes: usize, words: usize) -> Vec<String> {
    let vocabulary: Vec<&str> = CHINESE.split_whitespace().collect();
    let mut numbers = Numbers::new(seed);
    texts(bytes, || {
        let mut text = String::new();
        for _ in 0..words {
            match numbers.below(12) {
                0 => text.push('，'),
                1 => text.push_str("。\n"),
                _ => text.push_str(vocabulary[numbers.rank(vocabulary.len())]),
            }
        }
        text
    })
}

/// Texts until there are `bytes` of them.
fn texts(bytes: usize, mut make: impl FnMut() -> String) -> Vec<String> {
    let mut made = Vec::new();
    let mut size = 0;
    while size < bytes {
        let text = make();
        size += text.len();
        made.push(text);
    }
    made
}

/// Lengths as traces have them: most of some hundreds of tokens, a tail up to `capacity`.
#[must_use]
pub fn lengths(seed: u64, count: usize, capacity: u32) -> Vec<u32> {
    let mut numbers = Numbers::new(seed);
    let mut one = || {
        let doublings = numbers.below(8).min(numbers.below(8)).min(numbers.below(8));
        let base = 128_usize << doublings;
        let length = base + numbers.below(base);
        #[expect(clippy::cast_possible_truncation, reason = "at most the capacity")]
        let length = length.min(capacity as usize) as u32;
        length
    };
    (0..count).map(|_| one()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_the_same_every_time_and_as_large_as_asked() {
        assert_eq!(english(1, 10_000, 50), english(1, 10_000, 50));
        assert_ne!(english(1, 10_000, 50), english(2, 10_000, 50));
        assert!(
            english(1, 10_000, 50)
                .iter()
                .map(String::len)
                .sum::<usize>()
                >= 10_000
        );
        assert!(chinese(1, 10_000, 50).concat().contains('，'));
    }

    #[test]
    fn lengths_fit_and_have_a_tail() {
        let made = lengths(3, 50_000, 16_384);
        assert!(made.iter().all(|&length| (1..=16_384).contains(&length)));
        let mean = made.iter().map(|&length| f64::from(length)).sum::<f64>() / 50_000.0;
        assert!((500.0..2_000.0).contains(&mean), "{mean}");
        assert!(made.iter().any(|&length| length > 12_000));
    }
}
