//! The inner loop: text to words, words to ids, for one worker and for batches.

mod batch;
mod block;
mod cutter;
mod encoder;
mod isa;
mod output_buffer;
mod segment;
mod sync;
mod text;
mod window;
mod word_batch;
mod words;

pub use batch::{Batch, Encoders};
pub use encoder::{Encoded, Encoder};
pub use isa::Isa;
pub use output_buffer::BufferPool;
