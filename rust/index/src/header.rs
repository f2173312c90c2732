//! What a block says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{MEASURES, SideColumn, bands};

/// Version of the block format and of what SCAN puts into it; part of every scan key.
pub const SCAN_VERSION: u32 = 6;

/// What a block says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCAN_VERSION`] of the writer.
    pub version: u32,
    /// Name of the source.
    pub source: String,
    /// Path of the file, relative to the source's root.
    pub file: String,
    /// Number of the block in its task.
    pub number: u32,
    /// Number of the part: rows whose rendered text passes a bound are stored in several.
    #[serde(default)]
    pub part: u32,
    /// Whether no part follows.
    #[serde(default)]
    pub is_last: bool,
    /// Row number, in the task, of the block's first row.
    pub first_ordinal: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows that could not be read.
    pub rows_unreadable: u64,
    /// Rows that hold no trace.
    pub rows_without_trace: u64,
    /// Rows whose pictures are left out because the recipe asks for it.
    #[serde(default)]
    pub rows_without_pictures: u64,
    /// Bytes of the mapped columns.
    pub source_bytes: u64,
    /// Bytes of rendered text.
    pub text_bytes: u64,
    /// Tokens of traces with ids.
    pub tokens: u64,
    /// Bytes of the `.ids` file.
    pub stored_bytes: u64,
    /// Traces made.
    pub traces: u64,
    /// Traces that the scan rejected.
    pub traces_rejected: u64,
    /// Tokens that straddle the edge of a supervised span, and so carry no loss.
    pub straddling: u64,
    /// Rows that give traces with images.
    #[serde(default)]
    pub rows_with_images: u64,
    /// Rows that show images and are refused, by reason of these or of where they stand.
    #[serde(default)]
    pub rows_images_refused: u64,
    /// Distinct images.
    #[serde(default)]
    pub images: u64,
    /// Bytes of the `.images` file.
    #[serde(default)]
    pub image_bytes: u64,
    /// Distinct images whose bytes say who or what they are of: EXIF, texts.
    #[serde(default)]
    pub images_with_metadata: u64,
    /// Placeholders of images in all traces.
    #[serde(default)]
    pub image_placeholders: u64,
    /// Files that images were looked for in.
    #[serde(default)]
    pub image_files: u64,
    /// Whether there is a `.measures` file: what was measured of each response.
    #[serde(default, skip_serializing_if = "is_default")]
    pub measures: bool,
    /// MinHash band keys of each trace in the `.bands` file; 0 where there is none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bands: u32,
    /// Lines of the `.questions` file, where there is one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub questions: Option<u64>,
    /// Whether there is a `.dhashes` file: the hash of the gradients of each image.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dhashes: bool,
    /// The thresholds that the traces were scanned with, as JSON; what they left out has no ids.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: String,
    /// Traces by what became of their answers: [`AnswerState::as_str`](crate::AnswerState::as_str).
    #[serde(default, skip_serializing_if = "is_default")]
    pub answers: BTreeMap<String, u64>,
    /// Traces that filters of the user's own left out, by the filter's name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub filtered: BTreeMap<String, u64>,
}

/// What a header leaves out: a block that nobody curates is written as before there was curation.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Header {
    /// The side columns that the block has.
    pub(crate) fn side_columns(&self) -> impl Iterator<Item = SideColumn> {
        let measures = self.measures.then_some(MEASURES);
        let bands = (self.bands > 0).then(|| bands(self.bands));
        measures.into_iter().chain(bands)
    }

    /// What all parts of a block say together; an image in several parts counts in each.
    #[must_use]
    pub fn sum(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut sum = parts.next().unwrap_or_default();
        for part in parts {
            sum.is_last = part.is_last;
            sum.rows += part.rows;
            sum.rows_unreadable += part.rows_unreadable;
            sum.rows_without_trace += part.rows_without_trace;
            sum.rows_without_pictures += part.rows_without_pictures;
            sum.source_bytes += part.source_bytes;
            sum.text_bytes += part.text_bytes;
            sum.tokens += part.tokens;
            sum.stored_bytes += part.stored_bytes;
            sum.traces += part.traces;
            sum.traces_rejected += part.traces_rejected;
            sum.straddling += part.straddling;
            sum.rows_with_images += part.rows_with_images;
            sum.rows_images_refused += part.rows_images_refused;
            sum.images += part.images;
            sum.image_bytes += part.image_bytes;
            sum.images_with_metadata += part.images_with_metadata;
            sum.image_placeholders += part.image_placeholders;
            sum.image_files += part.image_files;
            for (state, traces) in part.answers {
                *sum.answers.entry(state).or_default() += traces;
            }
            for (filter, traces) in part.filtered {
                *sum.filtered.entry(filter).or_default() += traces;
            }
            if let Some(lines) = part.questions {
                sum.questions = Some(sum.questions.unwrap_or_default() + lines);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_header_without_curation_is_written_as_before_there_was_any() {
        let json = serde_json::to_string(&Header::default()).unwrap();
        for name in [
            "measures",
            "bands",
            "questions",
            "dhashes",
            "limits",
            "answers",
            "filtered",
        ] {
            assert!(!json.contains(name), "{json}");
        }
        assert!(json.ends_with(r#""image_files":0}"#), "{json}");
        let header = Header {
            measures: true,
            bands: 20,
            questions: Some(0),
            limits: "{}".to_owned(),
            answers: [("right".to_owned(), 3)].into(),
            ..Header::default()
        };
        let json = serde_json::to_string(&header).unwrap();
        assert_eq!(serde_json::from_str::<Header>(&json).unwrap(), header);
        assert_eq!(header.side_columns().count(), 2);
    }
}
