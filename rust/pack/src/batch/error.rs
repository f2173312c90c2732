//! What is wrong with a row, or with a batch.

use thiserror::Error;

/// Why a row is not a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RowFault {
    /// A pack holds at least one document.
    #[error("it holds no document")]
    NoDocuments,
    /// A document without tokens would have a place and nothing there.
    #[error("document {document} has length 0")]
    Empty {
        /// Its number in the pack.
        document: usize,
    },
    /// The documents do not fill the pack.
    #[error("its lengths sum to {sum}, and it has {ids} ids")]
    Lengths {
        /// Sum of the lengths.
        sum: u64,
        /// Ids in the pack.
        ids: usize,
    },
    /// More tokens than a pack holds.
    #[error("it has {ids} ids, and a pack holds {capacity}")]
    Capacity {
        /// Ids in the pack.
        ids: usize,
        /// The most of them.
        capacity: u32,
    },
    /// Nothing of a document is learned.
    #[error("document {document} has no supervised token")]
    NotLearned {
        /// Its number in the pack.
        document: usize,
    },
    /// Every document has an id.
    #[error("it has {trace_ids} trace ids for {documents} documents")]
    TraceIds {
        /// Ids of traces.
        trace_ids: usize,
        /// Documents.
        documents: usize,
    },
    /// A span has two edges.
    #[error("its loss spans have {edges} edges, an odd number")]
    HalfSpan {
        /// Edges.
        edges: usize,
    },
    /// A span lies outside the pack, across documents, before its predecessor, or is empty.
    #[error("its loss span {from}..{to} does not follow the one before it inside one document")]
    Span {
        /// First token.
        from: usize,
        /// One past the last token.
        to: usize,
    },
    /// The model has no such token.
    #[error("its id {id} is outside a vocabulary of {vocabulary}")]
    Id {
        /// The largest id of the pack.
        id: u32,
        /// Entries of the vocabulary.
        vocabulary: u32,
    },
    /// A pack of images where only text is expected.
    #[error("it has images, and nothing says how they were prepared")]
    ImagesUnknown,
    /// A column of whole numbers has bytes left over.
    #[error("its `{column}` has {bytes} bytes, which are not entries of {entry} bytes")]
    ImageColumn {
        /// Its name.
        column: &'static str,
        /// Bytes of the column.
        bytes: usize,
        /// Bytes of an entry.
        entry: usize,
    },
    /// Offsets ascend from 0 to the end of the images' bytes.
    #[error("its `image_offsets` do not cut the {bytes} bytes of `images` into {images} images")]
    ImageOffsets {
        /// Images, by their grids.
        images: usize,
        /// Bytes of all images.
        bytes: u64,
    },
    /// An image has one frame, and sides of whole merged patches.
    #[error(
        "image {image} has a grid of {t} × {h} × {w} patches: the first is 1, the others are multiples of {merge}"
    )]
    ImageGrid {
        /// Its number in the pack.
        image: usize,
        /// Patches along time.
        t: u32,
        /// Patches along the height.
        h: u32,
        /// Patches along the width.
        w: u32,
        /// Patches along a side of a token.
        merge: u32,
    },
    /// A placeholder shows an image of the pack.
    #[error("placeholder {placeholder} shows image {image} of {images}")]
    ImageRef {
        /// Number of the placeholder in the pack.
        placeholder: usize,
        /// Number of the image.
        image: u32,
        /// Images of the pack.
        images: usize,
    },
    /// An image that nothing shows has no place in a pack.
    #[error("no placeholder shows image {image}")]
    ImageUnused {
        /// Its number in the pack.
        image: usize,
    },
    /// Every placeholder has its tokens.
    #[error("it has {runs} runs of image tokens for {placeholders} placeholders")]
    ImageRuns {
        /// Runs of image tokens.
        runs: usize,
        /// Placeholders, by `image_refs`.
        placeholders: usize,
    },
    /// A placeholder has as many tokens as its image.
    #[error("{found} image tokens at token {at} stand for an image of {expected}")]
    ImageRun {
        /// First token.
        at: usize,
        /// Tokens of the run.
        found: usize,
        /// Tokens of the image.
        expected: u64,
    },
    /// An image belongs to one document.
    #[error("the image at token {at} goes on in the next document")]
    ImageAcross {
        /// First token.
        at: usize,
    },
    /// A token that stands for an image is learned.
    #[error("the image token {at} is supervised")]
    ImageLearned {
        /// The token.
        at: usize,
    },
}

/// Why rows make no batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// A batch of nothing has no tensors.
    #[error("a batch needs at least one pack")]
    NoPacks,
    /// A row is wrong.
    #[error("pack {pack} of the batch{} is damaged: {fault}", place(*.first_trace))]
    Row {
        /// Its number in the batch.
        pack: usize,
        /// Id of its first trace, by which it is found again.
        first_trace: Option<u64>,
        /// What is wrong.
        fault: RowFault,
    },
    /// Document edges are 32 bits wide.
    #[error("{tokens} tokens are more than the {} that one batch holds", i32::MAX)]
    TooMany {
        /// Tokens of the batch.
        tokens: usize,
    },
    /// A buffer was made for another batch.
    #[error("buffer `{buffer}` has another size than the batch")]
    Buffer {
        /// Its name.
        buffer: &'static str,
    },
}

fn place(first_trace: Option<u64>) -> String {
    first_trace.map_or_else(String::new, |id| format!(" (first trace {id})"))
}
