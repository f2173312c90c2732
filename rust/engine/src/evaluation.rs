//! Evaluation sets are read: their questions, and what tells their pictures from others.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use octomed_curate::{Evaluation, EvaluationPicture, EvaluationQuestion, EvaluationSet, GRAY_SIDE};
use octomed_responses::Kinds;
use octomed_trace::{Block, Finding, Mapping, Row};
use octomed_vision::{ImageError, read_header};

use crate::block_scan::question_id_of;
use crate::curation_text::MaskedTexts;
use crate::error::EngineError;
use crate::image_reading::{Images, Picture, SeenPaths};
use crate::image_settings::ImageSettings;
use crate::kept_pictures::{KeptPictures, PictureFacts};
use crate::row_images::{Failure, hash_of_images};

/// What is found out about the pictures of an evaluation set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The hash of their bytes, of those that are there.
    IfThere,
    /// The hash of their bytes.
    Bytes,
    /// The hash of their pixels as well.
    Pixels,
    /// That of their gradients, and a small grey picture as well.
    Near,
}

/// Reads the rows of an evaluation set.
pub struct EvaluationReader {
    mapping: Mapping,
    images: Images,
    look: Look,
    masks: Vec<Kinds>,
    kept: Arc<KeptPictures>,
    /// What keys of kept pictures are mixed with: other settings find out something else.
    salt: u64,
}

/// What was read of an evaluation set.
#[derive(Clone, Debug, Default)]
pub struct EvaluationPart {
    /// The set.
    pub set: EvaluationSet,
    /// Its questions.
    pub questions: Vec<EvaluationQuestion>,
    /// Its pictures, numbered by questions of the part.
    pub pictures: Vec<EvaluationPicture>,
}

impl EvaluationReader {
    /// A reader of rows of which a mapping gives the questions. Each is also read as sources have it that mask data of
    /// some kinds, `masks`: what is compared has to be made in the same way. What is found out about pictures is kept in
    /// `kept`, and asked there first.
    ///
    /// # Errors
    /// When the folder or archive of images cannot be opened.
    pub fn new(
        mapping: Mapping,
        images: ImageSettings,
        look: Look,
        masks: Vec<Kinds>,
        kept: Arc<KeptPictures>,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            kept,
            salt: images.hash() ^ u64::from(look == Look::Near),
            mapping,
            images: Images::new(images)?,
            look,
            masks,
        })
    }

    /// Which columns hold what.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The questions of a block of file `file`, whose task begins with row `first_row`; `place` is the file in words.
    ///
    /// # Errors
    /// When a row cannot be read, or a picture that is compared cannot: what is not looked for is not found. And when
    /// `cancel` is set.
    pub fn read(
        &self,
        block: &Block,
        file: u32,
        first_row: u64,
        place: &str,
        cancel: &AtomicBool,
    ) -> Result<EvaluationPart, EngineError> {
        let mut part = EvaluationPart::default();
        let mut seen = SeenPaths::default();
        let mut known: HashSet<u64> = HashSet::new();
        block.for_each(&self.mapping, |finding| match finding {
            _ if cancel.load(Ordering::Relaxed) => Err(EngineError::Cancelled),
            Finding::Refused(refusal) if refusal.reason.is_unreadable() => {
                let row = first_row + refusal.ordinal;
                let reason = refusal.reason.as_str();
                let fault = format!("row {row} of {place}: {reason}: {}", refusal.detail);
                Err(EngineError::Evaluation(fault))
            }
            Finding::Refused(_) => {
                part.set.rows_without_question += 1;
                Ok(())
            }
            Finding::Row(row) => {
                let stem = row.body.stem();
                if stem.trim().is_empty() {
                    part.set.rows_without_question += 1;
                    return Ok(());
                }
                let number = first_row + row.ordinal;
                let failed = |what: &str| {
                    EngineError::Evaluation(format!("row {number} of {place}: {what}"))
                };
                let images = self.pictures(&row, &mut seen, &mut known, &mut part, failed)?;
                part.questions.push(EvaluationQuestion {
                    set: 0,
                    file,
                    row: number,
                    question_id: question_id_of(&row, images),
                    masked: self.masked(&row),
                    stem: stem.into_owned(),
                    images: images.unwrap_or_default(),
                });
                Ok(())
            }
        })?;
        Ok(part)
    }

    /// The question with the data of each mask masked, where there are any: text by text, as a scan masks a row.
    fn masked(&self, row: &Row<'_>) -> Vec<Option<String>> {
        let masked = self.masks.iter().map(|&kinds| {
            let texts = MaskedTexts::of(row, kinds)?;
            Some(texts.row(row).body.stem().into_owned())
        });
        masked.collect()
    }

    /// Adds the pictures of a row that are not known yet; gives the hash of all, if there are any.
    fn pictures(
        &self,
        row: &Row<'_>,
        seen: &mut SeenPaths,
        known: &mut HashSet<u64>,
        part: &mut EvaluationPart,
        failed: impl Fn(&str) -> EngineError,
    ) -> Result<Option<u64>, EngineError> {
        let question = part.questions.len() as u32;
        let mut hashes = Vec::new();
        let mut pictures = Vec::new();
        let read = self
            .images
            .pictures_of_row(row, seen, |picture: Picture<'_>| {
                hashes.push(picture.hash);
                if known.insert(picture.hash) {
                    pictures.push(self.looked(question, &picture)?);
                }
                Ok(())
            });
        match read {
            Ok(()) => {}
            Err(Failure::Row(_)) if self.look == Look::IfThere => {
                part.set.pictures_not_read += 1;
                return Ok(None);
            }
            Err(Failure::Row(fault)) => return Err(failed(&fault.detail)),
            Err(Failure::Scan(error)) => return Err(error),
        }
        part.pictures.extend(pictures);
        // Pictures that are not read make no other question of its words.
        let is_read = !hashes.is_empty();
        Ok(is_read
            .then(|| hash_of_images(row, hashes.into_iter()))
            .flatten())
    }

    fn looked(&self, question: u32, picture: &Picture<'_>) -> Result<EvaluationPicture, Failure> {
        let mut looked = EvaluationPicture {
            question,
            hash: picture.hash,
            ..EvaluationPicture::default()
        };
        if matches!(self.look, Look::Pixels | Look::Near) {
            let facts = self.facts(picture)?;
            looked.pixel_hash = facts.pixel_hash;
            looked.dhash = facts.dhash;
            looked.gray = facts.gray;
        }
        Ok(looked)
    }

    /// What decoding a picture finds out, now or in an earlier run.
    fn facts(&self, picture: &Picture<'_>) -> Result<PictureFacts, Failure> {
        let key = picture.hash ^ self.salt;
        if let Some(facts) = self.kept.get(key) {
            return Ok(facts);
        }
        let fault = |error: ImageError| picture.fault(&error);
        let header = read_header(picture.bytes).map_err(fault)?;
        let decoded = self.images.decode(picture.bytes, &header).map_err(fault)?;
        let mut facts = PictureFacts {
            pixel_hash: decoded.image.pixel_hash(),
            ..PictureFacts::default()
        };
        if self.look == Look::Near {
            facts.dhash = Some(decoded.image.dhash());
            facts.gray = decoded.image.small_gray(GRAY_SIDE, GRAY_SIDE);
        }
        self.kept.put(key, facts.clone());
        Ok(facts)
    }
}

impl EvaluationPart {
    /// Adds what was read of a later block of the set.
    pub fn extend(&mut self, other: Self) {
        let first = self.questions.len() as u32;
        self.set.rows_without_question += other.set.rows_without_question;
        self.set.pictures_not_read += other.set.pictures_not_read;
        self.questions.extend(other.questions);
        let known: HashSet<u64> = self.pictures.iter().map(|picture| picture.hash).collect();
        let pictures = other.pictures.into_iter();
        let new = pictures.filter(|picture| !known.contains(&picture.hash));
        self.pictures.extend(new.map(|picture| EvaluationPicture {
            question: first + picture.question,
            ..picture
        }));
    }

    /// Adds the whole set to others, under this name.
    pub fn add_to(self, evaluation: &mut Evaluation, name: String, files: Vec<String>) {
        let set = evaluation.sets.len() as u32;
        let first = evaluation.questions.len() as u32;
        evaluation.sets.push(EvaluationSet {
            name,
            files,
            ..self.set
        });
        let questions = self.questions.into_iter();
        evaluation
            .questions
            .extend(questions.map(|question| EvaluationQuestion { set, ..question }));
        let pictures = self.pictures.into_iter();
        evaluation
            .pictures
            .extend(pictures.map(|picture| EvaluationPicture {
                question: first + picture.question,
                ..picture
            }));
    }
}
