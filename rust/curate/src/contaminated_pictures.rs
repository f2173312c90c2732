//! Questions that show pictures of evaluation sets, or nearly these.

use std::collections::{HashMap, HashSet};

use octomed_index::{BlockIndex, Index, image_names};
use octomed_vision::decode;

use crate::CurateError;
use crate::against::Against;
use crate::contamination::{Leaving, NearPair, Reason};
use crate::decontaminate::{Decontaminate, NearPictures, Pictures};
use crate::evaluation::{Evaluation, GRAY_SIDE};
use crate::in_parallel::in_parallel;
use crate::near_hashes::NearHashes;
use crate::sources::Sources;

/// Grey levels that two pictures of 64 by 64 pixels are apart at most, on average, to be nearly the same.
const MOST_DIFFERENCE: f32 = 4.0;

/// What was found of all sources.
#[derive(Default)]
pub(crate) struct PictureFindings {
    pub sources: Vec<SourcePictures>,
    /// Distinct pictures of each evaluation set.
    pub set_pictures: Vec<u64>,
    pub leaving: Vec<Leaving>,
    pub near: Vec<NearPair>,
}

/// What was found of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourcePictures {
    /// Its distinct pictures.
    pub pictures: u64,
    /// Pictures that it shares with each set.
    pub shared: Vec<HashSet<u64>>,
    /// Ids of the questions that leave for each set.
    pub questions: Vec<HashSet<u64>>,
}

/// The pictures of evaluation sets, by what they are compared by.
struct Known<'e> {
    evaluation: &'e Evaluation,
    by: Pictures,
    bytes: HashMap<u64, Vec<u32>>,
    pixels: HashMap<u64, Vec<u32>>,
    near: Option<NearHashes>,
}

/// A picture of an evaluation set, the bits in which hashes differ, and how far pixels are apart.
type Near = (u32, u32, f32);
/// What an image is near to, and the image in grey.
type NearTo = (Vec<Near>, Vec<u8>);

/// What was found of a block.
#[derive(Default)]
struct BlockPictures {
    /// What tells its images apart.
    keys: Vec<u64>,
    /// For each image, the pictures of evaluation sets that it is.
    same: Vec<Vec<u32>>,
    /// For each image, those that it nearly is, with distance and difference, and the image in grey.
    near: HashMap<usize, NearTo>,
}

/// Looks all images up.
pub(crate) fn find_pictures(
    index: &Index,
    sources: &Sources,
    settings: &Decontaminate,
    against: &Against,
) -> Result<PictureFindings, CurateError> {
    let evaluation = &against.evaluation;
    let sets = evaluation.sets.len();
    let none = SourcePictures {
        pictures: 0,
        shared: vec![HashSet::new(); sets],
        questions: vec![HashSet::new(); sets],
    };
    let mut findings = PictureFindings {
        sources: vec![none; sources.names.len()],
        set_pictures: set_pictures(evaluation),
        ..PictureFindings::default()
    };
    if settings.images == Pictures::Off {
        return Ok(findings);
    }
    let known = Known::of(evaluation, settings);
    let mut distinct: Vec<HashSet<u64>> = vec![HashSet::new(); sources.names.len()];
    let mut listed: HashSet<(u32, u64)> = HashSet::new();
    let blocks = in_parallel(against.threads, index.blocks.len(), |number| {
        block_pictures(&index.blocks[number], &known, against)
    })?;
    for ((block, pictures), &source) in index.blocks.iter().zip(blocks).zip(&sources.of_blocks) {
        distinct[source as usize].extend(&pictures.keys);
        let mut names = None;
        let counts = &mut findings.sources[source as usize];
        for row in rows_in_order(block) {
            for &image in block.image_refs(row) {
                let image = image as usize;
                let place = Place {
                    block,
                    source,
                    row,
                    image,
                };
                for &picture in &pictures.same[image] {
                    counts.shared[set_of(evaluation, picture)].insert(pictures.keys[image]);
                    let line = place.leaving(evaluation, picture, Reason::Picture);
                    leave(counts, evaluation, line, &mut findings.leaving);
                }
                let Some((near, gray)) = pictures.near.get(&image) else {
                    continue;
                };
                if listed.insert((source, pictures.keys[image])) {
                    let read = || image_names(&block.path, block.header.image_files);
                    let name = names
                        .get_or_insert_with(read)
                        .get(&block.images.hash[image]);
                    let pairs = near
                        .iter()
                        .map(|&found| place.pair(found, name.cloned(), gray));
                    findings.near.extend(pairs);
                }
                if settings.near_images == NearPictures::Drop {
                    for &(picture, ..) in near {
                        let line = place.leaving(evaluation, picture, Reason::NearPicture);
                        leave(counts, evaluation, line, &mut findings.leaving);
                    }
                }
            }
        }
    }
    for (source, distinct) in findings.sources.iter_mut().zip(distinct) {
        source.pictures = distinct.len() as u64;
    }
    Ok(findings)
}

/// Notes a line, unless the question leaves for a picture of the set already.
fn leave(
    source: &mut SourcePictures,
    evaluation: &Evaluation,
    line: Leaving,
    leaving: &mut Vec<Leaving>,
) {
    let set = evaluation.questions[line.evaluation as usize].set as usize;
    if source.questions[set].insert(line.question_id) {
        leaving.push(line);
    }
}

/// The rows of a block that show images, in the order in which they were read.
fn rows_in_order(block: &BlockIndex) -> Vec<usize> {
    let shows = |row: &usize| block.traces.images[*row] > 0;
    let mut rows: Vec<usize> = (0..block.len()).filter(shows).collect();
    rows.sort_by_key(|&row| (block.traces.ordinal[row], block.traces.sample[row]));
    rows
}

/// An image where a trace shows it.
struct Place<'b> {
    block: &'b BlockIndex,
    source: u32,
    row: usize,
    image: usize,
}

impl Place<'_> {
    fn row(&self) -> u64 {
        self.block.first_row + u64::from(self.block.traces.ordinal[self.row])
    }

    fn leaving(&self, evaluation: &Evaluation, picture: u32, reason: Reason) -> Leaving {
        Leaving {
            source: self.source,
            file: self.block.header.file.clone(),
            row: self.row(),
            question_id: self.block.traces.question_id[self.row],
            evaluation: evaluation.pictures[picture as usize].question,
            reason,
            words: 0,
            text: None,
            picture: self.block.images.hash[self.image],
        }
    }

    fn pair(&self, found: Near, name: Option<String>, gray: &[u8]) -> NearPair {
        let (evaluation, distance, difference) = found;
        NearPair {
            source: self.source,
            file: self.block.header.file.clone(),
            row: self.row(),
            picture: self.block.images.hash[self.image],
            name,
            evaluation,
            distance,
            difference,
            gray: gray.to_vec(),
        }
    }
}

fn set_of(evaluation: &Evaluation, picture: u32) -> usize {
    let question = evaluation.pictures[picture as usize].question;
    evaluation.questions[question as usize].set as usize
}

/// Distinct pictures of each set, told apart by their pixels where these are known.
fn set_pictures(evaluation: &Evaluation) -> Vec<u64> {
    let mut sets: Vec<HashSet<u64>> = vec![HashSet::new(); evaluation.sets.len()];
    for (number, picture) in (0..).zip(&evaluation.pictures) {
        let key = match picture.pixel_hash {
            0 => picture.hash,
            pixels => pixels,
        };
        sets[set_of(evaluation, number)].insert(key);
    }
    sets.iter().map(|set| set.len() as u64).collect()
}

impl<'e> Known<'e> {
    fn of(evaluation: &'e Evaluation, settings: &Decontaminate) -> Self {
        let mut known = Self {
            evaluation,
            by: settings.images,
            bytes: HashMap::new(),
            pixels: HashMap::new(),
            near: None,
        };
        for (number, picture) in (0..).zip(&evaluation.pictures) {
            known.bytes.entry(picture.hash).or_default().push(number);
            if picture.pixel_hash != 0 {
                let same = known.pixels.entry(picture.pixel_hash).or_default();
                same.push(number);
            }
        }
        if settings.near_images != NearPictures::Off {
            let hashes = evaluation.pictures.iter().map(|picture| picture.dhash);
            known.near = Some(NearHashes::of(hashes));
        }
        known
    }

    /// The pictures that an image is: one of each set.
    fn same(&self, bytes: u64, pixels: u64) -> Vec<u32> {
        let by_bytes = self.bytes.get(&bytes).into_iter().flatten();
        let compares = self.by == Pictures::Pixels && pixels != 0;
        let by_pixels = self.pixels.get(&pixels).filter(|_| compares);
        let mut found: Vec<u32> = by_bytes
            .chain(by_pixels.into_iter().flatten())
            .copied()
            .collect();
        found.sort_unstable();
        self.one_a_set(found, |picture| *picture)
    }

    /// The first of those of each set, in the order given.
    fn one_a_set<T>(&self, found: Vec<T>, picture: impl Fn(&T) -> u32) -> Vec<T> {
        let mut sets = HashSet::new();
        let is_first = |one: &T| sets.insert(set_of(self.evaluation, picture(one)));
        let mut found = found;
        found.retain(is_first);
        found
    }
}

fn block_pictures(
    block: &BlockIndex,
    known: &Known<'_>,
    against: &Against,
) -> Result<BlockPictures, CurateError> {
    against.check()?;
    let table = &block.images;
    let mut found = BlockPictures::default();
    let hashes = table.hash.iter().zip(&table.pixel_hash);
    for (&bytes, &pixels) in hashes {
        found.same.push(known.same(bytes, pixels));
        found.keys.push(if pixels == 0 { bytes } else { pixels });
    }
    let Some(near) = &known.near else {
        return Ok(found);
    };
    for (image, dhash) in block.dhashes()?.into_iter().enumerate() {
        against.check()?;
        let sets = found.same[image].iter();
        let same: HashSet<usize> = sets.map(|&one| set_of(known.evaluation, one)).collect();
        let mut candidates = near.within(dhash);
        candidates.retain(|one| !same.contains(&set_of(known.evaluation, one.0)));
        if candidates.is_empty() {
            continue;
        }
        // What does not decode now has been decoded by the scan: its block is read again where it is written.
        let Ok(decoded) = decode(&block.stored_image(image)?, &against.rules) else {
            continue;
        };
        let gray = decoded.small_gray(GRAY_SIDE, GRAY_SIDE);
        let confirm = |(picture, distance): (u32, u32)| {
            let other = &known.evaluation.pictures[picture as usize].gray;
            let difference = difference(&gray, other)?;
            (difference <= MOST_DIFFERENCE).then_some((picture, distance, difference))
        };
        let mut confirmed: Vec<_> = candidates.into_iter().filter_map(confirm).collect();
        confirmed.sort_by(|one, other| one.2.total_cmp(&other.2).then(one.0.cmp(&other.0)));
        let confirmed = known.one_a_set(confirmed, |one| one.0);
        if !confirmed.is_empty() {
            found.near.insert(image, (confirmed, gray));
        }
    }
    Ok(found)
}

/// How far two grey pictures are apart, pixel by pixel, on average; nothing where one is not there.
fn difference(one: &[u8], other: &[u8]) -> Option<f32> {
    if one.len() != other.len() || one.is_empty() {
        return None;
    }
    let apart = one
        .iter()
        .zip(other)
        .map(|(one, other)| u64::from(one.abs_diff(*other)));
    Some(apart.sum::<u64>() as f32 / one.len() as f32)
}
