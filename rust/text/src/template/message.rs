//! The turns of a conversation, and which of them are learned.

use std::ops::Range;

use super::TemplateError;
use super::content::{Content, Part};

/// One turn of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `system`, `user`, `assistant`, `tool`, or what else the template writes.
    pub role: &'a str,
    /// What was said.
    pub content: &'a str,
    /// The images that stand in it, in order.
    pub images: &'a [ImageSlot],
    /// Whether the turn may carry loss; a turn of another role than `assistant` never does.
    pub learned: bool,
}

/// An image in a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSlot {
    /// The byte of the content before which the image stands. Places ascend, and several images may share one.
    pub at: usize,
    /// How many tokens the image takes, at least one.
    pub tokens: u32,
}

/// A part of a content: a text that is not empty, or an image, which has no bytes.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    pub(super) is_image: bool,
}

impl Message<'_> {
    /// Whether the images stand at ascending places of the content and take tokens.
    pub(super) fn has_sound_images(&self) -> bool {
        let mut before = 0;
        self.images.iter().all(|image| {
            let ascends = std::mem::replace(&mut before, image.at) <= image.at;
            ascends && self.content.is_char_boundary(image.at) && image.tokens > 0
        })
    }

    /// The texts and images of the content, in order.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(2 * self.images.len() + 1);
        let mut before = 0;
        let mut push = |range: Range<usize>, is_image: bool| {
            if is_image || !range.is_empty() {
                pieces.push(Piece { range, is_image });
            }
        };
        for image in self.images {
            push(before..image.at, false);
            push(image.at..image.at, true);
            before = image.at;
        }
        push(before..self.content.len(), false);
        pieces
    }

    /// The content as a template gets it.
    pub(super) fn written(&self) -> Content {
        if self.images.is_empty() {
            return self.content.into();
        }
        let part = |piece: Piece| match piece.is_image {
            true => Part::Image,
            false => Part::Text(self.content[piece.range].to_owned()),
        };
        self.pieces().into_iter().map(part).collect()
    }

    /// The content without its first `cut` bytes, and with an empty text in the place of each image.
    pub(super) fn without_images(&self, cut: usize) -> Content {
        if self.images.is_empty() {
            return self.content[cut..].into();
        }
        let text = |piece: Piece| {
            let range = piece.range.start.max(cut)..piece.range.end.max(cut);
            Part::Text(self.content[range].to_owned())
        };
        self.pieces().into_iter().map(text).collect()
    }
}

/// Which assistant turns carry loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Supervise {
    /// Every assistant turn that is [`Message::learned`].
    #[default]
    All,
    /// The last assistant turn, if it is [`Message::learned`]; else none.
    Last,
}

impl Supervise {
    /// Which turns carry loss, as a test over 0-based turns.
    pub(super) fn turns<'m>(
        self,
        messages: &'m [Message<'m>],
    ) -> Result<impl Fn(usize) -> bool + 'm, TemplateError> {
        let last = messages
            .iter()
            .rposition(|message| message.role == "assistant");
        let last = last.ok_or(TemplateError::NoAssistant)?;
        let first = if self == Self::Last { last } else { 0 };
        Ok(move |turn: usize| {
            turn >= first && messages[turn].role == "assistant" && messages[turn].learned
        })
    }
}
