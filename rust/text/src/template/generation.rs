//! `{% generation %}` blocks, which minijinja does not know, rewritten into blocks that it does.

use octomed_meter::construct_length;

/// The variables that hold the marks written at both ends of a block.
pub(super) const OPEN: &str = "__generation_open";
pub(super) const CLOSE: &str = "__generation_close";

/// The source with its line ends as jinja2 reads them, and each `{% generation %}` block rewritten.
///
/// The tags keep their own white-space control: the first tag written stands where the left edge of
/// the old one stood, and the last where its right edge did. A block is a scope of its own, as in
/// `transformers`.
pub(super) fn rewrite(source: &str) -> Rewritten {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(source.len());
    let mut blocks = false;
    let mut rest = source.as_str();
    let mut verbatim = false;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if verbatim && tag(rest).is_none_or(|tag| tag.name != "endraw") {
            1
        } else {
            construct_length(rest)
        };
        match tag(&rest[..length]).filter(|_| length > 1) {
            Some(Tag {
                left,
                name: "generation",
                right,
            }) => {
                blocks = true;
                out.push_str(&format!(
                    "{{%{left} with %}}{{{{ {OPEN} }}}}{{% if true {right}%}}"
                ));
            }
            Some(Tag {
                left,
                name: "endgeneration",
                right,
            }) => {
                out.push_str(&format!(
                    "{{%{left} endif %}}{{{{ {CLOSE} }}}}{{% endwith {right}%}}"
                ));
            }
            other => {
                verbatim = match other.map(|tag| tag.name) {
                    Some("raw") => true,
                    Some("endraw") => false,
                    _ => verbatim,
                };
                out.push_str(&rest[..length]);
            }
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    Rewritten {
        source: out,
        blocks,
    }
}

/// A source for minijinja.
pub(super) struct Rewritten {
    pub(super) source: String,
    /// Whether there was a `{% generation %}` block.
    pub(super) blocks: bool,
}

struct Tag<'s> {
    left: &'s str,
    name: &'s str,
    right: &'s str,
}

/// A tag of one word.
fn tag(text: &str) -> Option<Tag<'_>> {
    let inner = text.strip_prefix("{%")?;
    let inner = &inner[..inner.find("%}")?];
    let left = &inner[..usize::from(inner.starts_with(['-', '+']))];
    let inner = &inner[left.len()..];
    let right = &inner[inner.len() - usize::from(inner.ends_with(['-', '+']))..];
    let name = inner[..inner.len() - right.len()].trim();
    Some(Tag { left, name, right })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_their_white_space_control() {
        let rewritten = rewrite("a {%- generation %}\nb\n{%+ endgeneration -%} c");
        assert!(rewritten.blocks);
        assert_eq!(
            rewritten.source,
            "a {%- with %}{{ __generation_open }}{% if true %}\nb\n\
             {%+ endif %}{{ __generation_close }}{% endwith -%} c"
        );
    }

    #[test]
    fn text_that_only_looks_like_a_tag_is_left_alone() {
        for source in [
            "{{ '{% generation %}' }}",
            "{{ \"\\\"{% generation %}\" }}",
            "{# {% generation %} #}",
            "{% raw %}{% generation %}{% endraw %}",
            "{ % generation %}{",
            "{% set generation = 1 %}",
        ] {
            let rewritten = rewrite(source);
            assert!(!rewritten.blocks, "{source}");
            assert_eq!(rewritten.source, source);
        }
    }

    #[test]
    fn line_ends_become_line_feeds() {
        assert_eq!(rewrite("a\r\nb\rc").source, "a\nb\nc");
    }
}
