//! A trace's turns to token ids and loss spans: chat templates, tokenizers, masks.

mod error;
mod prompt;
mod python_text;
mod rendered;
mod response;
mod template;
mod tokenizer;

pub use error::TextError;
pub use prompt::{Prompt, PromptOption};
pub use rendered::{Control, Rendered};
pub use response::{TwoReasonings, join_reasoning};
pub use template::{ImageSlot, Message, Supervise, Template, TemplateError};
pub use tokenizer::{
    AddedToken, Additions, Batch, BufferPool, Encoded, Encoder, Encoders, Isa, Tokenizer,
};
