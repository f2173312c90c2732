//! The turns of a conversation, and which of them are learned.

use super::TemplateError;

/// One turn of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `system`, `user`, `assistant`, `tool`, or what else the template writes.
    pub role: &'a str,
    /// What was said.
    pub content: &'a str,
    /// Whether the turn may carry loss; a turn of another role than `assistant` never does.
    pub learned: bool,
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
