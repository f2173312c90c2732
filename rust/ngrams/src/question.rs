//! What is given of evaluation questions.

/// An evaluation question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Number of its evaluation set.
    pub set: u32,
    /// Hash of the question with its options and pictures.
    pub id: u64,
    /// Its text alone, without options.
    pub stem: &'a str,
    /// Hash of its pictures in their order; 0 for none.
    pub images: u64,
}
