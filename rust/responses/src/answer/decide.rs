//! What a text answers: by its last explicit marker (a tag, a box, a sentence that says "answer"), else by its prose.

use super::anchors::{Anchor, Anchors, Kind, box_content, is_closing_tag, tag_content};
use super::choices::{Choices, Set};
use super::cursor::{is_one, skip_closers, skip_markup, skip_on_line};
use super::extracted::Convention;
use super::labels::label_at;
use super::options::{Read, Reading};
use super::prose::{self, Lines};
use super::statement::read_forward;
use super::subject::read_backward;
use super::value::read_value;
use super::{corrections, verdicts};

/// What a text answers, and how it says so.
pub(super) type Decision = Option<(Reading, Convention)>;

/// Markers within markers are followed so far.
const MAX_DEPTH: usize = 3;

/// What the text answers: by a marker, a first word, a line, a verdict or a mention, the first of them that it has.
pub(super) fn decide(choices: &Choices, text: &str, anchors: &Anchors, depth: usize) -> Decision {
    if let Some((reading, convention, end)) = last_marker(choices, text, anchors, depth) {
        let reading = corrections::corrected(choices, text, end).unwrap_or(reading);
        return Some((reading, convention));
    }
    unmarked(choices, text)
}

fn unmarked(choices: &Choices, text: &str) -> Decision {
    let lines = Lines::of(choices, text);
    let first = prose::yes_or_no(choices, text);
    let edge = lines.agreed.filter(|_| lines.is_at_edge);
    let is = prose::conventions;
    is(first, Convention::Line)
        .or_else(|| is(edge, Convention::Line))
        .or_else(|| is(verdicts::verdict(choices, text), Convention::Verdict))
        .or_else(|| is(lines.agreed, Convention::Line))
        .or_else(|| is(prose::leading(choices, text), Convention::Line))
        .or_else(|| is(prose::mention(choices, text), Convention::Mention))
}

/// A marker's reading, its convention, and where it ends.
pub(super) type Marked = (Reading, Convention, usize);

/// The last marker that has a reading.
pub(super) fn last_marker(
    choices: &Choices,
    text: &str,
    anchors: &Anchors,
    depth: usize,
) -> Option<Marked> {
    anchors.backwards().find_map(|anchor| match anchor.kind {
        Kind::Boxed => boxed(choices, text, anchor, depth),
        Kind::Answer => answer(choices, text, anchor, depth),
        Kind::Chinese => chinese(choices, text, anchor),
    })
}

fn boxed(choices: &Choices, text: &str, anchor: Anchor, depth: usize) -> Option<Marked> {
    let content = box_content(text, anchor)?;
    let end = content.end + 1;
    let reading = read_content(choices, &text[content], depth)?;
    Some((
        with_earlier_boxes(choices, text, anchor, reading),
        Convention::Boxed,
        end,
    ))
}

/// `\boxed{A}, \boxed{C}`: boxes side by side are one answer, and with an "or" between them none.
fn with_earlier_boxes(choices: &Choices, text: &str, anchor: Anchor, reading: Reading) -> Reading {
    let Reading::Options(found) = reading else {
        return reading;
    };
    let before = text[..anchor.start].trim_end_matches(['b', 'f', '\\', '$', ' ']);
    let joints = [("and", false), (",", false), ("or", true), ("/", true)];
    let joint = joints
        .iter()
        .find_map(|(name, is_or)| Some((before.strip_suffix(name)?, *is_or)));
    let Some((earlier, is_or)) = joint else {
        return reading;
    };
    let earlier = earlier.trim_end_matches(['$', ' ', ',']).strip_suffix('}');
    match earlier.and_then(|earlier| last_box(choices, earlier)) {
        Some(others) if is_or && others != found => Reading::Ambiguous,
        Some(others) => Reading::Options(found | others),
        None => reading,
    }
}

/// The options of the box that ends a text, which lacks its last brace.
fn last_box(choices: &Choices, text: &str) -> Option<Set> {
    let read = read_value(choices, text, text.rfind("oxed{")? + 5)?;
    match read.reading {
        Reading::Options(found) if skip_closers(text, read.end) == text.len() => Some(found),
        _ => None,
    }
}

/// What a tag or a box holds: an answer, or a text that gives one.
fn read_content(choices: &Choices, content: &str, depth: usize) -> Option<Reading> {
    if content.trim().is_empty() || depth >= MAX_DEPTH {
        return None;
    }
    if let Some(read) = read_value(choices, content, 0)
        && is_all(content, read.end)
    {
        return Some(read.reading);
    }
    decide(choices, content, &Anchors::of(content), depth + 1)
        .map(|(reading, _)| reading)
        .or_else(|| read_value(choices, content, 0).map(|read| read.reading))
}

fn is_all(content: &str, end: usize) -> bool {
    let rest = &content[skip_closers(content, end)..];
    rest.chars().all(|mark| !mark.is_alphanumeric())
}

fn answer(choices: &Choices, text: &str, anchor: Anchor, depth: usize) -> Option<Marked> {
    if let Some(content) = tag_content(text, anchor) {
        let end = content.end;
        return Some((
            read_content(choices, &text[content], depth)?,
            Convention::Tag,
            end,
        ));
    }
    let before = text[..anchor.start].chars().next_back();
    let anchor = Anchor {
        end: anchor.end + plural(text, anchor.end)?,
        ..anchor
    };
    if before.is_some_and(char::is_alphanumeric)
        || is_closing_tag(text, anchor)
        || is_wrong_answer(text, anchor)
    {
        return None;
    }
    let forward =
        read_forward(choices, text, anchor).map(|read| with_lines_below(choices, text, read));
    if let Some(read) = forward {
        return Some((read.reading, Convention::Statement, read.end));
    }
    let reading = read_backward(choices, text, anchor.start, anchor.end)?;
    Some((reading, Convention::Statement, anchor.end))
}

/// The length of a plural's end; `None` where the word goes on otherwise.
fn plural(text: &str, end: usize) -> Option<usize> {
    let rest = &text[end..];
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    match &rest[..letters] {
        "" => Some(if rest.starts_with("(s)") { 3 } else { 0 }),
        "s" | "S" => Some(1),
        _ => None,
    }
}

fn is_wrong_answer(text: &str, anchor: Anchor) -> bool {
    let before = text[..anchor.start].trim_end_matches([' ', '*', '_']);
    let letters = before
        .bytes()
        .rev()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let wrong = [
        "wrong",
        "incorrect",
        "tempting",
        "distractor",
        "common",
        "popular",
        "student's",
        "previous",
        "initial",
        "other",
        "remaining",
        "alternative",
        "another",
    ];
    is_one(&before[before.len() - letters..], &wrong)
}

/// "The answers are:" and a list below.
fn with_lines_below(choices: &Choices, text: &str, read: Read) -> Read {
    let (Reading::Options(mut found), mut end): (Reading, usize) = (read.reading, read.end) else {
        return read;
    };
    while let Some((option, next)) = item_below(choices, text, end) {
        (found, end) = (found | (1 as Set) << option, next);
    }
    Read {
        reading: Reading::Options(found),
        end,
    }
}

/// The label of the next line, where both lines are items of a list.
fn item_below(choices: &Choices, text: &str, end: usize) -> Option<(usize, usize)> {
    let line = text[..end].rfind('\n').map_or(0, |at| at + 1);
    let is_item = |line: &str| {
        line.trim_start().starts_with(['-', '•', '*']) && !line.trim_start().starts_with("**")
    };
    let rest = text[end..].find('\n')?;
    let below = end + rest + 1;
    let is_rest = text[end..below].chars().all(|mark| !mark.is_alphanumeric());
    if !is_rest || !is_item(&text[line..]) || !is_item(&text[below..]) {
        return None;
    }
    let (option, next) = label_at(choices, text, skip_on_line(text, below))?;
    let after = super::labels::end_of_labelled(choices, text, option, next).ok()?;
    (after > next).then_some((option, after))
}

/// 答案是C, 故选C; not 选项 alone.
fn chinese(choices: &Choices, text: &str, anchor: Anchor) -> Option<Marked> {
    let rest = &text[anchor.end..];
    let at = skip_markup(
        text,
        text.len() - rest.trim_start_matches(['：', ':', '】', ' ']).len(),
    );
    let read = read_value(choices, text, at)?;
    let denied = ["不", "排除", "错误"]
        .iter()
        .any(|word| text[..anchor.start].ends_with(word));
    (!denied).then_some((read.reading, Convention::Statement, read.end))
}
