//! Scan, select, write: the three passes over a recipe's rows.

mod accounts;
mod block;
mod block_scan;
mod changed_files;
mod check;
mod contamination_tables;
mod conversations;
mod curation;
mod curation_answers;
mod curation_columns;
mod curation_settings;
mod curation_target;
mod curation_text;
mod decoding_ahead;
mod error;
mod evaluation;
mod extents;
mod fetched;
mod filter_columns;
mod filtered;
mod fingerprint;
mod identifying;
mod ids;
mod image_choices;
mod image_copies;
mod image_cost;
mod image_decoding;
mod image_facts;
mod image_reading;
mod image_settings;
mod image_work;
mod kept_pictures;
mod laid_out;
mod layout;
mod near_table;
mod pack_bytes;
mod parallel;
mod pass_rates;
mod question_rows;
mod range_cells;
mod range_images;
mod range_packs;
mod ranges;
mod response_texts;
mod row;
mod row_images;
mod row_scan;
mod scan;
mod scratch;
mod select;
mod settings;
mod split;
mod stored_traces;
mod tables;
mod workers;
mod write;

pub use accounts::{SourceAccount, source_accounts};
pub use block::BlockOrigin;
pub use changed_files::changed_image_files;
pub use check::{PackContent, ShardCheck, check_shard, read_pack};
pub use contamination_tables::{contaminated, contamination_counts, near_pictures};
pub use conversations::{Conversation, Conversations, Spoken, SpokenTurn};
pub use curation_settings::{CurationSettings, limits_allow};
pub use error::EngineError;
pub use evaluation::{EvaluationPart, EvaluationReader, Look};
pub use filter_columns::FILTER_COLUMNS;
pub use filtered::{FilterBatch, FilterOrigin, Filtered, LeftOut};
pub use fingerprint::fingerprint;
pub use identifying::identifying;
#[doc(hidden)]
pub use ids::{pack_ids, unpack_ids};
pub use image_choices::StoreChoices;
pub use image_cost::{ImageCost, PackedImages, image_cost};
pub use image_decoding::{DecodedImages, ImageDecoding};
pub use image_facts::ImageFacts;
pub use image_settings::{ImageSettings, Metadata, OutsideRoot, Store, Urls, Verify};
pub use kept_pictures::KeptPictures;
pub use layout::{Layout, StreamPart};
pub use near_table::near_duplicates;
pub use pass_rates::Answered;
pub use question_rows::{QuestionFinding, QuestionImage, QuestionRow, QuestionTurn};
pub use row::COLUMNS;
pub use row_images::{RowImage, RowImages};
pub use scan::{Previewed, Scanner};
pub use select::Selection;
pub use settings::{Output, Pack, Settings};
pub use split::{RangeId, Split};
pub use tables::rejects;
pub use write::{OpenRange, WRITE_VERSION, WrittenShard};

#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod scan_image_tests;
#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;
