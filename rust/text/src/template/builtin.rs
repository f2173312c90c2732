//! The chat templates that most recipes use, written by hand: no engine and no second rendering.

use super::controls::{ControlTable, Token};
use super::image_tokens::ImageTokens;
use super::{Message, Supervise, TemplateError};
use crate::Rendered;
use crate::python_text::strip;

/// Qwen's layout: `<|im_start|>role\ncontent<|im_end|>\n`.
#[derive(Debug)]
pub(super) struct ChatMl {
    start: Token,
    end: Token,
    images: ImageTokens,
    variant: Variant,
}

/// What tells the templates of Qwen's family apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// A default system turn; tool turns become user turns.
    Qwen25,
    /// Another default system turn; every role is written as it is.
    Qwen25Vl,
    /// No default system turn; tool turns become user turns.
    Qwen3Vl,
}

/// Llama-3's layout: `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`, trimmed.
#[derive(Debug)]
pub(super) struct Llama3 {
    begin: Token,
    start_header: Token,
    end_header: Token,
    end: Token,
}

/// A template written in Rust.
#[derive(Debug)]
pub(super) enum Builtin {
    ChatMl(ChatMl),
    Llama3(Llama3),
}

impl Builtin {
    pub(super) fn new(name: &str, controls: &[(String, u32)]) -> Result<Self, TemplateError> {
        let table = ControlTable::new(controls);
        Ok(match name {
            "qwen2.5" => Self::ChatMl(ChatMl::new("qwen2.5", Variant::Qwen25, &table)?),
            "qwen2.5-vl" => Self::ChatMl(ChatMl::new("qwen2.5-vl", Variant::Qwen25Vl, &table)?),
            "qwen3-vl" => Self::ChatMl(ChatMl::new("qwen3-vl", Variant::Qwen3Vl, &table)?),
            "llama-3" => Self::Llama3(Llama3::new(&table)?),
            _ => {
                return Err(TemplateError::UnknownBuiltin {
                    name: name.to_owned(),
                });
            }
        })
    }

    pub(super) fn render(
        &self,
        messages: &[Message<'_>],
        supervise: Supervise,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        match self {
            Self::ChatMl(template) => template.render(messages, supervise, out),
            Self::Llama3(template) => template.render(messages, supervise, out),
        }
    }

    pub(super) fn takes_images(&self, role: &str) -> bool {
        match self {
            Self::ChatMl(template) => {
                template.images.are_known() && template.writes_images_in(role)
            }
            Self::Llama3(_) => false,
        }
    }
}

impl ChatMl {
    fn new(
        name: &'static str,
        variant: Variant,
        table: &ControlTable,
    ) -> Result<Self, TemplateError> {
        Ok(Self {
            start: Token::new(name, "<|im_start|>", table)?,
            end: Token::new(name, "<|im_end|>", table)?,
            images: ImageTokens::new(name, table),
            variant,
        })
    }

    fn render(
        &self,
        messages: &[Message<'_>],
        supervise: Supervise,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        let supervised = supervise.turns(messages)?;
        if messages[0].role != "system" {
            self.write_default_system(out)?;
        }
        for (turn, message) in messages.iter().enumerate() {
            self.check_role(turn, message.role)?;
            self.check_images(turn, message)?;
            if message.role == "tool" && self.variant != Variant::Qwen25Vl {
                let is_tool = |turn: Option<usize>| {
                    turn.and_then(|turn| messages.get(turn))
                        .is_some_and(|near| near.role == "tool")
                };
                self.write_tool(
                    message,
                    is_tool(turn.checked_sub(1)),
                    is_tool(Some(turn + 1)),
                    out,
                )?;
            } else {
                self.write_turn(message, supervised(turn), out)?;
            }
        }
        Ok(())
    }

    fn write_default_system(&self, out: &mut Rendered) -> Result<(), TemplateError> {
        let content = match self.variant {
            Variant::Qwen25 => {
                "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
            }
            Variant::Qwen25Vl => "You are a helpful assistant.",
            Variant::Qwen3Vl => return Ok(()),
        };
        self.write_turn(
            &Message {
                role: "system",
                content,
                images: &[],
                learned: false,
            },
            false,
            out,
        )
    }

    /// The published templates skip turns of other roles silently; we do not.
    fn check_role(&self, turn: usize, role: &str) -> Result<(), TemplateError> {
        let written = match self.variant {
            Variant::Qwen25Vl => is_name(role),
            Variant::Qwen25 => matches!(role, "system" | "user" | "assistant" | "tool"),
            Variant::Qwen3Vl => {
                matches!(role, "user" | "assistant" | "tool") || (role == "system" && turn == 0)
            }
        };
        if written {
            Ok(())
        } else {
            Err(unwritten(turn, role))
        }
    }

    /// Refuses an image where the published template would leave it out without a word.
    fn check_images(&self, turn: usize, message: &Message<'_>) -> Result<(), TemplateError> {
        if message.images.is_empty() || self.writes_images_in(message.role) {
            return Ok(());
        }
        match self.variant {
            Variant::Qwen25 => Err(self.images.none()),
            _ => Err(left_out(turn, message.role)),
        }
    }

    fn writes_images_in(&self, role: &str) -> bool {
        match self.variant {
            Variant::Qwen25 => false,
            Variant::Qwen25Vl => is_name(role),
            Variant::Qwen3Vl => matches!(role, "user" | "tool"),
        }
    }

    fn write_turn(
        &self,
        message: &Message<'_>,
        supervised: bool,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        self.start.write(out);
        out.text.push_str(message.role);
        out.text.push('\n');
        let mut learned = out.text.len();
        self.images.write_content(message, out, |image, out| {
            if supervised && learned < image.start {
                out.supervised.push(learned..image.start);
            }
            learned = image.end;
        })?;
        self.end.write(out);
        if supervised {
            out.supervised.push(learned..out.text.len());
        }
        out.text.push('\n');
        Ok(())
    }

    /// Neighbouring tool turns share one user turn.
    fn write_tool(
        &self,
        message: &Message<'_>,
        after_tool: bool,
        before_tool: bool,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        if !after_tool {
            self.start.write(out);
            out.text.push_str("user");
        }
        out.text.push_str("\n<tool_response>\n");
        self.images.write_content(message, out, |_, _| {})?;
        out.text.push_str("\n</tool_response>");
        if !before_tool {
            self.end.write(out);
            out.text.push('\n');
        }
        Ok(())
    }
}

impl Llama3 {
    fn new(table: &ControlTable) -> Result<Self, TemplateError> {
        let token = |text| Token::new("llama-3", text, table);
        Ok(Self {
            begin: token("<|begin_of_text|>")?,
            start_header: token("<|start_header_id|>")?,
            end_header: token("<|end_header_id|>")?,
            end: token("<|eot_id|>")?,
        })
    }

    fn render(
        &self,
        messages: &[Message<'_>],
        supervise: Supervise,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        let supervised = supervise.turns(messages)?;
        self.begin.write(out);
        for (turn, message) in messages.iter().enumerate() {
            if !is_name(message.role) {
                return Err(unwritten(turn, message.role));
            }
            if !message.images.is_empty() {
                return Err(TemplateError::NoImages {
                    template: Some("llama-3"),
                });
            }
            self.start_header.write(out);
            out.text.push_str(message.role);
            self.end_header.write(out);
            out.text.push_str("\n\n");
            let content = out.text.len();
            out.text.push_str(strip(message.content));
            self.end.write(out);
            if supervised(turn) {
                out.supervised.push(content..out.text.len());
            }
        }
        Ok(())
    }
}

/// Whether a role is a plain name: anything else could write what looks like a control token.
pub(super) fn is_name(role: &str) -> bool {
    !role.is_empty()
        && role
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The error for a role that a template does not write.
pub(super) fn unwritten(turn: usize, role: &str) -> TemplateError {
    let role = role.chars().take(32).collect();
    TemplateError::Role { turn, role }
}

/// The error for an image in a turn of a role whose images a template leaves out.
pub(super) fn left_out(turn: usize, role: &str) -> TemplateError {
    let role = role.chars().take(32).collect();
    TemplateError::ImageInRole { turn, role }
}
