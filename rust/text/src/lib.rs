//! A trace's turns to token ids and loss spans: chat templates, tokenizers, masks.

mod error;
mod options;
mod prompt;
mod python_text;
mod rendered;
mod response;
mod template;
mod tokenizer;

pub use error::TextError;
pub use options::{option_label, strip_labels};
pub use prompt::Prompt;
pub use rendered::{Control, Rendered};
pub use response::{join_reasoning, marks_reasoning};
pub use template::{Message, Supervise, Template, TemplateError};
pub use tokenizer::{AddedToken, Additions, Batch, Encoded, Encoder, Encoders, Spare, Tokenizer};
