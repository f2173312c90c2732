//! Where explicit markers of an answer may stand.

use memchr::memmem;

/// Of each marker the last so many are looked at: a megabyte of them costs no more than a page.
const KEPT: usize = 16;

/// What stands at an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The word "answer", whose `a` stands at the place.
    Answer,
    /// The brace of `\boxed{`.
    Boxed,
    /// 答案, 选: what follows.
    Chinese,
}

/// A place that may mark an answer: where the marker begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

const NEEDLES: [(&str, Kind); 7] = [
    ("answer", Kind::Answer),
    ("Answer", Kind::Answer),
    ("ANSWER", Kind::Answer),
    ("oxed{", Kind::Boxed),
    ("fbox{", Kind::Boxed),
    ("答案", Kind::Chinese),
    ("选", Kind::Chinese),
];

/// The last anchors of a text, on the stack.
pub(super) struct Anchors {
    found: [Anchor; KEPT * NEEDLES.len()],
    length: usize,
}

impl Anchors {
    pub(super) fn of(text: &str) -> Self {
        let none = Anchor {
            kind: Kind::Answer,
            start: 0,
            end: 0,
        };
        let mut anchors = Self {
            found: [none; KEPT * NEEDLES.len()],
            length: 0,
        };
        for (needle, kind) in NEEDLES {
            anchors.add(text, needle, kind);
        }
        anchors.found[..anchors.length].sort_unstable_by_key(|anchor| anchor.start);
        anchors
    }

    fn add(&mut self, text: &str, needle: &str, kind: Kind) {
        let mut count = 0;
        for start in memmem::find_iter(text.as_bytes(), needle) {
            let anchor = Anchor {
                kind,
                start,
                end: start + needle.len(),
            };
            self.found[self.length + count % KEPT] = anchor;
            count += 1;
        }
        self.length += count.min(KEPT);
    }

    /// From the last to the first.
    pub(super) fn backwards(&self) -> impl Iterator<Item = Anchor> + '_ {
        self.found[..self.length].iter().rev().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// The text of the tag that opens at this "answer": `<answer>…</answer>`, `<final_answer>…`.
pub(super) fn tag_content(text: &str, anchor: Anchor) -> Option<std::ops::Range<usize>> {
    let before = text[..anchor.start]
        .trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let is_tag = before.ends_with('<') && text[anchor.end..].starts_with('>');
    is_tag.then(|| content_of_tag(text, anchor.end + 1))
}

fn content_of_tag(text: &str, start: usize) -> std::ops::Range<usize> {
    let rest = &text[start..];
    let end = rest.match_indices('<').map(|(at, _)| at).find(|at| {
        let tag = rest[at + 1..].trim_start_matches('/').as_bytes();
        let names: [&[u8]; 4] = [b"answer", b"final", b"think", b"|"];
        names.iter().any(|name| {
            tag.get(..name.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(name))
        })
    });
    start..start + end.unwrap_or(rest.len())
}

/// Whether this "answer" closes a tag.
pub(super) fn is_closing_tag(text: &str, anchor: Anchor) -> bool {
    let before = text[..anchor.start]
        .trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    before.ends_with("</")
}

/// The longest content of a `\boxed{}` that is looked for.
const MAX_BOX: usize = 4096;

/// The text within the braces of a `\boxed{`; `None` where they never close.
pub(super) fn box_content(text: &str, anchor: Anchor) -> Option<std::ops::Range<usize>> {
    let mut depth = 1_usize;
    for (place, byte) in text.as_bytes()[anchor.end..]
        .iter()
        .take(MAX_BOX)
        .enumerate()
    {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(anchor.end..anchor.end + place);
        }
    }
    None
}
