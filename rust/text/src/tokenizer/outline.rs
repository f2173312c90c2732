//! A `tokenizer.json` without its vocabulary: what decides whether other files fit it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// The outline of a file as JSON: `added_tokens`, `normalizer`, `pre_tokenizer` and the model's `dropout`.
pub(crate) fn read(bytes: &[u8]) -> Result<String, TextError> {
    let fail = |error: serde_json::Error| TextError::TokenizerFile(error.to_string());
    let mut outline: Outline = serde_json::from_slice(bytes).map_err(fail)?;
    outline.dropout = outline.model.dropout;
    serde_json::to_string(&outline).map_err(fail)
}
