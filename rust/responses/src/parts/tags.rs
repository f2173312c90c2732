//! The tags and special tokens round a reasoning.

use memchr::{memchr2_iter, memmem};

/// Where a marker stands: bytes `start..end` of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The markers of a text that decide its split.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) first_start: Option<Edge>,
    pub(super) last_start: Option<Edge>,
    pub(super) last_end: Option<Edge>,
}

enum Side {
    Start,
    End,
}

/// Names of tags that hold reasoning, in lower case, the longer of two that begin alike first.
const NAMES: [&str; 13] = [
    "thinking",
    "think",
    "thoughts",
    "thought",
    "reasoning",
    "reason",
    "rationale",
    "analysis",
    "scratchpad",
    "reflection",
    "seed:think",
    "antthinking",
    "cot",
];

/// Special tokens as decoders write them, in lower case.
const TOKENS: [(&str, Side); 10] = [
    ("<|begin_of_thought|>", Side::Start),
    ("<|end_of_thought|>", Side::End),
    ("<|im_start|>think", Side::Start),
    ("<|im_start|>answer", Side::End),
    ("<|start_thinking|>", Side::Start),
    ("<|end_thinking|>", Side::End),
    ("<|channel|>analysis<|message|>", Side::Start),
    ("<|channel|>final<|message|>", Side::End),
    ("<unused94>thought", Side::Start),
    ("<unused95>", Side::End),
];

/// Kimi's tokens, whose brackets are no ASCII.
const TRIANGLES: [(&str, Side); 2] = [("◁think▷", Side::Start), ("◁/think▷", Side::End)];

impl Marks {
    pub(super) fn of(text: &str) -> Self {
        let mut marks = Self::default();
        let bytes = text.as_bytes();
        for at in memchr2_iter(b'<', b'[', bytes) {
            if let Some((side, end)) = marker_at(bytes, at) {
                marks.add(side, Edge { start: at, end });
            }
        }
        marks.add_triangles(text);
        marks
    }

    fn add(&mut self, side: &Side, edge: Edge) {
        match side {
            Side::End => self.last_end = Some(edge),
            Side::Start => {
                self.first_start.get_or_insert_with(|| edge.clone());
                self.last_start = Some(edge);
            }
        }
    }

    fn add_triangles(&mut self, text: &str) {
        if self.first_start.is_some() || self.last_end.is_some() {
            return;
        }
        for (token, side) in &TRIANGLES {
            for start in memmem::find_iter(text.as_bytes(), token) {
                let end = start + token.len();
                self.add(side, Edge { start, end });
            }
        }
    }
}

fn marker_at(bytes: &[u8], at: usize) -> Option<(&'static Side, usize)> {
    let rest = &bytes[at..];
    if rest[0] == b'[' {
        return bracket(rest).map(|(side, length)| (side, at + length));
    }
    let token = TOKENS.iter().find(|(token, _)| starts(rest, token));
    match token {
        Some((token, side)) => Some((side, at + token.len())),
        None => tag(rest).map(|(side, length)| (side, at + length)),
    }
}

fn bracket(rest: &[u8]) -> Option<(&'static Side, usize)> {
    match rest {
        [b'[', b'T', b'H', b'I', b'N', b'K', b']', ..] => Some((&Side::Start, 7)),
        [b'[', b'/', b'T', b'H', b'I', b'N', b'K', b']', ..] => Some((&Side::End, 8)),
        _ => None,
    }
}

/// `<think>`, `</think>`, `< THINK >`, `<thinking depth="2">`: side and length.
fn tag(rest: &[u8]) -> Option<(&'static Side, usize)> {
    let mut at = 1 + spaces(&rest[1..]);
    let is_end = rest.get(at) == Some(&b'/');
    if is_end {
        at += 1 + spaces(&rest[at + 1..]);
    }
    let name = NAMES.iter().find(|name| starts(&rest[at..], name))?;
    at += name.len();
    at += match rest.get(at)? {
        b'>' => 1,
        b' ' => attributes(&rest[at..])?,
        _ => return None,
    };
    Some((if is_end { &Side::End } else { &Side::Start }, at))
}

/// The length to the `>`, which is near, or it is no tag.
fn attributes(rest: &[u8]) -> Option<usize> {
    let near = &rest[..rest.len().min(64)];
    let end = near
        .iter()
        .position(|byte| matches!(byte, b'>' | b'<' | b'\n'))?;
    (near[end] == b'>').then_some(end + 1)
}

/// At most two: `< think >` is a tag, and a gap of a thousand is none.
fn spaces(rest: &[u8]) -> usize {
    rest.iter()
        .take(2)
        .take_while(|byte| **byte == b' ')
        .count()
}

fn starts(rest: &[u8], lower: &str) -> bool {
    rest.get(..lower.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(lower.as_bytes()))
}

/// An answer without the tokens that some teachers write round it.
pub(super) fn without_solution_tokens(answer: &str) -> &str {
    let answer = answer
        .strip_prefix("<|begin_of_solution|>")
        .unwrap_or(answer);
    answer
        .strip_suffix("<|end_of_solution|>")
        .unwrap_or(answer)
        .trim()
}
