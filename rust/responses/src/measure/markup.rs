//! Damage of a response's markup: tags out of balance, control tokens in the text, fences and boxes left open.

use memchr::{memchr, memchr2_iter, memmem};

use super::markup_names::{CONTROL_WORDS, FAMILIES, KNOWN_CONTROLS, LONGEST_NAME};
use crate::parts::Parts;

/// Whether `response` is damaged; the texts of its `parts` are looked through for fences and boxes, each by itself.
pub(super) fn is_damaged(response: &str, parts: &Parts<'_>) -> bool {
    let texts = [parts.reasoning.unwrap_or_default(), parts.answer];
    has_damaged_tags(response.as_bytes())
        || texts
            .iter()
            .any(|text| has_open_fence(text) || has_open_box(text))
}

/// A tag: which family it is of, and which side.
struct Tag {
    family: usize,
    is_end: bool,
}

/// One pass over `<` and `[`: tags that open and close in turn, and no control tokens.
///
/// A reasoning may lack its opening tag where nothing precedes: chat templates write it into the prompt.
fn has_damaged_tags(bytes: &[u8]) -> bool {
    let mut is_open = [false; FAMILIES.len()];
    let mut has_any = [false; FAMILIES.len()];
    for at in memchr2_iter(b'<', b'[', bytes) {
        let rest = &bytes[at..];
        if is_control(rest) {
            return true;
        }
        let Some(Tag { family, is_end }) = tag(rest) else {
            continue;
        };
        let lacks_start = is_end && family == 0 && !has_any[0];
        if is_open[family] != is_end && !lacks_start {
            return true;
        }
        is_open[family] = !is_end;
        has_any[family] = true;
    }
    is_open.contains(&true)
}

/// `<think>`, `</ANSWER>`, `< /think >`; what has attributes is no tag of a response.
fn tag(rest: &[u8]) -> Option<Tag> {
    if rest[0] != b'<' {
        return None;
    }
    let near = &rest[1..rest.len().min(LONGEST_NAME)];
    let inner = near[..memchr(b'>', near)?].trim_ascii();
    let (is_end, name) = match inner.strip_prefix(b"/") {
        Some(name) => (true, name.trim_ascii_start()),
        None => (false, inner),
    };
    let is_named = |names: &&[&str]| {
        names
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    };
    let family = FAMILIES.iter().position(is_named)?;
    Some(Tag { family, is_end })
}

/// A token by which a chat template marks turns, or an end: in a text it is an accident.
fn is_control(rest: &[u8]) -> bool {
    if CONTROL_WORDS
        .iter()
        .any(|word| rest.starts_with(word.as_bytes()))
    {
        return true;
    }
    let (inner, bar) = match rest {
        [b'<', b'|', inner @ ..] => (inner, "|>"),
        [b'<', 0xef, 0xbd, 0x9c, inner @ ..] => (inner, "｜>"),
        _ => return false,
    };
    if KNOWN_CONTROLS
        .iter()
        .any(|known| starts_with_ignoring_case(rest, known))
    {
        return false;
    }
    let near = &inner[..inner.len().min(LONGEST_NAME)];
    let Some(end) = memmem::find(near, bar.as_bytes()) else {
        return false;
    };
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':' | b'/' | 0x80..)
    };
    end > 0 && near[..end].iter().all(is_name)
}

fn starts_with_ignoring_case(rest: &[u8], lower: &str) -> bool {
    rest.get(..lower.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(lower.as_bytes()))
}

/// Whether a fence of code (a line of three or more backticks or tildes) is never closed.
fn has_open_fence(text: &str) -> bool {
    if memmem::find(text.as_bytes(), b"```").is_none()
        && memmem::find(text.as_bytes(), b"~~~").is_none()
    {
        return false;
    }
    let mut open: Option<(u8, usize)> = None;
    for line in text.split('\n') {
        let line = line.trim_ascii().as_bytes();
        let Some(&sign) = line.first().filter(|sign| matches!(sign, b'`' | b'~')) else {
            continue;
        };
        let length = line.iter().take_while(|byte| **byte == sign).count();
        if length < 3 {
            continue;
        }
        let info = &line[length..];
        match open {
            Some((other, least)) if sign == other && length >= least && info.is_empty() => {
                open = None
            }
            None if sign == b'~' || memchr(b'`', info).is_none() => open = Some((sign, length)),
            _ => {}
        }
    }
    open.is_some()
}

/// Whether a `\boxed{` is never closed, or not in its paragraph.
fn has_open_box(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(start) = memmem::find(&bytes[from..], b"\\boxed{") {
        let inside = from + start + b"\\boxed{".len();
        match box_end(bytes, inside) {
            Some(end) => from = end,
            None => return true,
        }
    }
    false
}

/// Where the braces close that are open at `inside`, one level deep; `None` at the end of the text or of the paragraph.
pub(super) fn box_end(bytes: &[u8], inside: usize) -> Option<usize> {
    let mut depth = 1;
    let mut at = inside;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1, // the next one is escaped
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            b'\n' if begins_blank_line(&bytes[at + 1..]) => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

fn begins_blank_line(rest: &[u8]) -> bool {
    let blank = rest
        .iter()
        .take(8)
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .count();
    rest.get(blank) == Some(&b'\n')
}
