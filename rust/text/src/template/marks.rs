//! Private-use characters that are around each content in a second rendering, to find it again.

use std::collections::BTreeSet;
use std::ops::Range;

use memchr::memchr2;

use super::content::{Content, Part};
use super::message::Piece;
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
    /// The image of this number stands here.
    Image(usize),
}

/// A run of consecutive characters that occur in none of the texts: two for blocks, two a turn, one an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    first: u32,
    count: u32,
    turns: usize,
}

/// The supplementary private-use areas.
const AREAS: [(u32, u32); 2] = [(0xF_0000, 0xF_FFFD), (0x10_0000, 0x10_FFFD)];

/// How many marks one area has.
const MOST_MARKS: usize = (AREAS[0].1 - AREAS[0].0 + 1) as usize;

impl Marks {
    /// Chooses marks that occur neither in the rendered text nor in the contents.
    pub(super) fn choose(plain: &str, messages: &[Message<'_>]) -> Result<Self, TemplateError> {
        let turns = messages.len();
        let images: usize = messages.iter().map(|message| message.images.len()).sum();
        let count = 2 * turns + 2 + images;
        if count > MOST_MARKS {
            return Err(TemplateError::Limit);
        }
        let mut taken = BTreeSet::new();
        collect_private(plain, &mut taken);
        messages
            .iter()
            .for_each(|message| collect_private(message.content, &mut taken));
        let count = u32::try_from(count).map_err(|_| TemplateError::NoMarksLeft)?;
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
        Ok(Self {
            first,
            count,
            turns,
        })
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

    /// The same of a turn with images, the first of which has this number: a part for each text and each image.
    pub(super) fn enclose_parts(
        self,
        turn: usize,
        message: &Message<'_>,
        first_image: usize,
        placement: Placement,
    ) -> Content {
        let pieces = message.pieces();
        let mut images = 2 * self.turns + 2 + first_image..;
        let mut write = |piece: &Piece| match piece.is_image.then(|| images.next()).flatten() {
            Some(image) => self.character(image).to_string(),
            None => message.content[piece.range.clone()].to_owned(),
        };
        let mut texts: Vec<String> = pieces.iter().map(&mut write).collect();
        let (lead, core, _) = parts(message.content);
        let edges = match placement {
            Placement::Whole => Some(0..message.content.len()),
            Placement::Core => Some(lead.len()..lead.len() + core.len()),
            Placement::Nowhere => None,
        };
        if let Some(edges) = edges {
            // The later one first, so that the place of the other stays.
            let open = place_of_open(&pieces, &texts, edges.start);
            let close = place_of_close(&pieces, &texts, edges.end);
            for ((piece, at), mark) in [(close, 2 * turn + 3), (open, 2 * turn + 2)] {
                if let Some(text) = texts.get_mut(piece) {
                    text.insert(at, self.character(mark));
                }
            }
        }
        texts.into_iter().map(Part::Text).collect()
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
        if let Some(image) = place.checked_sub(2 * self.turns + 2) {
            return Some(Mark::Image(image));
        }
        Some(match (place, place % 2) {
            (0, _) => Mark::BlockOpen,
            (1, _) => Mark::BlockClose,
            (_, 0) => Mark::Open(place / 2 - 1),
            _ => Mark::Close(place / 2 - 1),
        })
    }
}

/// The part, and the byte in it, at which the mark before byte `at` of a content stands: before images at that byte.
fn place_of_open(pieces: &[Piece], texts: &[String], at: usize) -> (usize, usize) {
    let holds = |piece: &Piece| piece.range.end > at || piece.range.start >= at;
    match pieces.iter().position(holds) {
        Some(piece) => (piece, at.saturating_sub(pieces[piece].range.start)),
        None => {
            let last = texts.len().saturating_sub(1);
            (last, texts.last().map_or(0, String::len))
        }
    }
}

/// The same of the mark behind byte `at`: it stands after images at that byte.
fn place_of_close(pieces: &[Piece], texts: &[String], at: usize) -> (usize, usize) {
    let holds = |piece: &Piece| piece.range.start < at || piece.range.end <= at;
    pieces.iter().rposition(holds).map_or((0, 0), |piece| {
        let Range { start, end } = pieces[piece].range;
        let inside = if at < end {
            at - start
        } else {
            texts[piece].len()
        };
        (piece, inside)
    })
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
