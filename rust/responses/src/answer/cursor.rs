//! Steps over markup and words.

/// Line breaks between a marker and its answer.
const MAX_BREAKS: usize = 3;

/// Pieces of markup in a row; more are no layout of an answer.
const MAX_MARKUP: usize = 256;

/// Where the text goes on behind markup and white space; over line breaks only where the line has ended.
pub(super) fn skip_markup(text: &str, at: usize) -> usize {
    let mut at = skip_on_line(text, at);
    for _ in 0..MAX_BREAKS {
        let Some(rest) = text[at..]
            .strip_prefix('\n')
            .or_else(|| text[at..].strip_prefix("\\n"))
        else {
            break;
        };
        at = skip_on_line(text, text.len() - rest.len());
    }
    at
}

/// The same within the line.
pub(super) fn skip_on_line(text: &str, mut at: usize) -> usize {
    for _ in 0..MAX_MARKUP {
        let Some(length) = markup(&text[at..]) else {
            break;
        };
        at += length;
    }
    at
}

fn markup(rest: &str) -> Option<usize> {
    let character = rest.chars().next()?;
    match character {
        ' ' | '\t' | '\r' | '*' | '_' | '`' | '"' | '\'' | '(' | '[' | '{' | '$' | '#' | '|'
        | '•' => Some(1).map(|_| character.len_utf8()),
        '“' | '”' | '‘' | '’' | '（' | '【' | '「' | '】' | '」' | '→' | '✅' | '✓' | '✔'
        | '\u{a0}' | '\u{3000}' | '\u{fe0f}' => Some(character.len_utf8()),
        '>' if rest[1..].starts_with([' ', '*']) => Some(1),
        '\\' => command(rest),
        '<' => html(rest),
        '-' | '–' if rest[character.len_utf8()..].starts_with([' ', '*']) => {
            Some(character.len_utf8())
        }
        _ => None,
    }
}

/// `\text{`, `\boxed{`, `\(`, `\ `; not the escaped line break.
fn command(rest: &str) -> Option<usize> {
    let letters = rest
        .bytes()
        .skip(1)
        .take(16)
        .take_while(u8::is_ascii_alphabetic)
        .count();
    match (letters, rest.as_bytes().get(1 + letters)) {
        (0, Some(b'(' | b'[' | b'{' | b' ' | b',' | b'"' | b'\\')) => Some(2),
        (1.., Some(b'{')) => Some(letters + 2),
        _ => None,
    }
}

fn html(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    if bytes.get(1).is_some_and(u8::is_ascii_alphanumeric)
        && bytes.get(2) == Some(&b'>')
        && !matches!(bytes[1], b'b' | b'i' | b'u')
    {
        return Some(1);
    }
    let tags = [
        "<b>",
        "</b>",
        "<strong>",
        "</strong>",
        "<br>",
        "<i>",
        "<em>",
        "<u>",
        "<answer>",
    ];
    tags.iter()
        .find(|tag| starts_ignoring_case(rest, tag))
        .map(|tag| tag.len())
}

pub(super) fn starts_ignoring_case(text: &str, lower: &str) -> bool {
    text.as_bytes()
        .get(..lower.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(lower.as_bytes()))
}

/// Behind what closes an answer: quotes, brackets, emphasis and spaces.
pub(super) fn skip_closers(text: &str, at: usize) -> usize {
    let is_closer = |character: char| {
        matches!(
            character,
            ' ' | '\t'
                | '*'
                | '_'
                | '`'
                | '"'
                | '\''
                | ')'
                | ']'
                | '}'
                | '$'
                | '”'
                | '’'
                | '）'
                | '】'
                | '」'
                | '\u{a0}'
        )
    };
    text.len() - text[at..].trim_start_matches(is_closer).len()
}

/// The word at `at`: ASCII letters, or one letter of another script; empty where there is none.
pub(super) fn word(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let letters = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_alphabetic() || *byte == b'\'')
        .count();
    match rest.chars().next() {
        Some(first) if letters == 0 && first.is_alphabetic() => &rest[..first.len_utf8()],
        _ => &rest[..letters],
    }
}

/// Whether `word` is one of `words`, which are in lower case.
pub(super) fn is_one(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Longer sentences are looked at in pieces: what is read stays in proportion to the text.
const MAX_SENTENCE: usize = 1500;

/// Where the sentence of `at` ends: at a line break, or at a mark that no single letter goes before.
pub(super) fn sentence_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut place = at;
    let mut limit = bytes.len().min(at + MAX_SENTENCE);
    while !text.is_char_boundary(limit) {
        limit += 1;
    }
    while place < limit {
        match bytes[place] {
            b'\n' => return place,
            b'.' | b'?' | b'!' if ends_sentence(bytes, place) => return place + 1,
            0xe3 if text[place..].starts_with('。') => return place,
            _ => place += 1,
        }
    }
    place
}

/// Where the sentence of `at` begins, at most `limit` bytes before.
pub(super) fn sentence_start(text: &str, at: usize, limit: usize) -> usize {
    let bytes = text.as_bytes();
    let mut place = at;
    let first = at.saturating_sub(limit);
    while place > first {
        match bytes[place - 1] {
            b'\n' => return place,
            b'.' | b'?' | b'!' if ends_sentence(bytes, place - 1) => return place,
            0x82 if text.is_char_boundary(place) && text[..place].ends_with('。') => return place,
            _ => place -= 1,
        }
    }
    while !text.is_char_boundary(place) {
        place += 1;
    }
    place
}

/// The point of `C. Nitrofurantoin`, `E. coli` and `2.5` ends no sentence.
fn ends_sentence(bytes: &[u8], at: usize) -> bool {
    let is_open = bytes
        .get(at + 1)
        .is_none_or(|next| matches!(next, b' ' | b'\n' | b'\r' | b'*' | b')' | b'"' | b'<'));
    let is_initial = at == 0
        || bytes[at - 1].is_ascii_alphanumeric()
            && (at == 1 || !bytes[at - 2].is_ascii_alphanumeric());
    is_open && !(bytes[at] == b'.' && is_initial && bytes.get(at + 1) == Some(&b' '))
}

/// The rest of the clause at `at`.
pub(super) fn clause(text: &str, at: usize) -> &str {
    let rest = &text[at..sentence_end(text, at)];
    let end = rest.find([',', ';', '\n']).unwrap_or(rest.len());
    &rest[..end]
}
