//! Recall and precision against each compared with each, on texts with planted pairs, from the text to what goes.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::convert::Infallible;

use octomed_minhash::{
    Band, Groups, Limits, Near, Resolved, Runs, Sets, Shingles, Sketcher, jaccard, resolve,
};

/// Numbers that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        let Self(state) = self;
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % most
    }

    /// A number from 0 to 1.
    fn share(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 20)
    }
}

/// Texts of 30 to 400 words, each with a few that differ from it in some words: changed, left out, added or moved.
fn planted(texts: usize, near: usize, seed: u64) -> Vec<String> {
    let mut numbers = Numbers(seed);
    let mut planted = Vec::new();
    for _ in 0..texts {
        let count = 30 + numbers.below(370);
        let words: Vec<String> = (0..count)
            .map(|_| format!("w{}", numbers.below(3000)))
            .collect();
        for _ in 0..near {
            let rate = 0.06 * numbers.share();
            let mut copy = Vec::new();
            for word in &words {
                if numbers.share() >= rate {
                    copy.push(word.clone());
                    continue;
                }
                match numbers.below(4) {
                    0 => {}
                    1 => copy.extend([word.clone(), format!("x{}", numbers.below(99))]),
                    2 => copy.insert(copy.len().saturating_sub(1), word.clone()),
                    _ => copy.push(format!("y{}", numbers.below(99))),
                }
            }
            planted.push(copy.join(" "));
        }
        planted.push(words.join(" "));
    }
    planted
}

struct InMemory<'t>(&'t [Shingles], Vec<u32>);

impl Sets for InMemory<'_> {
    type Error = Infallible;

    fn bytes(&self, text: u32) -> u64 {
        8 * self.0[self.1[text as usize] as usize].len() as u64
    }

    fn are_comparable(&self, _: u32, _: u32) -> bool {
        true
    }

    fn read(&mut self, texts: &[u32]) -> Result<Vec<Shingles>, Infallible> {
        let set = |text: &u32| self.0[self.1[*text as usize] as usize].clone();
        Ok(texts.iter().map(set).collect())
    }
}

/// What is found by band keys, and the number in `texts` of each.
fn found(texts: &[String], sets: &[Shingles], threshold: f64, memory: u64) -> (Resolved, Vec<u32>) {
    let near = Near::default();
    let mut sketcher = Sketcher::new(&near);
    let mut keys = vec![0; near.bands as usize];
    let mut bands: Vec<Band> = keys.iter().map(|_| Band::new(texts.len())).collect();
    for (number, text) in (0..).zip(texts) {
        sketcher.bands(text, &mut keys);
        for (band, key) in bands.iter_mut().zip(&keys) {
            band.add(number, *key, 0);
        }
    }
    let mut groups = Groups::default();
    for band in bands {
        groups.append(&band.groups());
    }
    let numbers = groups.distinct();
    let groups = groups.renumbered(&numbers);
    let mut sets = InMemory(sets, numbers.clone());
    let limits = Limits { threshold, memory };
    (
        resolve(&groups, numbers.len(), limits, &mut sets).unwrap(),
        numbers,
    )
}

#[test]
fn ninety_nine_of_a_hundred_pairs_are_found_and_every_one_found_is_near() {
    let texts = planted(110, 5, 9);
    let mut runs = Runs::new(Near::default().ngram as usize);
    let sets: Vec<Shingles> = texts
        .iter()
        .map(|text| Shingles::of(text, &mut runs))
        .collect();
    let (resolved, numbers) = found(&texts, &sets, 0.8, u64::MAX);
    let clusters: HashMap<u32, u32> = numbers
        .iter()
        .copied()
        .zip(resolved.clusters.iter().copied())
        .collect();
    let (mut pairs, mut missed) = (0, 0);
    for one in 0..texts.len() {
        for other in one + 1..texts.len() {
            if jaccard(&sets[one], &sets[other]) >= 0.85 {
                pairs += 1;
                let [one, other] = [one, other].map(|text| clusters.get(&(text as u32)));
                missed += usize::from(one.is_none() || one != other);
            }
        }
    }
    assert!(
        pairs > 200 && missed * 100 <= pairs,
        "{missed} of {pairs} missed"
    );
    // What goes is near to the one that stays for it, and that one stays.
    for near in &resolved.near {
        let [text, kept] = [near.text, near.kept].map(|number| numbers[number as usize] as usize);
        assert!(kept < text && near.jaccard >= 0.8);
        assert!((near.jaccard - jaccard(&sets[text], &sets[kept])).abs() < 1e-12);
        assert!(resolved.near.iter().all(|other| other.text != near.kept));
    }
    assert!(resolved.near.len() > 150);
    // Less memory changes nothing.
    let (again, _) = found(&texts, &sets, 0.8, 200_000);
    assert_eq!(
        (again.near, again.clusters),
        (resolved.near, resolved.clusters)
    );
}
