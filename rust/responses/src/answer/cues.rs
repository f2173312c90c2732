//! Words by which a sentence may judge an option.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// What a word does to what stands beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    /// "the best option is C", "C is the best option".
    Judges,
    /// "I choose C".
    Takes,
    /// "it could be C".
    Hedges,
    /// "It is C."
    Is,
    /// "✅".
    Ticks,
}

pub(super) const CUES: [(&str, Cue); 63] = [
    ("correct", Cue::Judges),
    ("right", Cue::Judges),
    ("best", Cue::Judges),
    ("most likely", Cue::Judges),
    ("most appropriate", Cue::Judges),
    ("most suitable", Cue::Judges),
    ("most probable", Cue::Judges),
    ("most consistent", Cue::Judges),
    ("most accurate", Cue::Judges),
    ("most effective", Cue::Judges),
    ("preferred", Cue::Judges),
    ("of choice", Cue::Judges),
    ("diagnosis", Cue::Judges),
    ("next step", Cue::Judges),
    ("option", Cue::Judges),
    ("choice", Cue::Judges),
    ("selection", Cue::Judges),
    ("statement", Cue::Judges),
    ("exception", Cue::Judges),
    ("classification", Cue::Judges),
    ("class:", Cue::Judges),
    ("conclusion", Cue::Judges),
    ("choose", Cue::Takes),
    ("select", Cue::Takes),
    ("pick ", Cue::Takes),
    ("pick:", Cue::Takes),
    ("going with", Cue::Takes),
    ("go with", Cue::Takes),
    ("opt for", Cue::Takes),
    ("goes to", Cue::Takes),
    ("classified as", Cue::Takes),
    ("consistent with", Cue::Takes),
    ("points to", Cue::Takes),
    ("point to", Cue::Takes),
    ("suggestive of", Cue::Takes),
    ("should be", Cue::Takes),
    ("must be", Cue::Takes),
    ("ans:", Cue::Takes),
    ("ans.", Cue::Takes),
    ("solution:", Cue::Takes),
    ("result:", Cue::Takes),
    ("final:", Cue::Takes),
    ("response:", Cue::Takes),
    ("verdict:", Cue::Takes),
    ("prediction:", Cue::Takes),
    ("label:", Cue::Takes),
    ("leaves", Cue::Takes),
    ("leaving", Cue::Takes),
    ("i'd say", Cue::Takes),
    ("i would say", Cue::Takes),
    ("probably", Cue::Takes),
    ("either", Cue::Hedges),
    ("between", Cue::Hedges),
    ("could be", Cue::Hedges),
    ("might be", Cue::Hedges),
    ("may be", Cue::Hedges),
    ("could also be", Cue::Hedges),
    ("may also be", Cue::Hedges),
    ("might also be", Cue::Hedges),
    ("it is", Cue::Is),
    ("it's", Cue::Is),
    ("✅", Cue::Ticks),
    ("✔", Cue::Ticks),
];

/// Finds the cues in any case; of two at one place the longer.
pub(super) static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let patterns = CUES.iter().map(|(cue, _)| cue);
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(patterns)
        .ok()
});
