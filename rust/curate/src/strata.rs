//! Questions drawn class by class.

use std::collections::BTreeMap;

use octomed_index::{BlockIndex, Index, Needs, TraceLocation, Verdict};
use serde::Deserialize;

use crate::class_count::ClassCount;
use crate::lots::{Lot, lot};
use crate::questions::{Questions, SharedQuestions};
use crate::{CurateError, Rejects, Rule};

/// How questions are drawn by class, as the recipe has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratify {
    /// The sources, each with the place of the column among those that it is asked for; none where the class is the
    /// right answer's text.
    pub sources: Vec<(String, Option<usize>)>,
    /// Questions of a class.
    pub per_class: PerClass,
    /// Whether a class with fewer gets some more than once.
    pub repeat: bool,
}

/// How many questions of a class stay.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerClass {
    /// As many as the class with the fewest has.
    Min,
    /// So many.
    Number(u64),
    /// So many of each; a class that is not named stays whole.
    Each(BTreeMap<String, u64>),
}

/// Most copies of a trace that a run may hold.
pub(crate) const MOST_COPIES: u64 = 64;
/// Classes that a note names.
const MOST_NAMED: usize = 10;

/// Leaves out the questions of a class that are not drawn.
#[derive(Clone, Debug)]
pub(crate) struct Strata {
    pub settings: Stratify,
    pub seed: u64,
    pub questions: SharedQuestions,
}

/// The number that stands for no class.
const NONE: u32 = u32::MAX;

/// The classes of questions.
struct Classes {
    /// Their names, ascending.
    names: Vec<String>,
    /// The class of each question.
    of: Vec<u32>,
}

impl Classes {
    /// The class of each question, which the first of its rows says that says any.
    fn of(settings: &Stratify, index: &Index, questions: &Questions) -> Result<Self, CurateError> {
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let mut of = vec![NONE; questions.len()];
        for block in &index.blocks {
            let Some(column) = settings.column(block) else {
                continue;
            };
            let table = block.questions()?;
            for line in table.iter() {
                let class = match column {
                    None => line.gold,
                    Some(place) => line.asked.get(place).copied().flatten(),
                };
                let class = class.map(normalised).filter(|class| !class.is_empty());
                let (Some(class), Some(question)) = (class, questions.find(line.question_id))
                else {
                    continue;
                };
                if of[question as usize] == NONE {
                    let next = numbers.len() as u32;
                    of[question as usize] = *numbers.entry(class).or_insert(next);
                }
            }
        }
        Ok(Self::in_order(numbers, of))
    }

    /// Numbers the classes in the order of their names.
    fn in_order(numbers: BTreeMap<String, u32>, mut of: Vec<u32>) -> Self {
        let mut places = vec![0; numbers.len()];
        for (place, &number) in (0..).zip(numbers.values()) {
            places[number as usize] = place;
        }
        for class in of.iter_mut().filter(|class| **class != NONE) {
            *class = places[*class as usize];
        }
        Self {
            names: numbers.into_keys().collect(),
            of,
        }
    }

    /// The class of a question.
    fn class(&self, question: u32) -> Option<usize> {
        let class = self.of[question as usize];
        (class != NONE).then_some(class as usize)
    }
}

/// A text in small letters, its words and numbers alone with a blank between two.
fn normalised(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return lower.trim().to_owned();
    }
    words.join(" ")
}

impl Stratify {
    /// Which column says the class of a block's questions, if its source is stratified at all.
    fn column(&self, block: &BlockIndex) -> Option<Option<usize>> {
        let mut sources = self.sources.iter();
        let found = sources.find(|(name, _)| *name == block.header.source);
        found.map(|one| one.1)
    }

    /// How many questions of each class stay, of those accepted.
    fn wanted(&self, classes: &Classes, accepted: &[Vec<u32>]) -> Result<Vec<u64>, CurateError> {
        let counts = accepted.iter().map(|questions| questions.len() as u64);
        match &self.per_class {
            PerClass::Number(number) => Ok(vec![*number; accepted.len()]),
            PerClass::Min => {
                let fewest = counts.filter(|&count| count > 0).min();
                Ok(vec![fewest.unwrap_or(0); accepted.len()])
            }
            PerClass::Each(numbers) => {
                let mut wanted: Vec<u64> = counts.collect();
                for (name, number) in numbers {
                    let class = normalised(name);
                    let place =
                        classes
                            .names
                            .binary_search(&class)
                            .map_err(|_| CurateError::NoClass {
                                class: name.clone(),
                                classes: classes.names.iter().take(MOST_NAMED).cloned().collect(),
                            })?;
                    wanted[place] = *number;
                }
                Ok(wanted)
            }
        }
    }
}

impl Rule for Strata {
    fn verdict(&self) -> Verdict {
        Verdict::NotDrawn
    }

    fn needs(&self) -> Needs {
        Needs::questions()
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let questions = self.questions.of(index);
        let classes = Classes::of(&self.settings, index, questions)?;
        let (read, accepted, unclassed) = self.count(index, questions, &classes);
        let wanted = self.settings.wanted(&classes, &accepted)?;
        let copies = self.draw(questions, &accepted, &wanted)?;
        let mut counts: Vec<ClassCount> = classes
            .names
            .iter()
            .enumerate()
            .map(|(class, name)| ClassCount {
                name: name.clone(),
                read: read[class],
                accepted: accepted[class].len() as u64,
                drawn: (accepted[class].len() as u64).min(wanted[class]),
            })
            .collect();
        counts.sort_by(|one, other| {
            other
                .read
                .cmp(&one.read)
                .then_with(|| one.name.cmp(&other.name))
        });
        let notes = notes(&counts, unclassed);
        for (number, block) in index.blocks.iter_mut().enumerate() {
            if self.settings.column(block).is_none() {
                continue;
            }
            if self.settings.repeat && block.copies.is_empty() {
                block.copies = vec![1; block.len()];
            }
            for (row, &question) in questions.of_block(number).iter().enumerate() {
                if !block.is_kept(row) || classes.class(question).is_none() {
                    continue;
                }
                match copies[question as usize] {
                    0 => block.traces.verdict[row] = Verdict::NotDrawn as u8,
                    copies if self.settings.repeat => block.copies[row] = copies,
                    _ => {}
                }
            }
        }
        let shared = self.questions.clone();
        let detail = move |_: &Index, trace: TraceLocation| {
            let question = shared.numbered().map(|all| all.number(trace));
            let class = question.and_then(|question| classes.class(question));
            class.map_or_else(String::new, |class| {
                let (all, wanted) = (accepted[class].len(), wanted[class]);
                format!("{wanted} of the {all} questions of its class are drawn")
            })
        };
        Ok(Rejects::new(Verdict::NotDrawn, detail)
            .with_notes(notes)
            .with_questions(self.questions.of(index).per_question(index))
            .with_classes(counts))
    }
}

impl Strata {
    /// How many questions of each class were read, which of them have a kept trace, and how many of those that have one
    /// are of no class.
    fn count(
        &self,
        index: &Index,
        questions: &Questions,
        classes: &Classes,
    ) -> (Vec<u64>, Vec<Vec<u32>>, u64) {
        let mut is_accepted = vec![false; questions.len()];
        for (number, block) in index.blocks.iter().enumerate() {
            if self.settings.column(block).is_some() {
                let of_block = questions.of_block(number);
                block
                    .kept_rows()
                    .for_each(|row| is_accepted[of_block[row] as usize] = true);
            }
        }
        let mut read = vec![0; classes.names.len()];
        let mut accepted = vec![Vec::new(); classes.names.len()];
        let mut unclassed = 0;
        for question in 0..questions.len() as u32 {
            let is_accepted = is_accepted[question as usize];
            match classes.class(question) {
                None => unclassed += u64::from(is_accepted),
                Some(class) => {
                    read[class] += 1;
                    if is_accepted {
                        accepted[class].push(question);
                    }
                }
            }
        }
        (read, accepted, unclassed)
    }

    /// How often each question stays.
    fn draw(
        &self,
        questions: &Questions,
        accepted: &[Vec<u32>],
        wanted: &[u64],
    ) -> Result<Vec<u8>, CurateError> {
        let mut copies = vec![0; questions.len()];
        for (members, &wanted) in accepted.iter().zip(wanted) {
            let mut order: Vec<(u64, u32)> = members
                .iter()
                .map(|&question| (lot(Lot::Class, questions.id(question), self.seed), question))
                .collect();
            order.sort_unstable();
            let count = order.len() as u64;
            for (place, (_, question)) in (0..).zip(order) {
                let times = if self.settings.repeat && count > 0 {
                    wanted / count + u64::from(place < wanted % count)
                } else {
                    u64::from(place < wanted)
                };
                if times > MOST_COPIES {
                    return Err(CurateError::Copies { copies: times });
                }
                copies[question as usize] = times as u8;
            }
        }
        Ok(copies)
    }
}

/// What is worth saying of classes.
fn notes(counts: &[ClassCount], unclassed: u64) -> Vec<String> {
    let empty: Vec<&str> = counts
        .iter()
        .filter(|count| count.accepted == 0)
        .map(|count| &*count.name)
        .collect();
    let mut notes = Vec::new();
    if !empty.is_empty() {
        let named: Vec<String> = empty
            .iter()
            .take(MOST_NAMED)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = match empty.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        notes.push(format!(
            "`curate.stratify`: no trace of the class {}{more} was accepted, and no other stands for it",
            named.join(", ")
        ));
    }
    if unclassed > 0 {
        notes.push(format!(
            "`curate.stratify`: {unclassed} questions have no class, and stay"
        ));
    }
    notes
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::path::Path;

    use octomed_files::Access;
    use octomed_index::{
        BlockRef, Header, NewBlock, Question, QuestionTable, SCAN_VERSION, TraceColumns,
        TraceEntry, checksum,
    };
    use proptest::prelude::*;

    use super::*;

    /// A row: question, class, traces, and whether these are kept.
    pub type Made = (u64, Option<&'static str>, u32, bool);

    pub fn load(folder: &Path, blocks: &[(&str, Vec<Made>)]) -> Index {
        let load = |(number, (source, rows)): (usize, &(&str, Vec<Made>))| {
            let mut columns = TraceColumns::default();
            let mut table = QuestionTable::default();
            for (ordinal, &(question_id, class, traces, is_kept)) in (0..).zip(rows) {
                for sample in 0..traces {
                    let verdict = if is_kept {
                        Verdict::Kept
                    } else {
                        Verdict::WrongAnswer
                    };
                    columns.push(&TraceEntry {
                        question_id,
                        ordinal,
                        sample,
                        verdict: verdict as u8,
                        checksum: checksum(&[]),
                        ..TraceEntry::default()
                    });
                }
                table.push(&Question {
                    ordinal,
                    question_id,
                    gold: class,
                    asked: vec![Some("x"), class],
                    ..Question::default()
                });
            }
            let header = Header {
                version: SCAN_VERSION,
                source: (*source).to_owned(),
                traces: columns.len() as u64,
                questions: Some(table.len() as u64),
                ..Header::default()
            };
            let path = folder.join(number.to_string());
            let block = NewBlock {
                traces: columns,
                questions: Some(&table),
                ..NewBlock::new(&header)
            };
            block.write(&path, Access::Owner).unwrap();
            let needs = Needs::questions();
            BlockIndex::load(&BlockRef { path, first_row: 0 }, &needs).unwrap()
        };
        Index {
            blocks: blocks.iter().enumerate().map(load).collect(),
        }
    }

    fn rule(per_class: PerClass, repeat: bool, column: Option<usize>) -> Strata {
        Strata {
            settings: Stratify {
                sources: vec![("a".into(), column), ("b".into(), column)],
                per_class,
                repeat,
            },
            seed: 5,
            questions: SharedQuestions::default(),
        }
    }

    /// The kept questions of a source.
    fn kept(index: &Index, source: &str) -> BTreeSet<u64> {
        let blocks = index
            .blocks
            .iter()
            .filter(|block| block.header.source == source);
        let of_block = |block: &BlockIndex| -> Vec<u64> {
            block
                .kept_rows()
                .map(|row| block.traces.question_id[row])
                .collect()
        };
        blocks.flat_map(of_block).collect()
    }

    fn rows() -> impl Strategy<Value = Vec<Made>> {
        let class = prop::sample::select(vec![
            Some("Yes"),
            Some("yes."),
            Some("no"),
            Some("maybe"),
            None,
        ]);
        prop::collection::vec(
            (0..25_u64, class, 1..3_u32, prop::bool::weighted(0.7)),
            0..40,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_a_draw_from_each_class_by_hand(
            one in rows(), two in rows(), other in rows(), number in prop::option::of(0..6_u64),
            column in prop::sample::select(vec![None, Some(1)]),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let blocks = [("a", one), ("c", other), ("b", two)];
            let mut index = load(folder.path(), &blocks);
            let untouched = kept(&index, "c");
            let mut classes: BTreeMap<u64, String> = BTreeMap::new();
            let mut accepted: BTreeSet<u64> = BTreeSet::new();
            for (source, rows) in &blocks {
                for (question, class, _, is_kept) in rows {
                    if *source == "c" { continue; }
                    if let Some(class) = class {
                        let name = class.to_lowercase().replace('.', "");
                        classes.entry(*question).or_insert(name);
                    }
                    if *is_kept { accepted.insert(*question); }
                }
            }
            let mut members: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
            for question in &accepted {
                if let Some(class) = classes.get(question) {
                    members.entry(class).or_default().push((lot(Lot::Class, *question, 5), *question));
                }
            }
            let fewest = members.values().map(Vec::len).min().unwrap_or(0);
            let per_class = number.map_or(fewest, |number| number as usize);
            let mut expected: BTreeSet<u64> = accepted.iter().filter(|one| !classes.contains_key(one)).copied().collect();
            for drawn in members.values_mut() {
                drawn.sort_unstable();
                expected.extend(drawn.iter().take(per_class).map(|one| one.1));
            }
            let strata = rule(number.map_or(PerClass::Min, PerClass::Number), false, column);
            let rejects = strata.apply(&mut index).unwrap();
            let found: BTreeSet<u64> = kept(&index, "a").union(&kept(&index, "b")).copied().collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(kept(&index, "c"), untouched);
            for count in &rejects.classes {
                let of_class = members.get(&*count.name).map_or(0, Vec::len);
                prop_assert_eq!(count.accepted, of_class as u64);
                prop_assert_eq!(count.drawn, of_class.min(per_class) as u64);
                let read = classes.values().filter(|class| **class == count.name).count();
                prop_assert_eq!(count.read, read as u64);
            }
            prop_assert_eq!(rejects.classes.len(), classes.values().collect::<BTreeSet<_>>().len());
        }
    }

    #[test]
    fn numbers_by_name_leave_other_classes_whole_and_a_lost_class_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows: Vec<Made> = (0..10).map(|id| (id, Some("Glioma"), 2, true)).collect();
        rows.extend((20..25).map(|id| (id, Some("No tumor"), 1, true)));
        rows.extend((30..34).map(|id| (id, Some("pituitary"), 1, false)));
        rows.push((40, None, 1, true));
        let mut index = load(folder.path(), &[("a", rows)]);
        let numbers = BTreeMap::from([("glioma!".to_owned(), 3)]);
        let rejects = rule(PerClass::Each(numbers), false, None)
            .apply(&mut index)
            .unwrap();
        assert_eq!(kept(&index, "a").len(), 3 + 5 + 1);
        assert_eq!(
            rejects.notes,
            [
                "`curate.stratify`: no trace of the class `pituitary` was accepted, and no other stands for it",
                "`curate.stratify`: 1 questions have no class, and stay",
            ]
        );
        let row = (0..20).find(|&row| !index.blocks[0].is_kept(row)).unwrap();
        let trace = TraceLocation {
            block: 0,
            row: row as u32,
        };
        assert_eq!(
            rejects.detail(&index, trace),
            "3 of the 10 questions of its class are drawn"
        );
        let numbers = BTreeMap::from([("meningioma".to_owned(), 3)]);
        let refused = rule(PerClass::Each(numbers), false, None).apply(&mut index);
        assert_eq!(
            refused.err().unwrap().to_string(),
            "no question is of the class `meningioma` that `curate.stratify.per_class` names"
        );
    }

    #[test]
    fn a_class_with_fewer_is_repeated_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows: Vec<Made> = (0..10).map(|id| (id, Some("many"), 1, true)).collect();
        rows.extend((20..23).map(|id| (id, Some("few"), 2, true)));
        let mut index = load(folder.path(), &[("a", rows)]);
        rule(PerClass::Number(8), true, None)
            .apply(&mut index)
            .unwrap();
        let block = &index.blocks[0];
        let copies = |least: u64| -> u32 {
            let rows = block
                .kept_rows()
                .filter(|&row| (least..least + 20).contains(&block.traces.question_id[row]));
            rows.map(|row| u32::from(block.copies(row))).sum()
        };
        assert_eq!((copies(0), copies(20)), (8, 2 * 8));
        assert!(block.kept_rows().all(|row| block.copies(row) > 0));
        let refused = rule(PerClass::Number(3 * 64 + 1), true, None).apply(&mut index);
        assert!(matches!(refused, Err(CurateError::Copies { copies: 65 })));
    }
}
