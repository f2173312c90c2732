//! The indices in a template, found without the engine's parser, which tells nobody where they stand.

/// The template with every index `x[i]` checked: `x[(i)|checked_index]`.
pub(super) fn check_indices(source: &str) -> Result<String, String> {
    let mut out = String::with_capacity(source.len() + 32);
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match rest.as_bytes().get(1) {
            Some(b'#') => verbatim(rest, "#}", &mut out),
            Some(b'%') if tag_name(rest) == "raw" => verbatim(rest, "endraw", &mut out),
            Some(b'%') => construct(rest, "%}", &mut out)?,
            Some(b'{') => construct(rest, "}}", &mut out)?,
            _ => verbatim(rest, "{", &mut out),
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Copies up to the end of `close`; gives the length.
fn verbatim(text: &str, close: &str, out: &mut String) -> usize {
    let end = text.find(close).map_or(text.len(), |at| at + close.len());
    out.push_str(&text[..end]);
    end
}

/// Copies the braces that open here and the expression after them; gives the length.
fn construct(text: &str, close: &str, out: &mut String) -> Result<usize, String> {
    out.push_str(&text[..2]);
    Ok(2 + expression(&text[2..], Some(close), out)?)
}

/// The first word of the tag that begins here.
fn tag_name(text: &str) -> &str {
    let inner = text[2..].trim_start_matches(['-', '+']).trim_start();
    let end = inner.find(|character: char| !character.is_alphanumeric());
    &inner[..end.unwrap_or(inner.len())]
}

/// Copies an expression up to `close` (or to its end), its indices checked; gives its length.
fn expression(text: &str, close: Option<&str>, out: &mut String) -> Result<usize, String> {
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if close.is_some_and(|close| text[at..].starts_with(close)) {
            break;
        }
        match character {
            '\'' | '"' => {
                let length = quoted_length(&text[at..]);
                out.push_str(&text[at..at + length]);
                at += length;
            }
            '[' if is_index(&text[..at]) => {
                let length = bracketed_length(&text[at..]);
                let inner = text[at..at + length].strip_prefix('[').unwrap_or_default();
                let Some(inner) = inner.strip_suffix(']') else {
                    out.push_str(&text[at..at + length]); // unclosed: the engine says so
                    at += length;
                    continue;
                };
                if is_slice(inner) {
                    return Err(
                        "the template of `response` cuts a slice: take one element, `x[i]`".into(),
                    );
                }
                out.push_str("[(");
                expression(inner, None, out)?;
                out.push_str(")|checked_index]");
                at += length;
            }
            other => {
                out.push(other);
                at += other.len_utf8();
            }
        }
    }
    Ok(at)
}

/// Whether a bracket after `before` takes an element of what stands there, and does not begin a list.
fn is_index(before: &str) -> bool {
    const WORDS: [&str; 8] = ["in", "if", "not", "and", "or", "else", "is", "elif"];
    let before = before.trim_end();
    let word = before
        .rsplit(|character: char| !(character.is_alphanumeric() || character == '_'))
        .next()
        .unwrap_or_default();
    before.ends_with([']', ')', '\'', '"']) || !word.is_empty() && !WORDS.contains(&word)
}

fn is_slice(inner: &str) -> bool {
    let mut at = 0;
    while let Some(character) = inner[at..].chars().next() {
        match character {
            '\'' | '"' => at += quoted_length(&inner[at..]),
            '[' => at += bracketed_length(&inner[at..]),
            ':' => return true,
            other => at += other.len_utf8(),
        }
    }
    false
}

/// The bytes of the text in quotes that begins here.
fn quoted_length(text: &str) -> usize {
    let mut characters = text.char_indices();
    let quote = characters.next().map(|(_, quote)| quote);
    let mut escaped = false;
    for (at, character) in characters {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            other if Some(other) == quote => return at + other.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The bytes of what stands in the brackets that begin here.
fn bracketed_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        match character {
            '\'' | '"' => {
                at += quoted_length(&text[at..]);
                continue;
            }
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        at += character.len_utf8();
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::check_indices;

    #[test]
    fn indices_are_checked_and_lists_are_not() {
        for (source, checked) in [
            ("{{ a[b] }}", "{{ a[(b)|checked_index] }}"),
            (
                "{# {{ ' #}{{ a[b] }}",
                "{# {{ ' #}{{ a[(b)|checked_index] }}",
            ),
            (
                "{% raw %}{{ ' {% endraw %}{{ a[b] }}",
                "{% raw %}{{ ' {% endraw %}{{ a[(b)|checked_index] }}",
            ),
            ("{ {{ a[b] }}", "{ {{ a[(b)|checked_index] }}"),
            (
                "{{ a[b[0]] }}",
                "{{ a[(b[(0)|checked_index])|checked_index] }}",
            ),
            ("{{ 'A]'[b] }}[c]", "{{ 'A]'[(b)|checked_index] }}[c]"),
            (
                "{% if a in [1, 2] %}x{% endif %}",
                "{% if a in [1, 2] %}x{% endif %}",
            ),
            ("{{ [a, b][c] }}", "{{ [a, b][(c)|checked_index] }}"),
        ] {
            assert_eq!(check_indices(source).unwrap(), checked);
        }
        assert!(check_indices("{{ a[1:] }}").is_err());
    }
}
