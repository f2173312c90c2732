//! Addresses of electronic mail.

use std::ops::Range;

use memchr::memchr;

/// The longest part before the `@`, and the longest domain, in bytes (RFC 5321).
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 253;

/// The first address that begins at `from` or behind.
pub(super) fn next(text: &str, from: usize) -> Option<Range<usize>> {
    let mut search = from;
    while let Some(offset) = memchr(b'@', &text.as_bytes()[search..]) {
        let sign = search + offset;
        let start = local_start(text, sign, from);
        let end = start.and_then(|_| domain_end(text, sign + 1));
        if let (Some(start), Some(end)) = (start, end) {
            return Some(start..end);
        }
        search = sign + 1;
    }
    None
}

/// Where the part before the `@` begins; `None` where there is none, or one that is too long.
fn local_start(text: &str, sign: usize, from: usize) -> Option<usize> {
    let mut start = sign;
    for (at, character) in text[from..sign].char_indices().rev() {
        let is_part = is_word(character) || matches!(character, '.' | '_' | '%' | '+' | '-');
        if !is_part {
            break;
        }
        start = from + at;
        if sign - start > LONGEST_LOCAL {
            return None;
        }
    }
    let trimmed = text[start..sign].trim_start_matches(['.', '%', '+', '-']);
    (!trimmed.is_empty() && !trimmed.ends_with('.')).then_some(sign - trimmed.len())
}

/// Where a domain ends that begins at `start`: labels with points between, of which the last has letters only.
fn domain_end(text: &str, start: usize) -> Option<usize> {
    let mut near = start + (text.len() - start).min(LONGEST_DOMAIN);
    while !text.is_char_boundary(near) {
        near -= 1;
    }
    let is_part = |character: char| is_word(character) || matches!(character, '.' | '-');
    let length = text[start..near]
        .find(|character| !is_part(character))
        .unwrap_or(near - start);
    let mut domain = text[start..start + length].trim_end_matches(['.', '-']);
    loop {
        let (host, last) = domain.rsplit_once('.')?;
        if !host.is_empty() && is_top_level(last) {
            let is_label = |label: &str| !label.is_empty() && !label.starts_with('-');
            return host
                .split('.')
                .all(is_label)
                .then_some(start + domain.len());
        }
        // "mail bob@clinic.org.2 weeks later": what follows the address in the same breath is no part of it.
        domain = host;
    }
}

fn is_top_level(label: &str) -> bool {
    label.chars().take(25).count() >= 2
        && label.len() <= 24
        && label.chars().all(char::is_alphabetic)
}

/// Letters and digits; characters of scripts without spaces are not part of an address that stands among them.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || (!character.is_ascii() && character < '\u{e00}' && character.is_alphanumeric())
}
