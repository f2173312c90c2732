//! Traces that a list names: withdrawn consent, bad rows found later.

use std::collections::HashMap;

use octomed_index::{BlockIndex, Index, TraceLocation, Verdict};
use serde::Deserialize;

use crate::{CurateError, Rejects, Rule};

/// Lines that are named of those that name nothing.
const MOST_NAMED: usize = 20;

/// A line of a list of exclusions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Where it is written: `withdrawn.txt:3`.
    pub line: String,
    /// The ids of a trace or hashes of an image that it may say; none where it names a row.
    #[serde(default)]
    pub ids: Vec<u64>,
    /// The row that it names.
    #[serde(default)]
    pub row: Option<ExcludedRow>,
}

/// A row of a source's file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExcludedRow {
    /// The source.
    pub source: String,
    /// The file, relative to the source's root.
    pub file: String,
    /// The row's number in it, from 0.
    pub row: u64,
}

/// Leaves out the traces that lines name.
#[derive(Clone, Debug)]
pub(crate) struct Excluded {
    pub exclusions: Vec<Exclusion>,
}

/// What lines name, each thing once, and by number.
#[derive(Default)]
struct Lines<'e> {
    ids: HashMap<u64, u32>,
    rows: HashMap<&'e str, HashMap<&'e str, HashMap<u64, u32>>>,
    /// The first line that names each thing.
    lines: Vec<u32>,
    /// The things that each line names.
    named: Vec<Vec<u32>>,
}

impl<'e> Lines<'e> {
    fn of(exclusions: &'e [Exclusion]) -> Self {
        let mut lines = Self::default();
        for (line, exclusion) in (0..).zip(exclusions) {
            let mut named = Vec::new();
            for &id in &exclusion.ids {
                named.push(*lines.ids.entry(id).or_insert(lines.lines.len() as u32));
                lines.note(line, &named);
            }
            if let Some(ExcludedRow { source, file, row }) = &exclusion.row {
                let files = lines.rows.entry(source).or_default();
                let rows = files.entry(file).or_default();
                named.push(*rows.entry(*row).or_insert(lines.lines.len() as u32));
                lines.note(line, &named);
            }
            lines.named.push(named);
        }
        lines
    }

    /// Notes the line of a thing that is new.
    fn note(&mut self, line: u32, named: &[u32]) {
        if named.last() == Some(&(self.lines.len() as u32)) {
            self.lines.push(line);
        }
    }

    /// What names the rows of a block's file.
    fn rows_of(&self, block: &BlockIndex) -> Option<&HashMap<u64, u32>> {
        let files = self.rows.get(block.header.source.as_str())?;
        files.get(block.header.file.as_str())
    }

    /// What names each image of a block, by its bytes or its pixels.
    fn images_of(&self, block: &BlockIndex) -> HashMap<u32, Vec<u32>> {
        let mut named = HashMap::new();
        if self.ids.is_empty() {
            return named;
        }
        let hashes = block.images.hash.iter().zip(&block.images.pixel_hash);
        for (image, (bytes, &pixels)) in (0..).zip(hashes) {
            let of_pixels = || (pixels != 0).then(|| self.ids.get(&pixels)).flatten();
            let found: Vec<u32> = self
                .ids
                .get(bytes)
                .into_iter()
                .chain(of_pixels())
                .copied()
                .collect();
            if !found.is_empty() {
                named.insert(image, found);
            }
        }
        named
    }
}

impl Rule for Excluded {
    fn verdict(&self) -> Verdict {
        Verdict::Excluded
    }

    fn apply(&self, index: &mut Index) -> Result<Rejects, CurateError> {
        let lines = Lines::of(&self.exclusions);
        let mut is_found = vec![false; lines.lines.len()];
        let mut left_out: Vec<(TraceLocation, u32)> = Vec::new();
        for (number, block) in (0..).zip(&mut index.blocks) {
            let (rows, images) = (lines.rows_of(block), lines.images_of(block));
            if rows.is_none() && lines.ids.is_empty() {
                continue;
            }
            for row in 0..block.len() {
                let of_file = block.first_row + u64::from(block.traces.ordinal[row]);
                let by_row = rows.and_then(|rows| rows.get(&of_file));
                let by_id = lines.ids.get(&block.traces.trace_id[row]);
                let refs = block.image_refs(row).iter();
                let by_images = refs.filter_map(|image| images.get(image)).flatten();
                let found = by_row.into_iter().chain(by_id).chain(by_images);
                let mut first = None;
                for &thing in found {
                    is_found[thing as usize] = true;
                    first = first.or(Some(lines.lines[thing as usize]));
                }
                if let Some(line) = first.filter(|_| block.is_kept(row)) {
                    let row = row as u32;
                    left_out.push((TraceLocation { block: number, row }, line));
                    block.traces.verdict[row as usize] = Verdict::Excluded as u8;
                }
            }
        }
        let is_idle = |line: &usize| {
            lines.named[*line]
                .iter()
                .all(|&thing| !is_found[thing as usize])
        };
        let idle: Vec<usize> = (0..self.exclusions.len()).filter(is_idle).collect();
        let notes = self.note(&idle);
        let exclusions = self.exclusions.clone();
        let detail = move |_: &Index, trace: TraceLocation| {
            let found = left_out.binary_search_by_key(&trace, |one| one.0);
            found.map_or_else(
                |_| String::new(),
                |at| format!("named by {}", exclusions[left_out[at].1 as usize].line),
            )
        };
        Ok(Rejects::new(Verdict::Excluded, detail).with_notes(notes))
    }
}

impl Excluded {
    /// What is said of lines that name no trace.
    fn note(&self, idle: &[usize]) -> Vec<String> {
        if idle.is_empty() {
            return Vec::new();
        }
        let named = idle.iter().take(MOST_NAMED);
        let named: Vec<&str> = named.map(|&line| &*self.exclusions[line].line).collect();
        let more = match idle.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        vec![format!(
            "`curate.exclude`: nothing in this run is named by {}{more}",
            named.join(", ")
        )]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use octomed_index::{Header, ImageTable, TraceColumns, TraceEntry};
    use proptest::prelude::*;

    use super::*;

    fn exclusion(line: u32, ids: &[u64], row: Option<(&str, u64)>) -> Exclusion {
        Exclusion {
            line: format!("list:{line}"),
            ids: ids.to_vec(),
            row: row.map(|(file, row)| ExcludedRow {
                source: "a".into(),
                file: file.into(),
                row,
            }),
        }
    }

    /// A trace: id, row, images of its block, and whether it is kept.
    type Made = (u64, u32, Vec<u32>, bool);

    /// Hashes of bytes and of pixels; the last was not decoded.
    const IMAGES: [(u64, u64); 4] = [(3, 103), (4, 104), (5, 103), (6, 0)];

    fn block(file: &str, traces: &[Made]) -> BlockIndex {
        let mut columns = TraceColumns::default();
        for (trace_id, ordinal, images, is_kept) in traces {
            let verdict = if *is_kept {
                Verdict::Kept
            } else {
                Verdict::OverLong
            };
            columns.push(&TraceEntry {
                trace_id: *trace_id,
                ordinal: *ordinal,
                images: images.len() as u16,
                verdict: verdict as u8,
                ..TraceEntry::default()
            });
        }
        let mut block = BlockIndex::default();
        block.header = Header {
            source: "a".into(),
            file: file.into(),
            ..Header::default()
        };
        (block.traces, block.first_row) = (columns, 10);
        let table = ImageTable {
            hash: IMAGES.map(|image| image.0).to_vec(),
            pixel_hash: IMAGES.map(|image| image.1).to_vec(),
            ..ImageTable::default()
        };
        let refs = traces.iter().flat_map(|made| made.2.clone()).collect();
        block.with_images(table, refs)
    }

    fn exclusions() -> impl Strategy<Value = Vec<Exclusion>> {
        let id = prop_oneof![0..8_u64, 100..106_u64];
        let line = prop_oneof![
            prop::collection::vec(id, 1..3).prop_map(|ids| exclusion(0, &ids, None)),
            (prop_oneof![Just("x"), Just("y")], 8..18_u64).prop_map(|place| exclusion(
                0,
                &[],
                Some(place)
            )),
        ];
        prop::collection::vec(line, 0..6).prop_map(|mut lines| {
            for (number, line) in lines.iter_mut().enumerate() {
                line.line = format!("list:{number}");
            }
            lines
        })
    }

    /// Whether a line names a trace, said plainly.
    fn names(line: &Exclusion, file: &str, (trace_id, ordinal, images, _): &Made) -> bool {
        let of_image = |&image: &u32| {
            let (bytes, pixels) = IMAGES[image as usize];
            line.ids.contains(&bytes) || pixels != 0 && line.ids.contains(&pixels)
        };
        let row = u64::from(*ordinal) + 10;
        let by_row = |place: &ExcludedRow| place.file == file && place.row == row;
        line.ids.contains(trace_id)
            || images.iter().any(of_image)
            || line.row.as_ref().is_some_and(by_row)
    }

    proptest! {
        #[test]
        fn equals_a_look_at_each_line(
            traces in prop::collection::vec(
                (20..30_u64, 0..6_u32, prop::collection::vec(0..4_u32, 0..3), prop::bool::weighted(0.8)), 0..12,
            ),
            lines in exclusions(),
        ) {
            let (first, second) = traces.split_at(traces.len() / 2);
            let files = [("x", first), ("y", second)];
            let blocks = files.iter().map(|(file, traces)| block(file, traces)).collect();
            let mut index = Index { blocks };
            let rejects = Excluded { exclusions: lines.clone() }.apply(&mut index).unwrap();
            for (block, (file, traces)) in files.iter().enumerate() {
                for (row, made) in traces.iter().enumerate() {
                    let naming: Vec<&Exclusion> = lines.iter().filter(|line| names(line, file, made)).collect();
                    let is_excluded = index.blocks[block].traces.verdict[row] == Verdict::Excluded as u8;
                    prop_assert_eq!(is_excluded, made.3 && !naming.is_empty());
                    if is_excluded {
                        let detail = rejects.detail(&index, TraceLocation { block: block as u32, row: row as u32 });
                        let is_named = naming.iter().any(|line| detail == format!("named by {}", line.line));
                        prop_assert!(is_named);
                    }
                }
            }
            let is_idle = |line: &&Exclusion| {
                !files.iter().any(|(file, traces)| traces.iter().any(|made| names(line, file, made)))
            };
            let idle: Vec<&str> = lines.iter().filter(is_idle).map(|line| line.line.as_str()).collect();
            prop_assert_eq!(rejects.notes.is_empty(), idle.is_empty());
            for line in &lines {
                let is_said = rejects.notes.iter().any(|note| note.contains(&line.line));
                prop_assert_eq!(is_said, idle.contains(&line.line.as_str()));
            }
        }
    }
}
