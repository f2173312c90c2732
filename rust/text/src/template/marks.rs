//! Private-use characters that are around each content in a second rendering, to find it again.

use std::collections::BTreeSet;

use memchr::memchr2;

use super::{Message, TemplateError};
use crate::python_text::strip;

/// Where the marks of a content stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Round all of it.
    Whole,
    /// Inside its white space, so that a template may trim it.
    Core,
    /// Nowhere.
    Nowhere,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The content of this turn begins.
    Open(usize),
    /// The content of this turn ends.
    Close(usize),
    /// A `{% generation %}` block begins.
    BlockOpen,
    /// A `{% generation %}` block ends.
    BlockClose,
}

/// A run of consecutive characters that occur in none of the texts: two a turn, two for blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    first: u32,
    count: u32,
}

/// The supplementary private-use areas.
const AREAS: [(u32, u32); 2] = [(0xF_0000, 0xF_FFFD), (0x10_0000, 0x10_FFFD)];

/// How many turns one area has marks for: two a turn and two for blocks.
const MOST_TURNS: usize = (AREAS[0].1 - AREAS[0].0 + 1) as usize / 2 - 1;

impl Marks {
    /// Chooses marks that occur neither in the rendered text nor in the contents.
    pub(super) fn choose(plain: &str, messages: &[Message<'_>]) -> Result<Self, TemplateError> {
        if messages.len() > MOST_TURNS {
            return Err(TemplateError::Limit);
        }
        let mut taken = BTreeSet::new();
        collect_private(plain, &mut taken);
        messages
            .iter()
            .for_each(|message| collect_private(message.content, &mut taken));
        let count =
            u32::try_from(2 * messages.len() + 2).map_err(|_| TemplateError::NoMarksLeft)?;
        let free = |area: (u32, u32)| {
            let mut first = area.0;
            for &used in taken.range(area.0..=area.1) {
                if used - first >= count {
                    break;
                }
                first = used + 1;
            }
            (area.1 + 1 - first.min(area.1 + 1) >= count).then_some(first)
        };
        let first = AREAS
            .into_iter()
            .find_map(free)
            .ok_or(TemplateError::NoMarksLeft)?;
        Ok(Self { first, count })
    }

    fn character(self, place: usize) -> char {
        u32::try_from(place)
            .ok()
            .and_then(|place| char::from_u32(self.first + place))
            .unwrap_or('\u{FFFD}')
    }

    /// The marks of `{% generation %}` blocks.
    pub(super) fn of_blocks(self) -> [String; 2] {
        [0, 1].map(|place| self.character(place).to_string())
    }

    /// A turn's content with its marks.
    pub(super) fn enclose(self, turn: usize, content: &str, placement: Placement) -> String {
        let (lead, core, trail) = parts(content);
        let (lead, marked, trail) = match placement {
            Placement::Whole => ("", content, ""),
            Placement::Core => (lead, core, trail),
            Placement::Nowhere => return content.to_owned(),
        };
        let (open, close) = (self.character(2 * turn + 2), self.character(2 * turn + 3));
        let mut out = String::with_capacity(content.len() + 8);
        out.extend([
            lead,
            open.encode_utf8(&mut [0; 4]),
            marked,
            close.encode_utf8(&mut [0; 4]),
            trail,
        ]);
        out
    }

    /// The text without marks, and each mark with its place in that text.
    pub(super) fn strip(self, text: &str) -> (String, Vec<(Mark, usize)>) {
        let mut out = String::with_capacity(text.len());
        let mut found = Vec::new();
        let mut rest = text;
        while let Some((at, character)) = next_private(rest) {
            let after = at + character.len_utf8();
            match self.meaning(character) {
                Some(mark) => {
                    out.push_str(&rest[..at]);
                    found.push((mark, out.len()));
                }
                None => out.push_str(&rest[..after]),
            }
            rest = &rest[after..];
        }
        out.push_str(rest);
        (out, found)
    }

    fn meaning(self, character: char) -> Option<Mark> {
        let place = u32::from(character)
            .checked_sub(self.first)
            .filter(|place| *place < self.count)?;
        let place = place as usize;
        Some(match (place, place % 2) {
            (0, _) => Mark::BlockOpen,
            (1, _) => Mark::BlockClose,
            (_, 0) => Mark::Open(place / 2 - 1),
            _ => Mark::Close(place / 2 - 1),
        })
    }
}

/// A content as leading white space, core, and trailing white space.
pub(super) fn parts(content: &str) -> (&str, &str, &str) {
    let core = strip(content);
    if core.is_empty() {
        return (content, "", "");
    }
    let start = core.as_ptr() as usize - content.as_ptr() as usize;
    (&content[..start], core, &content[start + core.len()..])
}

fn collect_private(text: &str, taken: &mut BTreeSet<u32>) {
    let mut rest = text;
    while let Some((at, character)) = next_private(rest) {
        taken.insert(u32::from(character));
        rest = &rest[at + character.len_utf8()..];
    }
}

/// The first character of planes 12 and up, and its place: the private-use areas are the last two.
fn next_private(text: &str) -> Option<(usize, char)> {
    let at = memchr2(0xF3, 0xF4, text.as_bytes())?;
    text[at..].chars().next().map(|character| (at, character))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn messages(content: &str) -> [Message<'_>; 1] {
        [Message {
            role: "user",
            content,
            images: &[],
            learned: true,
        }]
    }

    #[test]
    fn marks_avoid_characters_in_use() {
        let content = "\u{F0000}\u{F0003}\u{F0008}x";
        let marks = Marks::choose(content, &messages(content)).unwrap();
        assert_eq!(marks.first, 0xF_0004);
        let enclosed = marks.enclose(0, content, Placement::Whole);
        assert_eq!(
            marks.strip(&enclosed),
            (
                content.to_owned(),
                vec![(Mark::Open(0), 0), (Mark::Close(0), 13)]
            )
        );
    }

    #[test]
    fn a_row_that_uses_every_private_character_is_refused() {
        let all: String = AREAS
            .iter()
            .flat_map(|area| area.0..=area.1)
            .filter_map(char::from_u32)
            .collect();
        assert_eq!(
            Marks::choose("", &messages(&all)).unwrap_err(),
            TemplateError::NoMarksLeft
        );
        let mut all_but_four = all;
        all_but_four.truncate(all_but_four.len() - 16);
        assert_eq!(
            Marks::choose("", &messages(&all_but_four)).unwrap().first,
            0x10_FFFA
        );
    }

    #[test]
    fn the_core_is_inside_the_white_space() {
        assert_eq!(parts(" \u{1c}a b\n"), (" \u{1c}", "a b", "\n"));
        assert_eq!(parts(" \n"), (" \n", "", ""));
    }
}
