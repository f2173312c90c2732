//! A `tokenizer.json` without its vocabulary: what decides whether other files fit it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::{check_count, check_texts};
use crate::TextError;

/// The small parts of a file.
#[derive(Deserialize, Serialize)]
#[serde(default)]
struct Outline {
    added_tokens: Value,
    normalizer: Value,
    pre_tokenizer: Value,
    #[serde(skip_serializing)]
    model: Model,
    dropout: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Model {
    dropout: Option<f64>,
}

impl Default for Outline {
    fn default() -> Self {
        Self {
            added_tokens: Value::Array(Vec::new()),
            normalizer: Value::Null,
            pre_tokenizer: Value::Null,
            model: Model::default(),
            dropout: None,
        }
    }
}

impl Outline {
    /// Refuses what no reader takes, before others make copies of it.
    fn check(&self) -> Result<(), String> {
        check_count(self.added_tokens.as_array().map_or(0, Vec::len))?;
        let mut parts = [&self.added_tokens, &self.normalizer, &self.pre_tokenizer].into_iter();
        parts.try_for_each(check_texts)
    }
}

/// The outline of a file as JSON: `added_tokens`, `normalizer`, `pre_tokenizer` and the model's `dropout`.
pub(crate) fn read(bytes: &[u8]) -> Result<String, TextError> {
    let fail = |error: serde_json::Error| TextError::TokenizerFile(error.to_string());
    let mut outline: Outline = serde_json::from_slice(bytes).map_err(fail)?;
    outline.check().map_err(TextError::TokenizerFile)?;
    outline.dropout = outline.model.dropout;
    serde_json::to_string(&outline).map_err(fail)
}
