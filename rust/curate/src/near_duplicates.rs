//! Near duplicates: responses that share most of their runs of words.
//!
//! Band keys of the scan say who may be near to whom ([`crate::near_candidates`]); the texts decide.

use std::collections::BTreeMap;
use std::time::Instant;

use octomed_index::{Index, MEASURES, Needs, TraceLocation, TraceMeasures, Verdict};
use octomed_minhash::{Groups, Limits, Resolved, Runs, Sets, Shingles, resolve};

use crate::in_parallel::in_parallel;
use crate::near_candidates::{Candidate, Members};
use crate::near_found::{NearCluster, NearClusters, NearFound, NearMember};
use crate::{CurateError, Links, NearAction, NearKeep, NearSettings, Rejects, Rule, Texts};

/// Bytes of runs of words that are in memory at once.
const SETS_BYTES: u64 = 768 << 20;

/// Clusters of which the report shows texts, members of each, and bytes of a text.
const SHOWN_CLUSTERS: usize = 100;
const SHOWN_MEMBERS: usize = 5;
const SHOWN_BYTES: usize = 600;

/// What the rule works with.
#[derive(Clone)]
pub struct NearWork<'w> {
    /// The texts of responses.
    pub texts: &'w dyn Texts,
    /// Threads that read and compare.
    pub threads: usize,
    /// Where it leaves what it found.
    pub found: NearFound,
}

/// Leaves out traces whose response is near to that of one that stays, or only lists them.
pub struct NearDuplicates<'w> {
    /// The recipe's section.
    pub settings: NearSettings,
    /// What it works with.
    pub work: NearWork<'w>,
    /// Whose questions belong together for it: what is near to each other is not to be parted by a validation.
    pub links: Links,
}

/// A trace that is near to one that stays.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    trace: TraceLocation,
    kept: TraceLocation,
    jaccard: f64,
}

impl Rule for NearDuplicates<'_> {
    fn verdict(&self) -> Verdict {
        Verdict::NearDuplicate
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let started = Instant::now();
        let (candidates, groups) = self.candidates(index)?;
        let searched = started.elapsed().as_secs_f64();
        let resolved = self.resolved(index, &candidates, &groups)?;
        drop(groups);
        let mut clusters = clusters(&candidates, &resolved);
        if self.settings.samples {
            self.add_texts(index, &mut clusters)?;
        }
        clusters.seconds = [searched, started.elapsed().as_secs_f64() - searched];
        for cluster in &clusters.clusters {
            let traces = cluster.members.iter().map(|member| member.trace);
            for (one, other) in traces.clone().zip(traces.skip(1)) {
                self.links.add(one, other);
            }
        }
        self.work.found.set(clusters);
        let mut found: Vec<Found> = resolved
            .near
            .iter()
            .map(|near| Found {
                trace: candidates[near.text as usize].trace,
                kept: candidates[near.kept as usize].trace,
                jaccard: near.jaccard,
            })
            .collect();
        if self.settings.action == NearAction::Drop {
            for one in &found {
                index.reject(one.trace, Verdict::NearDuplicate);
            }
        }
        found.sort_unstable_by_key(|one| one.trace);
        let detail = move |index: &Index, trace: TraceLocation| {
            let at = found.binary_search_by_key(&trace, |one| one.trace);
            at.map_or_else(|_| String::new(), |at| found[at].detail(index))
        };
        Ok(Rejects::new(Verdict::NearDuplicate, detail))
    }
}

impl Found {
    fn detail(&self, index: &Index) -> String {
        format!("J {:.2} with {}", self.jaccard, index.describe(self.kept))
    }
}

impl NearDuplicates<'_> {
    /// The traces that share a band key with another, in the order in which they are kept, and their groups, in which
    /// each is called by its place in that order.
    fn candidates(&self, index: &Index) -> Result<(Vec<Candidate>, Groups), CurateError> {
        let members = Members::of(index, &self.settings)?;
        let groups = members.groups(index, &self.settings, self.work.threads)?;
        let numbers = groups.distinct();
        let of = |number: &u32| (members.candidate(index, *number), *number);
        let mut order: Vec<(Candidate, u32)> = numbers.iter().map(of).collect();
        drop(members);
        order.sort_by_cached_key(|(candidate, _)| {
            let place = index.source_order(candidate.trace);
            let words = i64::from(candidate.words);
            match self.settings.keep {
                NearKeep::First => (0, place),
                NearKeep::Shortest => (words, place),
                NearKeep::Longest => (-words, place),
            }
        });
        let (candidates, order): (Vec<_>, Vec<_>) = order.into_iter().unzip();
        Ok((candidates, groups.renumbered(&order)))
    }

    fn resolved(
        &self,
        index: &Index,
        candidates: &[Candidate],
        groups: &Groups,
    ) -> Result<Resolved, CurateError> {
        let limits = Limits {
            threshold: self.settings.threshold,
            memory: SETS_BYTES,
        };
        let mut sets = CandidateSets {
            index,
            candidates,
            ngram: self.settings.ngram as usize,
            work: &self.work,
        };
        resolve(groups, candidates.len(), limits, &mut sets)
    }

    /// Adds how the responses of a few members of the largest clusters begin; not of traces with identifying data.
    fn add_texts(&self, index: &Index, clusters: &mut NearClusters) -> Result<(), CurateError> {
        let shown = |clusters: &NearClusters| -> Vec<TraceLocation> {
            let largest = clusters.clusters.iter().take(SHOWN_CLUSTERS);
            let members = largest.flat_map(|cluster| cluster.members.iter().take(SHOWN_MEMBERS));
            members.map(|member| member.trace).collect()
        };
        let mut traces = shown(clusters);
        traces.sort_unstable();
        let mut allowed = Vec::with_capacity(traces.len());
        for traces in traces.chunk_by(|one, next| one.block == next.block) {
            let measures = index.block(traces[0]).read_side(MEASURES)?;
            let is_allowed = |trace: &&TraceLocation| {
                TraceMeasures::of(&measures, trace.row as usize).identifying == 0
            };
            allowed.extend(traces.iter().filter(is_allowed));
        }
        let mut texts = BTreeMap::new();
        self.work.texts.read(index, &allowed, &mut |trace, text| {
            texts.insert(trace, beginning(text));
        })?;
        for cluster in clusters.clusters.iter_mut().take(SHOWN_CLUSTERS) {
            for member in cluster.members.iter_mut().take(SHOWN_MEMBERS) {
                member.text = texts.remove(&member.trace);
            }
        }
        Ok(())
    }
}

/// The first words of a text.
fn beginning(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let mut end = SHOWN_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text[..end].trim_end())
}

/// The clusters of two traces or more.
fn clusters(candidates: &[Candidate], resolved: &Resolved) -> NearClusters {
    let mut kept: BTreeMap<u32, (u32, f64)> = BTreeMap::new();
    for near in &resolved.near {
        kept.insert(near.text, (near.kept, near.jaccard));
    }
    let mut numbers: Vec<(u32, u32)> = resolved.clusters.iter().copied().zip(0..).collect();
    numbers.sort_unstable();
    let mut found = NearClusters {
        near: resolved.near.len() as u64,
        candidates: candidates.len() as u64,
        compared: resolved.compared,
        crowded: resolved.crowded,
        ..NearClusters::default()
    };
    let member = |(_, number): &(u32, u32)| NearMember {
        trace: candidates[*number as usize].trace,
        kept: kept
            .get(number)
            .map(|(kept, jaccard)| (candidates[*kept as usize].trace, *jaccard)),
        text: None,
    };
    for cluster in numbers.chunk_by(|one, next| one.0 == next.0) {
        if cluster.len() > 1 {
            let members = cluster.iter().map(member).collect();
            found.clusters.push(NearCluster { members });
        }
    }
    found.sort();
    found
}

/// The runs of words of candidates, read on several threads.
struct CandidateSets<'a> {
    index: &'a Index,
    candidates: &'a [Candidate],
    ngram: usize,
    work: &'a NearWork<'a>,
}

impl CandidateSets<'_> {
    /// Reads the texts of some places, which are in the order of blocks and rows.
    fn read_part(
        &self,
        places: &[(TraceLocation, usize)],
    ) -> Result<Vec<(usize, Shingles)>, CurateError> {
        let traces: Vec<TraceLocation> = places.iter().map(|(trace, _)| *trace).collect();
        let mut sets = Vec::with_capacity(places.len());
        let mut runs = Runs::new(self.ngram);
        self.work.texts.read(self.index, &traces, &mut |_, text| {
            sets.push(Shingles::of(text, &mut runs));
        })?;
        if sets.len() != places.len() {
            let message = format!("{} texts were read of {}", sets.len(), places.len());
            return Err(CurateError::Internal(message));
        }
        Ok(places.iter().map(|(_, at)| *at).zip(sets).collect())
    }
}

impl Sets for CandidateSets<'_> {
    type Error = CurateError;

    fn bytes(&self, text: u32) -> u64 {
        // A word is a token at least, and each begins a run of eight bytes.
        let trace = self.candidates[text as usize].trace;
        8 * u64::from(self.index.block(trace).traces.supervised[trace.row as usize]) + 64
    }

    fn are_comparable(&self, one: u32, other: u32) -> bool {
        let [one, other] = [one, other].map(|text| &self.candidates[text as usize]);
        one.is_comparable(other)
    }

    fn read(&mut self, texts: &[u32]) -> Result<Vec<Shingles>, CurateError> {
        let of = |(at, text): (usize, &u32)| (self.candidates[*text as usize].trace, at);
        let mut places: Vec<(TraceLocation, usize)> = texts.iter().enumerate().map(of).collect();
        places.sort_unstable();
        let each = places.len().div_ceil(self.work.threads.max(1)).max(1);
        let this = &*self;
        let parts: Vec<_> = places.chunks(each).collect();
        let parts = in_parallel(self.work.threads, parts.len(), |part| {
            this.read_part(parts[part])
        })?;
        let mut sets = vec![Shingles::default(); texts.len()];
        for (at, shingles) in parts.into_iter().flatten() {
            sets[at] = shingles;
        }
        Ok(sets)
    }
}
