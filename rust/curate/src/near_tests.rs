//! Near duplicates against each compared with each, over blocks written here without a scan.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use octomed_files::Access;
use octomed_index::{
    BlockIndex, BlockRef, Header, Index, MEASURES, NewBlock, NewImage, NewImages, SCAN_VERSION,
    TraceColumns, TraceEntry, TraceLocation, TraceMeasures, Verdict, bands, checksum,
};
use octomed_minhash::{Near, Sketcher};
use proptest::prelude::*;

use crate::{
    Curate, CurateError, NearClusters, NearFound, NearSettings, NearWork, PackLimits, Rejects,
    Texts, needs, rules,
};

/// A trace; its number in the list is its place in source order.
#[derive(Clone, Debug)]
struct Made {
    text: String,
    question: u64,
    images: Vec<u64>,
    option: u64,
    is_identifying: bool,
}

/// Bands that let nothing pass that is near by half.
const NEAR: &str = r#"{"action": "drop", "ngram": 3, "bands": 64, "rows": 2, "threshold": 0.6, "scope": "all", "keep": "first"}"#;

fn settings(keys: &[(&str, &str)]) -> NearSettings {
    let mut value: serde_json::Value = serde_json::from_str(NEAR).unwrap();
    for (key, text) in keys {
        value[key] = serde_json::from_str(text).unwrap();
    }
    serde_json::from_value(value).unwrap()
}

/// A text of `count` words that follow from a seed, of which some are others.
fn text(seed: u32, count: u32, edits: &[u32]) -> String {
    let word = |at| match edits.contains(&at) {
        false => format!("w{seed}x{at}"),
        true => format!("edit{at}"),
    };
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

fn made() -> impl Strategy<Value = Made> {
    let edits = prop::collection::vec(0_u32..60, 0..5);
    let images = prop_oneof![3 => Just(vec![]), 1 => Just(vec![7]), 1 => Just(vec![7, 8]), 1 => Just(vec![8, 7])];
    (
        0_u32..3,
        prop_oneof![Just(8_u32), Just(48), Just(52), Just(60)],
        edits,
        0_u64..3,
        images,
        0_u64..2,
    )
        .prop_map(|(seed, count, edits, question, images, option)| Made {
            text: text(seed, count, &edits),
            question,
            images,
            option,
            is_identifying: false,
        })
}

/// Texts by what their trace is called.
struct Known(BTreeMap<(u32, u32), String>);

impl Texts for Known {
    fn read(
        &self,
        index: &Index,
        traces: &[TraceLocation],
        each: &mut dyn FnMut(TraceLocation, &str),
    ) -> Result<(), CurateError> {
        for &trace in traces {
            let ordinal = index.block(trace).traces.ordinal[trace.row as usize];
            each(trace, &self.0[&(trace.block, ordinal)]);
        }
        Ok(())
    }
}

/// Traces in blocks of these sizes, in an order inside each that `salt` makes.
struct Corpus {
    index: Index,
    texts: Known,
    _folder: tempfile::TempDir,
}

fn corpus(traces: &[Made], sizes: &[usize], salt: u64, near: Near) -> Corpus {
    let folder = tempfile::tempdir().unwrap();
    let mut sketcher = Sketcher::new(&near);
    let mut texts = BTreeMap::new();
    let (mut blocks, mut rest) = (Vec::new(), traces);
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(usize::MAX));
    while !rest.is_empty() {
        let (here, behind) = rest.split_at(sizes.next().unwrap().min(rest.len()));
        rest = behind;
        let number = blocks.len() as u32;
        let (mut columns, mut images) = (TraceColumns::default(), NewImages::default());
        let (mut measures, mut keys) = (Vec::new(), Vec::new());
        for (ordinal, trace) in (0_u32..).zip(here) {
            texts.insert((number, ordinal), trace.text.clone());
            columns.push(&TraceEntry {
                shuffle_key: (u64::from(ordinal) + 1).wrapping_mul(salt),
                ordinal,
                question_id: trace.question,
                supervised: trace.text.split(' ').count() as u32,
                images: trace.images.len() as u16,
                checksum: checksum(b""),
                ..TraceEntry::default()
            });
            for &hash in &trace.images {
                let image = || NewImage {
                    hash,
                    ..NewImage::default()
                };
                let number = images.number(hash).unwrap_or_else(|| images.add(image()));
                images.show(number);
            }
            let mut of_trace = vec![0; near.bands as usize];
            let words = sketcher.bands(&trace.text, &mut of_trace);
            keys.extend(of_trace.iter().flat_map(|key| key.to_le_bytes()));
            measures.extend(
                TraceMeasures {
                    option: trace.option,
                    response_words: words as u32,
                    identifying: u16::from(trace.is_identifying),
                    ..TraceMeasures::default()
                }
                .encode(),
            );
        }
        let images = images.settled();
        let header = Header {
            version: SCAN_VERSION,
            source: format!("source{}", number % 2),
            file: format!("{number}.jsonl"),
            traces: here.len() as u64,
            measures: true,
            bands: near.bands,
            images: images.images().len() as u64,
            image_bytes: images.bytes(),
            image_placeholders: images.placeholders(),
            ..Header::default()
        };
        let path = folder.path().join(number.to_string());
        let block = NewBlock {
            traces: columns,
            images: &images,
            side: &[(MEASURES, measures), (bands(near.bands), keys)],
            ..NewBlock::new(&header)
        };
        block.write(&path, Access::Owner).unwrap();
        blocks.push(BlockRef { path, first_row: 0 });
    }
    let texts = Known(texts);
    let curate = curate(settings(&[]));
    let needs = needs(&rules(&curate, &LIMITS, Some(&work(&texts, 1))));
    let blocks = blocks
        .iter()
        .map(|block| BlockIndex::load(block, &needs).unwrap())
        .collect();
    Corpus {
        index: Index { blocks },
        texts,
        _folder: folder,
    }
}

const LIMITS: PackLimits = PackLimits {
    capacity: 1 << 20,
    max_patches: None,
    seed: 1,
};

fn curate(near: NearSettings) -> Curate {
    let mut curate = Curate::default();
    curate.duplicates.near = Some(near);
    curate
}

fn work(texts: &Known, threads: usize) -> NearWork<'_> {
    NearWork {
        texts,
        threads,
        found: NearFound::default(),
    }
}

/// What the rule did.
struct Outcome {
    index: Index,
    rejects: Rejects,
    clusters: NearClusters,
}

impl Outcome {
    /// The place in source order of every trace.
    fn places(&self) -> BTreeMap<TraceLocation, usize> {
        let mut traces = Vec::new();
        for (block, loaded) in (0..).zip(&self.index.blocks) {
            traces.extend((0..loaded.len() as u32).map(|row| TraceLocation { block, row }));
        }
        traces.sort_by_key(|trace| self.index.source_order(*trace));
        traces.into_iter().zip(0..).collect()
    }

    /// Places of the traces that went.
    fn gone(&self) -> BTreeSet<usize> {
        let gone = |trace: &TraceLocation| !self.index.block(*trace).is_kept(trace.row as usize);
        let places = self.places().into_iter();
        places
            .filter(|(trace, _)| gone(trace))
            .map(|(_, place)| place)
            .collect()
    }

    /// Those near to one that stays, by place: which, and how near.
    fn near(&self) -> BTreeMap<usize, (usize, f64)> {
        let places = self.places();
        let members = self
            .clusters
            .clusters
            .iter()
            .flat_map(|cluster| &cluster.members);
        members
            .filter_map(|member| {
                let (kept, jaccard) = member.kept?;
                Some((places[&member.trace], (places[&kept], jaccard)))
            })
            .collect()
    }

    /// The clusters, as places.
    fn clusters(&self) -> BTreeSet<BTreeSet<usize>> {
        let places = self.places();
        let clusters = self.clusters.clusters.iter();
        clusters
            .map(|cluster| {
                cluster
                    .members
                    .iter()
                    .map(|member| places[&member.trace])
                    .collect()
            })
            .collect()
    }
}

fn run(mut corpus: Corpus, near: NearSettings, threads: usize) -> Outcome {
    let work = work(&corpus.texts, threads);
    let rules = rules(&curate(near), &LIMITS, Some(&work));
    assert_eq!(rules.last().unwrap().verdict(), Verdict::NearDuplicate);
    let rejects = rules.last().unwrap().apply(&mut corpus.index).unwrap();
    Outcome {
        index: corpus.index,
        rejects,
        clusters: work.found.take().unwrap(),
    }
}

/// The runs of three words of a text.
fn shingles(text: &str) -> HashSet<Vec<&str>> {
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(3).map(<[&str]>::to_vec).collect()
}

/// Which traces are near to one that stays, and what is connected: each compared with each.
#[expect(clippy::type_complexity, reason = "what a test compares")]
fn slow(
    traces: &[Made],
    settings: &NearSettings,
) -> (BTreeMap<usize, (usize, f64)>, BTreeSet<BTreeSet<usize>>) {
    let words = |place: usize| traces[place].text.split(' ').count();
    let near = |one: usize, other: usize| {
        let (left, right) = (&traces[one], &traces[other]);
        let is_all =
            settings.scope == crate::NearScope::All && words(one) >= 50 && words(other) >= 50;
        let (a, b) = (shingles(&left.text), shingles(&right.text));
        let jaccard = a.intersection(&b).count() as f64 / a.union(&b).count() as f64;
        let comparable = left.images == right.images
            && left.option == right.option
            && (is_all || left.question == right.question);
        (comparable && jaccard >= settings.threshold).then_some(jaccard)
    };
    let mut order: Vec<usize> = (0..traces.len()).collect();
    match settings.keep {
        crate::NearKeep::First => {}
        crate::NearKeep::Longest => order.sort_by_key(|place| std::cmp::Reverse(words(*place))),
        crate::NearKeep::Shortest => order.sort_by_key(|place| words(*place)),
    }
    let (mut kept, mut gone) = (Vec::<usize>::new(), BTreeMap::new());
    let mut cluster: Vec<usize> = (0..traces.len()).collect();
    for &place in &order {
        match kept
            .iter()
            .find_map(|&kept| Some((kept, near(kept, place)?)))
        {
            Some(found) => drop(gone.insert(place, found)),
            None => kept.push(place),
        }
        for other in 0..traces.len() {
            if other != place && near(other, place).is_some() {
                let (from, to) = (cluster[other], cluster[place]);
                cluster
                    .iter_mut()
                    .filter(|number| **number == from)
                    .for_each(|number| *number = to);
            }
        }
    }
    let mut clusters: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (place, number) in cluster.into_iter().enumerate() {
        clusters.entry(number).or_default().insert(place);
    }
    (
        gone,
        clusters
            .into_values()
            .filter(|cluster| cluster.len() > 1)
            .collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn it_is_what_comparing_each_with_each_gives(
        traces in prop::collection::vec(made(), 1..24), keep in 0_usize..3, scope in 0_usize..2,
        sizes in prop::collection::vec(1_usize..9, 0..9), salt: u64, threads in 1_usize..4,
    ) {
        let keep = ["\"first\"", "\"longest\"", "\"shortest\""][keep];
        let settings = settings(&[("keep", keep), ("scope", ["\"all\"", "\"question\""][scope])]);
        let outcome = run(corpus(&traces, &sizes, salt, settings.near()), settings.clone(), threads);
        let (gone, clusters) = slow(&traces, &settings);
        prop_assert_eq!(outcome.gone(), gone.keys().copied().collect());
        prop_assert_eq!(outcome.near(), gone);
        prop_assert_eq!(outcome.clusters(), clusters);
        let sizes: Vec<usize> = outcome.clusters.clusters.iter().map(|cluster| cluster.members.len()).collect();
        prop_assert!(sizes.is_sorted_by(|one, next| one >= next));
    }
}

fn one(text: String) -> Made {
    Made {
        text,
        question: 1,
        images: vec![],
        option: 0,
        is_identifying: false,
    }
}

#[test]
fn a_report_counts_and_lists_and_drops_none() {
    let traces = [
        one(text(1, 60, &[])),
        one(text(2, 60, &[])),
        one(text(1, 60, &[30])),
    ];
    let settings = settings(&[("action", "\"report\"")]);
    let outcome = run(corpus(&traces, &[2], 5, settings.near()), settings, 2);
    assert_eq!(outcome.gone(), BTreeSet::new());
    assert_eq!(outcome.clusters.near, 1);
    assert_eq!(outcome.clusters(), BTreeSet::from([BTreeSet::from([0, 2])]));
    let members = &outcome.clusters.clusters[0].members;
    assert_eq!(
        members[0].text.as_deref(),
        Some(text(1, 60, &[])[..].trim()).filter(|text| text.len() <= 600)
    );
}

#[test]
fn the_detail_says_how_near_and_to_which() {
    let traces = [
        one(text(1, 60, &[])),
        one(text(2, 60, &[])),
        one(text(1, 60, &[30])),
    ];
    let outcome = run(
        corpus(&traces, &[2], 5, settings(&[]).near()),
        settings(&[]),
        1,
    );
    let gone = TraceLocation { block: 1, row: 0 };
    // 58 runs each, of which three are of the other word.
    let detail = outcome.rejects.detail(&outcome.index, gone);
    assert_eq!(detail, "J 0.90 with source0/0.jsonl row 0 sample 0");
}

#[test]
fn texts_are_shown_in_part_and_never_of_traces_with_identifying_data() {
    let long = text(1, 300, &[]);
    let mut traces = vec![one(long.clone()); 3];
    traces[1].is_identifying = true;
    let outcome = run(
        corpus(&traces, &[], 5, settings(&[]).near()),
        settings(&[]),
        1,
    );
    let members = &outcome.clusters.clusters[0].members;
    let first = members[0].text.as_deref().unwrap();
    assert!(
        long.starts_with(first.strip_suffix('…').unwrap()) && first.len() <= 603,
        "{first}"
    );
    assert!(members[1].text.is_none() && members[2].text.is_some());
    let quiet = settings(&[("samples", "false")]);
    let outcome = run(corpus(&traces, &[], 5, quiet.near()), quiet, 1);
    assert!(
        outcome.clusters.clusters[0]
            .members
            .iter()
            .all(|member| member.text.is_none())
    );
}

#[test]
fn a_source_may_be_compared_inside_of_questions_only() {
    let mut traces = vec![one(text(1, 60, &[])); 4];
    (0..)
        .zip(&mut traces)
        .for_each(|(number, trace)| trace.question = number);
    for (scopes, gone) in [
        ("{}", vec![1, 2, 3]),
        (r#"{"source1": "question"}"#, vec![1]),
        (r#"{"source0": "question"}"#, vec![3]),
    ] {
        let settings = settings(&[("scopes", scopes)]);
        let outcome = run(corpus(&traces, &[2, 2], 5, settings.near()), settings, 1);
        assert_eq!(outcome.gone(), gone.into_iter().collect(), "{scopes}");
    }
}

#[test]
fn what_went_before_is_compared_with_nothing() {
    let traces = vec![one(text(1, 60, &[])); 3];
    let mut corpus = corpus(&traces, &[], 1, settings(&[]).near());
    corpus
        .index
        .reject(TraceLocation { block: 0, row: 0 }, Verdict::OverLong);
    let outcome = run(corpus, settings(&[]), 1);
    assert_eq!(
        outcome.near().into_iter().collect::<Vec<_>>(),
        [(2, (1, 1.0))]
    );
}

#[test]
fn ten_thousand_equal_traces_and_a_cluster_of_as_many_take_a_comparison_each() {
    let mut traces = vec![one(text(1, 60, &[])); 10_000];
    traces.extend((0..10_000).map(|number| one(text(2, 60, &[number % 60]))));
    let near = Near {
        ngram: 3,
        bands: 20,
        rows: 6,
    };
    let settings = settings(&[("bands", "20"), ("rows", "6"), ("threshold", "0.7")]);
    let outcome = run(corpus(&traces, &[3000, 5000, 9000], 3, near), settings, 2);
    let clusters: Vec<usize> = outcome
        .clusters
        .clusters
        .iter()
        .map(|cluster| cluster.members.len())
        .collect();
    assert_eq!(clusters, [10_000, 10_000]);
    assert_eq!(outcome.clusters.near, 19_998);
    assert!(
        outcome.clusters.compared < 25_000,
        "{}",
        outcome.clusters.compared
    );
}

#[test]
fn a_block_without_bands_or_with_others_is_damaged() {
    let traces = vec![one(text(1, 60, &[])); 3];
    let mut corpus = corpus(
        &traces,
        &[],
        1,
        Near {
            ngram: 3,
            bands: 3,
            rows: 6,
        },
    );
    let work = work(&corpus.texts, 1);
    let rules = rules(&curate(settings(&[])), &LIMITS, Some(&work));
    let error = rules
        .last()
        .unwrap()
        .apply(&mut corpus.index)
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("is damaged: it has 3 band keys a trace, not 64"),
        "{error}"
    );
}
