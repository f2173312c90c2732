//! A template's source before it is compiled: bounded, and with every `{% set %}` looked after.

use crate::operands::{HELD, weighed};

/// As [`HELD`], for an attribute of a namespace.
pub(crate) const HELD_WITHIN: &str = "__held_within";

/// Bytes of a template; published ones have under 64 KiB.
const LONGEST: usize = 512 << 10;
/// Bytes of one `{{ … }}` or `{% … %}`, its quoted texts apart: each operator may cost the compiler a level of its stack.
const LONGEST_CONSTRUCT: usize = 8 << 10;

/// Bytes of the comment, expression or tag that `text` begins with; 1 for a plain brace.
#[must_use]
pub fn construct_length(text: &str) -> usize {
    scan(text).0
}

/// The length of what `text` begins with, and how much of it is no quoted text.
fn scan(text: &str) -> (usize, usize) {
    let close = match text.as_bytes().get(1) {
        Some(b'#') => return (text.find("#}").map_or(text.len(), |at| at + 2), 0),
        Some(b'%') => "%}",
        Some(b'{') => "}}",
        _ => return (1, 0),
    };
    let mut quote = None;
    let mut escaped = false;
    let mut bare = 0;
    let mut depth = 0_isize; // as the engine counts it: the end of a construct in brackets is none
    for (at, character) in text.char_indices().skip(2) {
        bare += usize::from(quote.is_none());
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if depth == 0 && text[at..].starts_with(close) => return (at + 2, bare),
            None if matches!(character, '(' | '[' | '{') => depth += 1,
            None if matches!(character, ')' | ']' | '}') => depth -= 1,
            None => {}
        }
    }
    (text.len(), bare)
}

/// The source with a filter around every value that it keeps in a variable, or why it is too long.
pub(crate) fn prepared(source: &str) -> Result<String, String> {
    if source.len() > LONGEST {
        return Err(format!(
            "a template has at most {LONGEST} bytes, this one {}",
            source.len()
        ));
    }
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source;
    let mut verbatim = false;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_end = rest.starts_with("{%") && word(&rest[2..]).0 == "endraw";
        let (length, bare) = if verbatim && !is_end {
            (1, 0)
        } else {
            scan(rest)
        };
        if bare > LONGEST_CONSTRUCT {
            return Err(format!(
                "an expression has at most {LONGEST_CONSTRUCT} bytes without its texts"
            ));
        }
        let construct = &rest[..length];
        let name = construct
            .strip_prefix("{%")
            .map_or("", |inner| word(inner).0);
        verbatim = if is_end {
            false
        } else {
            verbatim || name == "raw"
        };
        let construct = match expression(construct, name).filter(|_| length > 1) {
            Some((start, end)) => weighed(construct, start, end, name),
            None => construct.to_owned(),
        };
        match held(&construct).filter(|_| name == "set") {
            Some(held) => out.push_str(&held),
            None => out.push_str(&construct),
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the expression of a construct begins and ends, without the first word of a tag.
fn expression(construct: &str, name: &str) -> Option<(usize, usize)> {
    let close = if construct.starts_with("{%") {
        "%}"
    } else {
        "}}"
    };
    let inner = construct
        .strip_suffix(close)
        .filter(|inner| inner.len() >= 2)?;
    let end = inner.strip_suffix(['-', '+']).unwrap_or(inner).len();
    let start = 2 + usize::from(inner[2..].starts_with(['-', '+']));
    let start = construct.get(start..end)?.find(name)? + start + name.len();
    (!construct.starts_with("{#")).then_some((start, end))
}

/// The first word of a tag's inside, and what follows it.
fn word(inner: &str) -> (&str, &str) {
    let inner = inner.trim_start_matches(['-', '+']).trim_start();
    let end = inner.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    inner.split_at(end.unwrap_or(inner.len()))
}

/// `{% set target = value %}` as `{% set target = (value)|__held %}`.
fn held(construct: &str) -> Option<String> {
    let inner = construct.strip_suffix("%}")?;
    let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner);
    let right = &construct[inner.len()..];
    let equals = inner.find('=')?;
    let (target, value) = (&inner[..equals], &inner[equals + 1..]);
    // A block's filters may have arguments with names: `{% set x | f(a=1) %}`.
    let is_value =
        !target.contains(['|', '(', '"', '\'']) || target.trim_start_matches("{%").contains(',');
    let filter = if target.contains('.') {
        HELD_WITHIN
    } else {
        HELD
    };
    (is_value && !value.trim().is_empty()).then(|| format!("{target}= ({value})|{filter} {right}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn values_that_are_kept_go_through_the_filter() {
        for (source, expected) in [
            ("{%- set a = 1 -%}", "{%- set a = ( 1 )|__held -%}"),
            (
                "{% set ns.a = '%}' ~ \"=\" %}",
                "{% set ns.a = ( '%}' ~ \"=\" )|__held_within %}",
            ),
            ("{% set a, b = 1, 2 %}", "{% set a, b = ( 1, 2 )|__held %}"),
            ("{% set a %}x=y{% endset %}", "{% set a %}x=y{% endset %}"),
            (
                "{% set a | f(b=1) %}x{% endset %}",
                "{% set a | f(b=1) %}x{% endset %}",
            ),
            (
                "{% raw %}{% set a = 1 %}{% endraw %}",
                "{% raw %}{% set a = 1 %}{% endraw %}",
            ),
            (
                "{# {% set a = 1 %} #}{{ '{% set a = 1 %}' }}",
                "{# {% set a = 1 %} #}{{ '{% set a = 1 %}' }}",
            ),
            ("{% settle %}{", "{% settle %}{"),
        ] {
            assert_eq!(prepared(source).unwrap(), expected);
        }
    }

    #[test]
    fn what_could_exhaust_the_compiler_is_refused() {
        assert!(prepared(&"x".repeat(LONGEST + 1)).is_err());
        assert!(prepared(&format!("{{{{ {}1 }}}}", "-".repeat(LONGEST_CONSTRUCT))).is_err());
        assert!(prepared(&format!("{{{{ '{}' }}}}", "-".repeat(LONGEST_CONSTRUCT))).is_ok());
    }
}
