//! A segment of text through all the steps of the fast tokenizer.

use super::segment::Segment;
use super::words::WordEncoder;
use crate::tokenizer::fast::Fast;
use crate::tokenizer::normalise::{Normalised, is_nfc, nfc};
use crate::tokenizer::span_aligner::SpanAligner;
use crate::tokenizer::spec::added::Finder;

/// Appends the ids of a segment: added tokens first, then each piece between them.
pub(crate) fn encode_segment(
    fast: &Fast,
    words: &mut WordEncoder,
    segment: Segment,
    ids: &mut Vec<u32>,
    aligner: &mut SpanAligner,
) {
    around(&fast.raw, segment, ids, aligner, |between, ids, aligner| {
        piece(fast, words, between, ids, aligner);
    });
}

/// Appends the ids of the added tokens that `finder` finds, and in order those of what lies between them.
fn around(
    finder: &Finder,
    segment: Segment,
    ids: &mut Vec<u32>,
    aligner: &mut SpanAligner,
    mut between: impl FnMut(Segment, &mut Vec<u32>, &mut SpanAligner),
) {
    let mut at = 0;
    for (start, end, id) in finder.find(segment.text) {
        between(segment.cut(at, start), ids, aligner);
        aligner.control(
            segment.base + start,
            segment.base + end,
            ids.len() - segment.first,
            1,
        );
        ids.push(id);
        at = end;
    }
    between(segment.cut(at, segment.text.len()), ids, aligner);
}

/// Appends the ids of a piece without added tokens that are looked for before normalising.
fn piece(
    fast: &Fast,
    words: &mut WordEncoder,
    segment: Segment,
    ids: &mut Vec<u32>,
    aligner: &mut SpanAligner,
) {
    if !fast.nfc || is_nfc(segment.text) {
        return normal(fast, words, segment, ids, aligner);
    }
    let changed = nfc(segment.text);
    let inside = aligner.up_to(segment.base + segment.text.len());
    let text = Segment {
        text: &changed.text,
        base: 0,
        first: segment.first,
    };
    if inside.is_empty() {
        return normal(fast, words, text, ids, &mut SpanAligner::default());
    }
    let (ended, begun) = normal_edges(&changed, &inside, segment.base);
    let before = ids.len();
    let mut begun = SpanAligner::at(begun);
    normal(fast, words, text, ids, &mut begun);
    ids.truncate(before);
    let mut ended = SpanAligner::at(ended);
    normal(fast, words, text, ids, &mut ended);
    aligner.resolve_from(&ended, &begun);
}

/// For each edge in the original text: where the last token ends that ends before it, and where the first
/// one begins that does not begin before it.
fn normal_edges(changed: &Normalised, inside: &[usize], base: usize) -> (Vec<usize>, Vec<usize>) {
    let original = &changed.original;
    let ended = |edge: &usize| original.partition_point(|(_, end)| base + end <= *edge);
    let begun = |edge: &usize| original.partition_point(|(start, _)| base + start < *edge);
    (
        inside.iter().map(ended).collect(),
        inside.iter().map(begun).collect(),
    )
}

/// Appends the ids of a normalised piece: first the added tokens that are looked for in it.
fn normal(
    fast: &Fast,
    words: &mut WordEncoder,
    segment: Segment,
    ids: &mut Vec<u32>,
    aligner: &mut SpanAligner,
) {
    around(
        &fast.normalised,
        segment,
        ids,
        aligner,
        |between, ids, aligner| {
            words.encode(fast, between, ids, aligner);
        },
    );
}
