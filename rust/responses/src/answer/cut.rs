//! Whether a text stops in the middle of a sentence.

use super::anchors::{Anchors, Kind, box_content};
use super::cursor::is_one;

/// Words that no sentence ends with.
const OPEN: [&str; 41] = [
    "the", "an", "of", "to", "and", "or", "is", "are", "was", "were", "which", "that", "with",
    "in", "for", "because", "by", "from", "as", "at", "than", "but", "if", "when", "while",
    "since", "into", "between", "this", "these", "its", "their", "would", "be", "has", "option",
    "it", "he", "she", "they", "we",
];

/// Whether the text ends with a word or mark that wants more, or in an open `\boxed{`.
pub(super) fn ends_abruptly(text: &str) -> bool {
    let text = text.trim_end();
    if text.ends_with([',', ':', '(', '[', '{', '<', '\\', ';']) || text.ends_with("</") {
        return true;
    }
    let letters = text
        .bytes()
        .rev()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let last = &text[text.len() - letters..];
    is_one(last, &OPEN) && last.bytes().all(|letter| letter.is_ascii_lowercase())
}

/// Whether the last marker of the text is a `\boxed{` that stays open.
pub(super) fn has_open_box(text: &str, anchors: &Anchors) -> bool {
    let last = anchors
        .backwards()
        .next()
        .filter(|anchor| anchor.kind == Kind::Boxed);
    last.is_some_and(|anchor| text.len() - anchor.end < 256 && box_content(text, anchor).is_none())
}
