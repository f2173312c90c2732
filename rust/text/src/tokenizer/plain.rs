//! A stretch of text through all the steps of the fast tokenizer.

use super::added::Finder;
use super::edges::Edges;
use super::fast::Fast;
use super::normalise::{Normalised, is_nfc, nfc};
use super::words::{Memory, Place};

/// Appends the ids of a stretch: added tokens first, then each piece between them.
pub(crate) fn encode(
    fast: &Fast,
    memory: &mut Memory,
    place: Place,
    ids: &mut Vec<u32>,
    edges: &mut Edges,
) {
    around(&fast.raw, place, ids, edges, |between, ids, edges| {
        piece(fast, memory, between, ids, edges);
    });
}

/// Appends the ids of the added tokens that `finder` finds, and in order those of what lies between them.
fn around(
    finder: &Finder,
    place: Place,
    ids: &mut Vec<u32>,
    edges: &mut Edges,
    mut between: impl FnMut(Place, &mut Vec<u32>, &mut Edges),
) {
    let mut at = 0;
    for (start, end, id) in finder.find(place.text) {
        between(place.cut(at, start), ids, edges);
        edges.control(
            place.base + start,
            place.base + end,
            ids.len() - place.first,
        );
        ids.push(id);
        at = end;
    }
    between(place.cut(at, place.text.len()), ids, edges);
}

/// Appends the ids of a piece without added tokens that are looked for before normalising.
fn piece(fast: &Fast, memory: &mut Memory, place: Place, ids: &mut Vec<u32>, edges: &mut Edges) {
    if !fast.nfc || is_nfc(place.text) {
        return normal(fast, memory, place, ids, edges);
    }
    let changed = nfc(place.text);
    let inside = edges.up_to(place.base + place.text.len());
    let text = Place {
        text: &changed.text,
        base: 0,
        first: place.first,
    };
    if inside.is_empty() {
        return normal(fast, memory, text, ids, &mut Edges::default());
    }
    let (ended, begun) = normal_edges(&changed, &inside, place.base);
    let before = ids.len();
    let mut begun = Edges::at(begun);
    normal(fast, memory, text, ids, &mut begun);
    ids.truncate(before);
    let mut ended = Edges::at(ended);
    normal(fast, memory, text, ids, &mut ended);
    edges.resolve_from(&ended, &begun);
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
fn normal(fast: &Fast, memory: &mut Memory, place: Place, ids: &mut Vec<u32>, edges: &mut Edges) {
    around(
        &fast.normalised,
        place,
        ids,
        edges,
        |between, ids, edges| {
            memory.encode(fast, between, ids, edges);
        },
    );
}
