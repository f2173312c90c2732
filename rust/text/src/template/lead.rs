//! White space before an answer that no prompt writes, so that the model has to write it itself.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use super::Message;
use super::renderer::Renderer;

/// How many headers are remembered, and how long they may be: a template has a handful of short ones.
const HEADERS: usize = 1024;
const LONGEST_HEADER: usize = 2048;

/// What every turn says where the prompt is rendered: what it writes must not hang on the row at hand, or on which
/// row came first.
const CONTENT: &str = "content";

/// How many turns before an answer are rendered for its prompt: the first half and the last half of these. Without
/// such a bound a conversation of n turns is rendered n times.
const TURNS: usize = 64;

/// For each header, and the roles before it: how many bytes of white space at its end no prompt writes.
#[derive(Debug, Default)]
pub(super) struct Leads(RwLock<HashMap<String, usize>>);

impl Leads {
    fn get(&self, key: &str) -> Option<usize> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).copied()
    }

    fn keep(&self, key: String, own: usize) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < HEADERS && key.len() <= LONGEST_HEADER {
            known.insert(key, own);
        }
    }

    /// Where the white space before an answer begins that `add_generation_prompt=True` does not write.
    ///
    /// `header` is what the template wrote between the last content and the answer; `before` are the turns before it. The prompt is rendered
    /// once for each header and the roles before it, not for each row.
    pub(super) fn lead(
        &self,
        renderer: &Renderer,
        before: &[Message<'_>],
        plain: &str,
        header: Range<usize>,
    ) -> usize {
        let (start, header) = (header.end, &plain[header]);
        if header.trim_end().len() == header.len() {
            return start;
        }
        let before = shortened(before);
        let mut key = header.to_owned();
        for message in &before {
            key.push('\0');
            key.push_str(message.role);
        }
        let own = self.get(&key).unwrap_or_else(|| {
            let own = own_blank(renderer, &before, header);
            self.keep(key, own);
            own
        });
        start - own
    }
}

/// How many bytes at the end of `header` the prompt after such turns does not write.
///
/// It is none where no prompt writes this header, or where such turns cannot be rendered alone: nobody knows what
/// follows the prompt then.
fn own_blank(renderer: &Renderer, turns: &[Message<'_>], header: &str) -> usize {
    let solid = header.trim_end();
    let blank = &header[solid.len()..];
    let turns = turns.iter().map(|turn| (turn.role, CONTENT.into()));
    let Ok(prompt) = renderer.run(turns, true, None) else {
        return 0;
    };
    let content = prompt.rfind(CONTENT).map(|at| at + CONTENT.len());
    let tail = &prompt[content.unwrap_or(0)..];
    let Some(at) = tail.rfind(solid).filter(|_| !solid.is_empty()) else {
        return match content {
            Some(_) if solid.is_empty() => unwritten(blank, tail),
            _ => 0,
        };
    };
    unwritten(blank, &tail[at + solid.len()..])
}

/// The first and the last turns of a long conversation: an even number is left out, so that users and assistants
/// still alternate.
fn shortened<'m>(turns: &[Message<'m>]) -> Vec<Message<'m>> {
    let left_out = turns.len().saturating_sub(TURNS).next_multiple_of(2);
    if left_out == 0 {
        return turns.to_vec();
    }
    let (first, rest) = turns.split_at(TURNS / 2);
    [first, &rest[left_out..]].concat()
}

/// The bytes of `blank` that `written` does not begin with.
fn unwritten(blank: &str, written: &str) -> usize {
    let pairs = blank.chars().zip(written.chars());
    let common = pairs.take_while(|(left, right)| left == right);
    blank.len()
        - common
            .map(|(character, _)| character.len_utf8())
            .sum::<usize>()
}
