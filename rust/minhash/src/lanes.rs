//! The smallest value that each of many permutations gives to any of a set of hashes.

/// Permutations that are computed together: four registers of AVX-512, eight of AVX2.
pub const GROUP: usize = 64;

/// What computes the permutations; all give the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// What every processor has.
    Baseline,
    /// AVX2, eight permutations a register.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512, sixteen.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// Those that this processor has, the slowest first.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(
            not(target_arch = "x86_64"),
            expect(unused_mut, reason = "there is no other")
        )]
        let mut available = vec![Self::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                available.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                available.push(Self::Avx512);
            }
        }
        available
    }
}

/// So many permutations of the 32-bit numbers: each multiplies by an odd number and adds one.
#[derive(Clone, Debug)]
pub struct Permutations {
    factors: Vec<[u32; GROUP]>,
    offsets: Vec<[u32; GROUP]>,
    instructions: Instructions,
}

impl Permutations {
    /// The first `count` of a fixed list, rounded up to whole groups.
    pub fn new(count: usize) -> Self {
        let mut state = 0;
        let mut numbers = |set: u32| -> Vec<[u32; GROUP]> {
            let groups = 0..count.div_ceil(GROUP);
            groups
                .map(|_| std::array::from_fn(|_| (next(&mut state) >> 32) as u32 | set))
                .collect()
        };
        Self {
            factors: numbers(1),
            offsets: numbers(0),
            instructions: Instructions::available()
                .last()
                .copied()
                .unwrap_or(Instructions::Baseline),
        }
    }

    /// The same, computed in another way.
    #[cfg(test)]
    pub fn with(mut self, instructions: Instructions) -> Self {
        self.instructions = instructions;
        self
    }

    /// Writes each permutation's smallest value over `hashes` to `out`.
    pub fn smallest(&self, hashes: &[u32], out: &mut Vec<[u32; GROUP]>) {
        out.clear();
        for (factors, offsets) in self.factors.iter().zip(&self.offsets) {
            out.push(match self.instructions {
                Instructions::Baseline => baseline(hashes, factors, offsets),
                // SAFETY: the constructor takes what this processor has.
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => unsafe { avx2(hashes, factors, offsets) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 => unsafe { avx512(hashes, factors, offsets) },
            });
        }
    }
}

/// The next of a sequence of well mixed numbers (splitmix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn baseline(hashes: &[u32], factors: &[u32; GROUP], offsets: &[u32; GROUP]) -> [u32; GROUP] {
    let mut smallest = [u32::MAX; GROUP];
    // Eight at a time stay in registers, over all hashes.
    for ((smallest, factors), offsets) in smallest
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .zip(factors.as_chunks::<8>().0)
        .zip(offsets.as_chunks::<8>().0)
    {
        for hash in hashes {
            for lane in 0..8 {
                let value = hash.wrapping_mul(factors[lane]).wrapping_add(offsets[lane]);
                smallest[lane] = smallest[lane].min(value);
            }
        }
    }
    smallest
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(hashes: &[u32], factors: &[u32; GROUP], offsets: &[u32; GROUP]) -> [u32; GROUP] {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_min_epu32, _mm256_mullo_epi32,
        _mm256_set1_epi32, _mm256_storeu_si256,
    };
    const LANES: usize = 8;
    let load = |values: &[u32; GROUP]| -> [__m256i; GROUP / LANES] {
        // SAFETY: each load reads eight of the 64 values.
        std::array::from_fn(|at| unsafe {
            _mm256_loadu_si256(values[LANES * at..][..LANES].as_ptr().cast())
        })
    };
    let (factors, offsets) = (load(factors), load(offsets));
    let mut smallest = [_mm256_set1_epi32(-1); GROUP / LANES];
    for &hash in hashes {
        let hash = _mm256_set1_epi32(hash as i32);
        for at in 0..GROUP / LANES {
            let product = _mm256_mullo_epi32(hash, factors[at]);
            smallest[at] = _mm256_min_epu32(smallest[at], _mm256_add_epi32(product, offsets[at]));
        }
    }
    let mut out = [0; GROUP];
    for (values, out) in smallest.iter().zip(out.as_chunks_mut::<LANES>().0) {
        // SAFETY: the store writes eight values.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), *values) };
    }
    out
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(hashes: &[u32], factors: &[u32; GROUP], offsets: &[u32; GROUP]) -> [u32; GROUP] {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_min_epu32, _mm512_mullo_epi32,
        _mm512_set1_epi32, _mm512_storeu_si512,
    };
    const LANES: usize = 16;
    let load = |values: &[u32; GROUP]| -> [__m512i; GROUP / LANES] {
        // SAFETY: each load reads sixteen of the 64 values.
        std::array::from_fn(|at| unsafe {
            _mm512_loadu_si512(values[LANES * at..][..LANES].as_ptr().cast())
        })
    };
    let (factors, offsets) = (load(factors), load(offsets));
    let mut smallest = [_mm512_set1_epi32(-1); GROUP / LANES];
    for &hash in hashes {
        let hash = _mm512_set1_epi32(hash as i32);
        for at in 0..GROUP / LANES {
            let product = _mm512_mullo_epi32(hash, factors[at]);
            smallest[at] = _mm512_min_epu32(smallest[at], _mm512_add_epi32(product, offsets[at]));
        }
    }
    let mut out = [0; GROUP];
    for (values, out) in smallest.iter().zip(out.as_chunks_mut::<LANES>().0) {
        // SAFETY: the store writes sixteen values.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *values) };
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by(instructions: Instructions, count: usize, hashes: &[u32]) -> Vec<[u32; GROUP]> {
        let mut out = Vec::new();
        let permutations = Permutations::new(count).with(instructions);
        permutations.smallest(hashes, &mut out);
        out
    }

    proptest! {
        #[test]
        fn every_processor_finds_the_same(hashes in prop::collection::vec(any::<u32>(), 0..90), count in 1_usize..200) {
            let expected = by(Instructions::Baseline, count, &hashes);
            for (number, group) in expected.iter().enumerate() {
                for (lane, smallest) in group.iter().enumerate() {
                    let permutations = Permutations::new(count);
                    let (factor, offset) = (permutations.factors[number][lane], permutations.offsets[number][lane]);
                    let values = hashes.iter().map(|hash| (u64::from(*hash) * u64::from(factor) + u64::from(offset)) as u32);
                    prop_assert_eq!(*smallest, values.min().unwrap_or(u32::MAX));
                }
            }
            for instructions in Instructions::available() {
                prop_assert_eq!(&by(instructions, count, &hashes), &expected);
            }
        }
    }

    #[test]
    fn the_share_of_equal_minima_is_the_share_of_equal_hashes() {
        let mut state = 7;
        for shared in [0.1, 0.5, 0.8, 0.9] {
            let (trials, size) = (300, 400);
            let mut equal = 0;
            for _ in 0..trials {
                let mut draw = |count: usize| -> Vec<u32> {
                    (0..count)
                        .map(|_| (next(&mut state) >> 32) as u32)
                        .collect()
                };
                let both = (shared * f64::from(size)) as usize;
                let alone = (size as usize - both) / 2;
                let both = draw(both);
                let one = [both.clone(), draw(alone)].concat();
                let other = [draw(alone), both].concat();
                let (one, other) = (
                    by(Instructions::Baseline, 128, &one),
                    by(Instructions::Baseline, 128, &other),
                );
                let pairs = one.as_flattened().iter().zip(other.as_flattened());
                equal += pairs.filter(|(one, other)| one == other).count();
            }
            let found = equal as f64 / (f64::from(trials) * 128.0);
            assert!((found - shared).abs() < 0.01, "{found} for {shared}");
        }
    }
}
