//! The Python extension: arguments in, errors out.

mod answers;
mod batch;
mod check;
mod conversations;
mod csv;
mod cutters;
mod engine;
mod error;
mod evaluation;
mod image_values;
mod json_shape;
mod layout;
mod layout_images;
mod leave;
mod mds;
mod pack;
mod pages;
mod preview;
mod questions;
mod records;
mod template;
mod tokenizer;
mod trace;
mod vision;

// An inline module, and not a function, since `make stubs` reads what is exported here.
/// The compiled half of `octomed`; users import the Python classes that wrap it.
#[pyo3::pymodule]
mod _octomed {
    #[pymodule_export]
    use crate::answers::{extract_answer, judge_answer, response_parts};
    #[pymodule_export]
    use crate::batch::{check_packs, fill_batch};
    #[pymodule_export]
    use crate::check::{ImageDecoding, PackContent, ShardCheck, check_shard, read_pack};
    #[pymodule_export]
    use crate::conversations::conversations;
    #[pymodule_export]
    use crate::csv::{CsvCutter, CsvDialect};
    #[pymodule_export]
    use crate::cutters::{
        ArrowCutter, JsonArrayCutter, JsonLinesCutter, JsonObjectsCutter, JsonRowsCutter,
        ShardCutter,
    };
    #[pymodule_export]
    use crate::engine::{
        Cancel, Filtered, Scanner, changed_image_files, fingerprint, first_unreadable,
        limits_allow, measured, read_parts, remove_temporaries, verify_block,
    };
    #[pymodule_export]
    use crate::evaluation::{
        EvaluationQuestions, EvaluationReader, EvaluationSets, KeptPictures, contaminated_questions,
    };
    #[pymodule_export]
    use crate::json_shape::JsonShape;
    #[pymodule_export]
    use crate::layout::{Layout, Range, index_json};
    #[pymodule_export]
    use crate::layout_images::{ImageCost, PackedImages, SharedImage};
    #[pymodule_export]
    use crate::mds::{MdsReader, MdsWriter, digest, file_digest, mds_verify};
    #[pymodule_export]
    use crate::pack::{buckets, pack_lengths};
    #[pymodule_export]
    use crate::pages::{arrow_sizes, longest_of_dictionary, parquet_pages};
    #[pymodule_export]
    use crate::preview::{mapped_columns, raw_rows, row_outcomes, top_level_keys};
    #[pymodule_export]
    use crate::questions::{QuestionRow, question_rows};
    #[pymodule_export]
    use crate::template::{ChatTemplate, Prompt};
    #[pymodule_export]
    use crate::tokenizer::PyTokenizer;
    #[pymodule_export]
    use crate::trace::{Block, Mapping, preview};
    #[pymodule_export]
    use crate::vision::{
        decode_image, encode_image, image_content_hash, image_dhash, image_families, image_header,
        image_patches, image_pixel_hash, image_size, patches_of_image, resize_image,
        resized_image_size, values_of_patches,
    };

    /// Names and encodings of the columns of a pack.
    #[pymodule_export]
    const COLUMNS: [(&str, &str); octomed_engine::COLUMNS.len()] = octomed_engine::COLUMNS;
    /// Columns that filters of the user's own may ask for.
    #[pymodule_export]
    const FILTER_COLUMNS: [&str; octomed_engine::FILTER_COLUMNS.len()] =
        octomed_engine::FILTER_COLUMNS;
    /// Bytes that a trace takes in the index of a block.
    #[pymodule_export]
    const INDEX_ROW_BYTES: u64 = octomed_index::INDEX_ROW_BYTES;
    /// The reasons why a row has no trace, and whether each makes it unreadable.
    #[pymodule_export]
    const REASONS: crate::preview::Reasons = crate::preview::Reasons;
    /// Part of every key of a block.
    #[pymodule_export]
    const SCAN_VERSION: u32 = octomed_index::SCAN_VERSION;
    /// The names of what may become of a trace.
    #[pymodule_export]
    const VERDICTS: [&str; octomed_index::Verdict::ALL.len()] = octomed_index::Verdict::NAMES;
    /// Part of every key of what is written.
    #[pymodule_export]
    const WRITE_VERSION: u32 = octomed_engine::WRITE_VERSION;
    /// The version of the package.
    #[expect(non_upper_case_globals, reason = "Python's name for it")]
    #[pymodule_export]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
