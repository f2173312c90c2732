//! The turns of a conversation, and which of them are learned.

use std::ops::Range;

use super::TemplateError;

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

/// Which assistant turns carry loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Supervise {
    /// Every assistant turn that is [`Message::learned`].
    #[default]
    All,
    /// The last assistant turn, if it is [`Message::learned`]; else none.
    Last,
}

impl<'a> Message<'a> {
    /// Whether the images stand at ascending places of the content and take tokens.
    pub(super) fn has_sound_images(&self) -> bool {
        let mut before = 0;
        self.images.iter().all(|image| {
            let ascends = std::mem::replace(&mut before, image.at) <= image.at;
            ascends && self.content.is_char_boundary(image.at) && image.tokens > 0
        })
    }

    /// The ranges of the content between its images: one more than there are images.
    pub(super) fn text_ranges(&self) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let places = self.images.iter().map(|image| image.at);
        let starts = std::iter::once(0).chain(places.clone());
        starts
            .zip(places.chain([self.content.len()]))
            .map(|(start, end)| start..end)
    }
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
