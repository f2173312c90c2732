#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// Owned columns of a row.
#[derive(Clone, Debug, Default)]
struct Columns {
    ids: Vec<u32>,
    lengths: Vec<u32>,
    spans: Vec<u32>,
    traces: Vec<u64>,
}

impl Columns {
    fn row(&self) -> PackRow<'_> {
        PackRow {
            input_ids: &self.ids,
            lengths: &self.lengths,
            loss_spans: &self.spans,
            trace_ids: &self.traces,
            images: ImageColumns::default(),
        }
    }
}

/// Rules that ask for nothing but a vocabulary.
fn below(vocabulary: u32) -> PackRules {
    PackRules {
        vocabulary: Some(vocabulary),
        ..PackRules::default()
    }
}

/// Owned buffers of a batch.
#[derive(Debug, Default)]
struct Buffers {
    packs: Vec<i64>,
    input_ids: Vec<i64>,
    labels: Vec<i64>,
    position_ids: Vec<i64>,
    cu_seqlens: Vec<i32>,
    trace_ids: Vec<i64>,
    supervised: Vec<i64>,
}

impl Buffers {
    /// Buffers full of a value that no batch holds.
    fn of(size: BatchSize, position_rows: usize) -> Self {
        let full = |length| vec![-7; length];
        Self {
            packs: full(2 * size.packs),
            input_ids: full(size.tokens),
            labels: full(size.tokens),
            position_ids: full(position_rows * size.tokens),
            cu_seqlens: vec![-7; size.documents + 1],
            trace_ids: full(size.documents),
            supervised: full(size.documents),
        }
    }

    fn batch(&mut self) -> Batch<'_> {
        Batch {
            packs: &mut self.packs,
            input_ids: &mut self.input_ids,
            labels: &mut self.labels,
            position_ids: &mut self.position_ids,
            cu_seqlens: &mut self.cu_seqlens,
            trace_ids: &mut self.trace_ids,
            supervised_tokens: &mut self.supervised,
            images: None,
        }
    }
}

/// What a batch has to be, token by token.
fn slowly(packs: &[Columns], position_rows: usize) -> (Buffers, u32) {
    let mut slow = Buffers::default();
    slow.cu_seqlens.push(0);
    for pack in packs {
        slow.packs
            .extend([pack.ids.len() as i64, pack.lengths.len() as i64]);
        let mut token = 0_u32;
        for (&length, &trace) in pack.lengths.iter().zip(&pack.traces) {
            let mut counted = 0;
            for position in 0..length {
                let id = i64::from(pack.ids[token as usize]);
                let learned = position > 0
                    && pack
                        .spans
                        .chunks(2)
                        .any(|span| (span[0]..span[1]).contains(&token));
                slow.input_ids.push(id);
                slow.labels.push(if learned { id } else { IGNORED });
                slow.position_ids.push(i64::from(position));
                counted += i64::from(learned);
                token += 1;
            }
            slow.cu_seqlens.push(slow.input_ids.len() as i32);
            slow.trace_ids.push(trace as i64);
            slow.supervised.push(counted);
        }
    }
    slow.position_ids = slow.position_ids.repeat(position_rows);
    let longest = packs.iter().flat_map(|pack| &pack.lengths).max();
    (slow, *longest.unwrap())
}

/// A good pack: up to five documents, each token inside or outside a span, runs cut at random.
fn good_pack() -> impl Strategy<Value = Columns> {
    let document = prop::collection::vec((any::<u32>(), 0..3_u8), 1..12);
    prop::collection::vec((document, any::<u64>()), 1..5).prop_map(|documents| {
        let mut pack = Columns::default();
        for (tokens, trace) in documents {
            let begin = pack.ids.len();
            for (id, role) in tokens {
                let at = pack.ids.len() as u32;
                pack.ids.push(id);
                match role {
                    0 => {}
                    1 if pack.spans.last() == Some(&at) && at as usize > begin => {
                        *pack.spans.last_mut().unwrap() += 1;
                    }
                    _ => pack.spans.extend([at, at + 1]),
                }
            }
            pack.lengths.push((pack.ids.len() - begin) as u32);
            pack.traces.push(trace);
        }
        pack
    })
}

proptest! {
    #[test]
    fn equals_the_slow_one(packs in prop::collection::vec(good_pack(), 1..4), position_rows in 0_usize..5) {
        let rows: Vec<_> = packs.iter().map(Columns::row).collect();
        let mut fast = Buffers::of(BatchSize::of(&rows), position_rows);
        let longest = fast.batch().fill(&rows, &PackRules::default()).unwrap();
        let (slow, slow_longest) = slowly(&packs, position_rows);
        prop_assert_eq!(longest, slow_longest);
        prop_assert_eq!(fast.packs, slow.packs);
        prop_assert_eq!(fast.input_ids, slow.input_ids);
        prop_assert_eq!(fast.labels, slow.labels);
        prop_assert_eq!(fast.position_ids, slow.position_ids);
        prop_assert_eq!(fast.cu_seqlens, slow.cu_seqlens);
        prop_assert_eq!(fast.trace_ids, slow.trace_ids);
        prop_assert_eq!(fast.supervised, slow.supervised);
    }

    /// Whatever the columns hold, a fault is told or the batch is right: nothing panics.
    #[test]
    fn any_columns_are_refused_or_right(
        ids in prop::collection::vec(any::<u32>(), 0..9),
        lengths in prop::collection::vec(prop_oneof![0..5_u32, any::<u32>()], 0..4),
        spans in prop::collection::vec(prop_oneof![0..9_u32, any::<u32>()], 0..7),
        traces in prop::collection::vec(any::<u64>(), 0..4),
    ) {
        let pack = Columns { ids, lengths, spans, traces };
        let rows = [pack.row()];
        let mut fast = Buffers::of(BatchSize::of(&rows), 1);
        if fast.batch().fill(&rows, &PackRules::default()).is_ok() {
            let (slow, _) = slowly(&[pack], 1);
            prop_assert_eq!(fast.labels, slow.labels);
            prop_assert_eq!(fast.supervised, slow.supervised);
        }
    }
}

fn small() -> Columns {
    Columns {
        ids: vec![5, 6, 7, 8, 9],
        lengths: vec![2, 3],
        spans: vec![1, 2, 2, 4],
        traces: vec![7, u64::MAX],
    }
}

#[test]
fn the_first_token_of_a_document_is_never_a_label() {
    let pack = small();
    let rows = [pack.row()];
    let mut made = Buffers::of(BatchSize::of(&rows), 4);
    assert_eq!(made.batch().fill(&rows, &below(10)), Ok(3));
    assert_eq!(made.labels, [IGNORED, 6, IGNORED, 8, IGNORED]);
    assert_eq!(made.supervised, [1, 1]);
    assert_eq!(made.position_ids, [0, 1, 0, 1, 2].repeat(4));
    assert_eq!(made.cu_seqlens, [0, 2, 5]);
    assert_eq!(made.trace_ids, [7, -1]);
    assert_eq!(made.packs, [5, 2]);
}

#[test]
fn every_fault_has_its_words() {
    type Spoil = fn(&mut Columns);
    let cases: [(Spoil, RowFault); 11] = [
        (|pack| pack.lengths.clear(), RowFault::NoDocuments),
        (|pack| pack.lengths[1] = 0, RowFault::Empty { document: 1 }),
        (
            |pack| pack.lengths[1] = 4,
            RowFault::Lengths { sum: 6, ids: 5 },
        ),
        (
            |pack| pack.traces.truncate(1),
            RowFault::TraceIds {
                trace_ids: 1,
                documents: 2,
            },
        ),
        (
            |pack| pack.spans.truncate(3),
            RowFault::HalfSpan { edges: 3 },
        ),
        (
            |pack| pack.spans = vec![1, 3],
            RowFault::Span { from: 1, to: 3 },
        ),
        (
            |pack| pack.spans = vec![1, 1],
            RowFault::Span { from: 1, to: 1 },
        ),
        (
            |pack| pack.spans = vec![2, 4, 3, 5],
            RowFault::Span { from: 3, to: 5 },
        ),
        (
            |pack| pack.spans = vec![3, 4, 1, 2],
            RowFault::Span { from: 1, to: 2 },
        ),
        (
            |pack| pack.spans = vec![5, 6],
            RowFault::Span { from: 5, to: 6 },
        ),
        (
            |pack| pack.ids[2] = 10,
            RowFault::Id {
                id: 10,
                vocabulary: 10,
            },
        ),
    ];
    for (spoil, fault) in cases {
        let mut pack = small();
        spoil(&mut pack);
        assert_eq!(pack.row().check(&below(10)), Err(fault));
    }
}

#[test]
fn a_pack_that_a_run_wrote_keeps_its_capacity_and_teaches_in_every_document() {
    let rules = |capacity| PackRules {
        vocabulary: Some(10),
        capacity: Some(capacity),
        every_document_learned: true,
        images: None,
    };
    let faults = |pack: &Columns, capacity| -> Vec<RowFault> {
        pack.row().faults(&rules(capacity)).collect()
    };
    assert_eq!(faults(&small(), 5), []);
    let too_many = RowFault::Capacity {
        ids: 5,
        capacity: 4,
    };
    assert_eq!(faults(&small(), 4), [too_many]);
    for (spans, document) in [(vec![1, 2], 1), (vec![3, 4], 0), (vec![], 0)] {
        let mut pack = small();
        pack.spans = spans;
        assert_eq!(faults(&pack, 5), [RowFault::NotLearned { document }]);
        assert_eq!(pack.row().check(&PackRules::default()), Ok(()));
    }
}

#[test]
fn of_every_kind_of_fault_the_first_is_told() {
    let mut pack = small();
    (pack.lengths[1], pack.ids[2]) = (4, 10);
    pack.traces.truncate(1);
    pack.spans = vec![1, 1, 3, 9];
    let rules = PackRules {
        vocabulary: Some(10),
        capacity: Some(4),
        every_document_learned: true,
        images: None,
    };
    let said: Vec<String> = pack
        .row()
        .faults(&rules)
        .map(|fault| fault.to_string())
        .collect();
    assert_eq!(
        said,
        [
            "its lengths sum to 6, and it has 5 ids",
            "it has 5 ids, and a pack holds 4",
            "it has 1 trace ids for 2 documents",
            "its loss span 1..1 does not follow the one before it inside one document",
            "its id 10 is outside a vocabulary of 10",
        ]
    );
}

#[test]
fn nothing_is_written_when_a_row_is_wrong() {
    let (good, mut bad) = (small(), small());
    bad.ids[0] = 99;
    let rows = [good.row(), bad.row()];
    let mut made = Buffers::of(BatchSize::of(&rows), 1);
    let error = made.batch().fill(&rows, &below(10)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pack 1 of the batch (first trace 7) is damaged: its id 99 is outside a vocabulary of 10"
    );
    assert!(made.labels.iter().all(|&label| label == -7));
}

#[test]
fn a_buffer_of_another_size_is_refused() {
    let pack = small();
    let rows = [pack.row()];
    let mut made = Buffers::of(BatchSize::of(&rows), 1);
    made.labels.pop();
    assert_eq!(
        made.batch().fill(&rows, &PackRules::default()),
        Err(BatchError::Buffer { buffer: "labels" })
    );
    assert_eq!(
        made.batch().fill(&[], &PackRules::default()),
        Err(BatchError::NoPacks)
    );
}
