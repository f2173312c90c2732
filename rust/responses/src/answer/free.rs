//! Answers of questions without options.

use super::anchors::{Anchor, Anchors, Kind, box_content, tag_content};
use super::cursor::{sentence_end, skip_markup, word};
use super::extracted::Convention;

/// Answers of more bytes are no single statement.
const MAX_LINE: usize = 200;
/// Words between the marker and its colon.
const MAX_WORDS: usize = 8;

/// The text that the last marker gives as the answer.
pub(super) fn marked<'a>(text: &'a str, anchors: &Anchors) -> Option<(&'a str, Convention)> {
    anchors
        .backwards()
        .find_map(|anchor| value_of(text, anchor))
        .filter(|(value, _)| !value.is_empty())
}

/// The same, or the text itself where it is one line.
pub(super) fn answer<'a>(text: &'a str, anchors: &Anchors) -> Option<(&'a str, Convention)> {
    marked(text, anchors).or_else(|| {
        let line = bare(text);
        let is_line = !line.is_empty() && line.len() <= MAX_LINE && !line.contains('\n');
        is_line.then_some((line, Convention::Line))
    })
}

fn value_of(text: &str, anchor: Anchor) -> Option<(&str, Convention)> {
    if anchor.kind == Kind::Boxed {
        let content = bare(&text[box_content(text, anchor)?]);
        return (!content.is_empty()).then_some((content, Convention::Boxed));
    }
    if let Some(range) = tag_content(text, anchor) {
        let content = bare(&text[range]);
        let inner = marked(content, &Anchors::of(content)).map_or(content, |(inner, _)| inner);
        return (!inner.is_empty()).then_some((inner, Convention::Tag));
    }
    if anchor.kind == Kind::Chinese && !text[anchor.start..].starts_with("答案") {
        return None;
    }
    let start = behind_copula(text, anchor.end)?;
    let start = skip_markup(text, start);
    let value = bare(&text[start..sentence_end(text, start)]);
    (!value.is_empty()).then_some((value, Convention::Statement))
}

/// Behind "answer: ", "answer to this is ", and the heading "Answer".
fn behind_copula(text: &str, end: usize) -> Option<usize> {
    let limit = sentence_end(text, end);
    let mut at = end;
    for count in 0..MAX_WORDS {
        // A word may be longer than all that is looked at.
        let rest = text[at.min(limit)..limit].trim_start_matches([' ', '*', '_', '"', '】', '#']);
        at = limit - rest.len();
        let Some(mark) = rest.chars().next() else {
            return (count == 0 && text[limit..].starts_with('\n')).then_some(limit);
        };
        let next = word(text, at);
        if matches!(mark, ':' | '：' | '是' | '为' | '=') {
            return Some(at + mark.len_utf8());
        }
        if matches!(next, "is" | "are") {
            return Some(at + next.len());
        }
        if next.is_empty() {
            return None;
        }
        at += next.len();
    }
    None
}

/// Without markup and punctuation around it.
pub(super) fn bare(text: &str) -> &str {
    let is_wrapping = |mark: char| {
        mark.is_whitespace()
            || matches!(
                mark,
                '*' | '_' | '`' | '"' | '$' | '#' | '>' | '“' | '”' | '\'' | '{' | '}'
            )
    };
    let text = text.trim_matches(is_wrapping);
    let text = text
        .strip_suffix("\\)")
        .or_else(|| text.strip_suffix("\\]"))
        .unwrap_or(text);
    text.trim_end_matches(['.', '。', ',', ';', '!'])
        .trim_matches(is_wrapping)
}

/// The harmonic mean of the shares of words that two folded texts have in common, each word as often as it stands there.
pub(super) fn token_f1(one: &str, other: &str) -> f32 {
    let words = |text: &str| -> Vec<String> {
        let kept = text
            .split(' ')
            .filter(|word| !matches!(*word, "" | "the" | "a" | "an"));
        let mut words: Vec<_> = kept.map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let (one, other) = (words(one), words(other));
    let (mut left, mut right, mut common) = (0, 0, 0_u32);
    while left < one.len() && right < other.len() {
        match one[left].cmp(&other[right]) {
            std::cmp::Ordering::Equal => (left, right, common) = (left + 1, right + 1, common + 1),
            std::cmp::Ordering::Less => left += 1,
            std::cmp::Ordering::Greater => right += 1,
        }
    }
    let total = one.len() + other.len();
    if total == 0 {
        0.0
    } else {
        2.0 * common as f32 / total as f32
    }
}
