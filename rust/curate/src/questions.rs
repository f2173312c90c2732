//! The questions of an index, numbered: what the rules count and draw by.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use octomed_index::{BlockIndex, Index, TraceLocation};

/// The questions of all traces, rejected ones too, numbered in the order of their ids.
#[derive(Debug, Default)]
pub struct Questions {
    /// Distinct ids, ascending.
    ids: Vec<u64>,
    /// The number of each trace's question, block by block.
    numbers: Vec<Vec<u32>>,
}

impl Questions {
    /// Numbers the questions of an index whose column of them is loaded.
    pub fn of(index: &Index) -> Self {
        let columns = index.blocks.iter().map(|block| &block.traces.question_id);
        let mut ids = Vec::with_capacity(columns.clone().map(Vec::len).sum());
        columns.clone().for_each(|column| ids.extend(column));
        ids.sort_unstable();
        ids.dedup();
        ids.shrink_to_fit();
        let starts = Starts::of(&ids);
        let number = |id: &u64| starts.number(&ids, *id);
        let numbers = columns.map(|column| column.iter().map(number).collect());
        Self {
            numbers: numbers.collect(),
            ids,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id of a question.
    pub fn id(&self, number: u32) -> u64 {
        self.ids[number as usize]
    }

    /// All ids, ascending.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// The number of the question with this id, if any trace has it.
    pub fn find(&self, id: u64) -> Option<u32> {
        self.ids.binary_search(&id).ok().map(|number| number as u32)
    }

    /// The number of a trace's question.
    pub fn number(&self, trace: TraceLocation) -> u32 {
        self.numbers[trace.block as usize][trace.row as usize]
    }

    /// The numbers of the questions of a block's traces.
    pub fn of_block(&self, block: usize) -> &[u32] {
        &self.numbers[block]
    }

    /// How many questions have so many kept traces, those without left out.
    pub fn per_question(&self, index: &Index) -> BTreeMap<u64, u64> {
        let mut counts = vec![0_u64; self.len()];
        for (block, numbers) in index.blocks.iter().zip(&self.numbers) {
            block
                .kept_rows()
                .for_each(|row| counts[numbers[row] as usize] += 1);
        }
        let mut questions = BTreeMap::new();
        for count in counts.into_iter().filter(|&count| count > 0) {
            *questions.entry(count).or_default() += 1;
        }
        questions
    }

    /// The traces of each question of which `is_in` says yes.
    pub fn groups(&self, index: &Index, is_in: impl Fn(&BlockIndex, usize) -> bool) -> Groups {
        let chosen = || {
            let blocks = (0..).zip(index.blocks.iter().zip(&self.numbers));
            let is_in = &is_in;
            blocks.flat_map(move |(number, (block, numbers))| {
                let rows = (0..block.len()).filter(move |&row| is_in(block, row));
                rows.map(move |row| {
                    let trace = TraceLocation {
                        block: number,
                        row: row as u32,
                    };
                    (numbers[row] as usize, trace)
                })
            })
        };
        // Counted first, then put where they belong: a sort of as many would take longer and more memory.
        let mut starts = vec![0_u32; self.len() + 1];
        for (question, _) in chosen() {
            starts[question + 1] += 1;
        }
        for question in 0..self.len() {
            starts[question + 1] += starts[question];
        }
        let mut next = starts.clone();
        let mut traces = vec![TraceLocation { block: 0, row: 0 }; starts[self.len()] as usize];
        for (question, trace) in chosen() {
            traces[next[question] as usize] = trace;
            next[question] += 1;
        }
        Groups { starts, traces }
    }
}

/// Where the ids with each head begin: ids are hashes, so that few share one.
struct Starts {
    starts: Vec<u32>,
    shift: u32,
}

impl Starts {
    fn of(ids: &[u64]) -> Self {
        let bits = ids.len().max(2).ilog2().min(24);
        let shift = u64::BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for id in ids {
            starts[(id >> shift) as usize + 1] += 1;
        }
        for head in 1..starts.len() {
            starts[head] += starts[head - 1];
        }
        Self { starts, shift }
    }

    /// The number of an id that is one of `ids`.
    fn number(&self, ids: &[u64], id: u64) -> u32 {
        let head = (id >> self.shift) as usize;
        let (start, end) = (self.starts[head], self.starts[head + 1]);
        let among = &ids[start as usize..end as usize];
        start + among.partition_point(|&other| other < id) as u32
    }
}

/// Traces by question.
pub struct Groups {
    starts: Vec<u32>,
    traces: Vec<TraceLocation>,
}

impl Groups {
    /// How many questions there are, those without a trace included.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many traces there are before those of a question.
    pub fn start(&self, question: usize) -> usize {
        self.starts[question] as usize
    }

    /// How many traces there are.
    pub fn total(&self) -> usize {
        self.traces.len()
    }

    /// The traces of a question, by location.
    pub fn traces(&self, question: usize) -> &[TraceLocation] {
        &self.traces[self.starts[question] as usize..self.starts[question + 1] as usize]
    }
}

/// The questions of a selection: the first rule that asks numbers them for all.
#[derive(Clone, Debug, Default)]
pub struct SharedQuestions(Arc<OnceLock<Questions>>);

impl SharedQuestions {
    /// The questions of this index.
    pub fn of(&self, index: &Index) -> &Questions {
        self.0.get_or_init(|| Questions::of(index))
    }

    /// The questions, once a rule has asked for them.
    pub fn numbered(&self) -> Option<&Questions> {
        self.0.get()
    }
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]
    use octomed_index::{Header, TraceEntry, Verdict};
    use proptest::prelude::*;

    use super::*;

    /// A trace as tests make it: question, tokens, verdict.
    pub type Made = (u64, u32, Verdict);

    /// Blocks of a source each, whose rows are in no order of source.
    pub fn index_of(blocks: &[(&str, Vec<Made>)]) -> Index {
        let block = |(number, (source, traces)): (usize, &(&str, Vec<Made>))| {
            let mut block = BlockIndex::default();
            block.header = Header {
                source: (*source).to_owned(),
                file: format!("{number}.jsonl"),
                ..Header::default()
            };
            for (row, &(question_id, tokens, verdict)) in traces.iter().enumerate() {
                let mixed = (row * 7 + 3) % 11;
                block.traces.push(&TraceEntry {
                    trace_id: (number * 10_000 + row) as u64,
                    question_id,
                    tokens,
                    verdict: verdict as u8,
                    ordinal: (mixed * 1000 + row) as u32,
                    ..TraceEntry::default()
                });
            }
            block
        };
        Index {
            blocks: blocks.iter().enumerate().map(block).collect(),
        }
    }

    /// Some blocks of kept and rejected traces of few questions.
    pub fn made_blocks() -> impl Strategy<Value = Vec<(&'static str, Vec<Made>)>> {
        let verdict = prop_oneof![
            4 => Just(Verdict::Kept),
            1 => Just(Verdict::Duplicate),
        ];
        // Ids of all sizes: a hash has any.
        let question = prop_oneof![0..12_u64, (0..4_u64).prop_map(|id| id << 61 | 5)];
        let traces = prop::collection::vec((question, 1..9_u32, verdict), 0..30);
        let source = prop_oneof![Just("a"), Just("b"), Just("c")];
        prop::collection::vec((source, traces), 1..5)
    }

    /// The locations of all traces.
    pub fn locations(index: &Index) -> Vec<TraceLocation> {
        let mut all = Vec::new();
        for (block, loaded) in (0..).zip(&index.blocks) {
            all.extend((0..loaded.len() as u32).map(|row| TraceLocation { block, row }));
        }
        all
    }

    proptest! {
        #[test]
        fn equals_a_map(blocks in made_blocks()) {
            let index = index_of(&blocks);
            let questions = Questions::of(&index);
            let is_kept = |block: &BlockIndex, row: usize| block.is_kept(row);
            let groups = questions.groups(&index, is_kept);
            let mut expected: BTreeMap<u64, Vec<TraceLocation>> = BTreeMap::new();
            for trace in locations(&index) {
                let block = index.block(trace);
                let traces = expected.entry(block.traces.question_id[trace.row as usize]).or_default();
                if block.is_kept(trace.row as usize) {
                    traces.push(trace);
                }
            }
            prop_assert_eq!(questions.ids(), expected.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(groups.len(), expected.len());
            for (number, (id, traces)) in expected.into_iter().enumerate() {
                prop_assert_eq!(questions.id(number as u32), id);
                prop_assert_eq!(questions.find(id), Some(number as u32));
                prop_assert_eq!(groups.traces(number), &traces);
                for trace in traces {
                    prop_assert_eq!(questions.number(trace), number as u32);
                    prop_assert_eq!(questions.of_block(trace.block as usize)[trace.row as usize], number as u32);
                }
            }
            prop_assert_eq!(questions.find(77), None);
            let per_question = questions.per_question(&index);
            let traces: u64 = per_question.iter().map(|(count, questions)| count * questions).sum();
            let kept: usize = index.blocks.iter().map(|block| block.kept_rows().count()).sum();
            prop_assert_eq!(traces, kept as u64);
            prop_assert!(!per_question.contains_key(&0));
        }
    }
}
