//! Any chat template: rendered once as it is and once with its contents marked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use super::builtin::{is_name, left_out, unwritten};
use super::images::Inserts;
use super::lead::Leads;
use super::locate::{Located, locate};
use super::renderer::Renderer;
use super::spans::Spans;
use super::{ImageSlot, Message, Supervise, TemplateError};
use crate::Rendered;

/// How many roles are remembered with whether their turns take images.
const ROLES: usize = 64;

/// A template compiled once.
#[derive(Debug)]
pub(super) struct Compiled {
    renderer: Renderer,
    leads: Leads,
    roles: RwLock<HashMap<String, bool>>,
}

/// Why turns could not be rendered.
enum Failure {
    Template(TemplateError),
    /// The image of this number is not written, or not as one placeholder at its place.
    Image(usize),
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

impl Compiled {
    pub(super) fn new(
        source: &str,
        variables: &BTreeMap<String, String>,
        controls: &[(String, u32)],
    ) -> Result<Self, TemplateError> {
        Ok(Self {
            renderer: Renderer::new(source, variables, controls)?,
            leads: Leads::default(),
            roles: RwLock::default(),
        })
    }

    pub(super) fn render(
        &self,
        messages: &[Message<'_>],
        supervise: Supervise,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        let failure = match self.try_render(messages, supervise, out) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        match failure {
            Failure::Image(_)
            | Failure::Template(
                TemplateError::Failed { .. }
                | TemplateError::NotLocated { .. }
                | TemplateError::DropsText { .. },
            ) if has_images(messages) && !self.takes_images("user") => {
                Err(TemplateError::NoImages { template: None })
            }
            Failure::Image(number) => {
                let turn = turn_of_image(messages, number);
                Err(left_out(
                    turn,
                    messages.get(turn).map_or("", |message| message.role),
                ))
            }
            Failure::Template(error) => Err(error),
        }
    }

    /// Whether images are written in turns of this role: asked once of a small conversation.
    pub(super) fn takes_images(&self, role: &str) -> bool {
        let known = self
            .roles
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(role)
            .copied();
        known.unwrap_or_else(|| {
            let takes = self.try_image(role);
            let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
            if roles.len() < ROLES {
                roles.insert(role.to_owned(), takes);
            }
            takes
        })
    }

    fn try_image(&self, role: &str) -> bool {
        let image = [ImageSlot { at: 0, tokens: 1 }];
        let turn = |turn: &'static str| Message {
            role: turn,
            content: "text",
            images: if turn == role { &image } else { &[] },
            learned: true,
        };
        let other = Message { role, ..turn("") };
        let other = Message {
            images: &image,
            ..other
        };
        let turns = match role {
            "user" | "assistant" => vec![turn("user"), turn("assistant")],
            "system" => vec![other, turn("user"), turn("assistant")],
            _ => vec![turn("user"), turn("assistant"), other, turn("assistant")],
        };
        self.try_render(&turns, Supervise::All, &mut Rendered::default())
            .is_ok()
    }

    fn try_render(
        &self,
        messages: &[Message<'_>],
        supervise: Supervise,
        out: &mut Rendered,
    ) -> Result<(), Failure> {
        if let Some(turn) = messages.iter().position(|message| !is_name(message.role)) {
            return Err(unwritten(turn, messages[turn].role).into());
        }
        let supervised = supervise.turns(messages)?;
        let contents = messages
            .iter()
            .map(|message| (message.role, message.without_images(0)));
        let plain = self.renderer.run(contents, false, None)?;
        let located = match locate(&self.renderer, messages, &supervised, &plain) {
            // Without a span there is nothing to locate, and nobody learns from the ids.
            Err(_) if !(0..messages.len()).any(&supervised) => {
                out.text = match has_images(messages) {
                    true => self.written(messages)?,
                    false => plain,
                };
                return Ok(());
            }
            located => located?,
        };
        self.put_spans(messages, &supervised, &plain, &located, out)?;
        out.text = plain;
        self.put_images(messages, &located, out)?;
        let mut pairs = out.supervised.iter().zip(&out.leads);
        if pairs.all(|(span, lead)| span.start == *lead) {
            out.leads.clear();
        }
        Ok(())
    }

    /// Controls, spans and leads of the text without images.
    fn put_spans(
        &self,
        messages: &[Message<'_>],
        supervised: &dyn Fn(usize) -> bool,
        plain: &str,
        located: &Located,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        let spans = Spans::new(&self.renderer, plain, located);
        let mut turns = HashMap::new();
        for turn in (0..messages.len()).filter(|turn| supervised(*turn)) {
            let span = spans.of_turn(turn)?;
            turns.entry(span.start).or_insert(turn);
            out.supervised.push(span);
        }
        spans.put_in_order(&mut out.supervised)?;
        for span in &out.supervised {
            let turn = turns.get(&span.start).copied().unwrap_or_default();
            let header = spans.last_content_before(span.start)..span.start;
            let before = &messages[..turn];
            out.leads
                .push(self.leads.lead(&self.renderer, before, plain, header));
        }
        out.controls = spans.controls;
        Ok(())
    }

    /// The text as the template writes it, images included.
    fn written(&self, messages: &[Message<'_>]) -> Result<String, TemplateError> {
        let contents = messages
            .iter()
            .map(|message| (message.role, message.written()));
        self.renderer.run(contents, false, None)
    }

    /// Puts the images into the text without them, which `out` is of.
    fn put_images(
        &self,
        messages: &[Message<'_>],
        located: &Located,
        out: &mut Rendered,
    ) -> Result<(), Failure> {
        let images = messages.iter().flat_map(|message| message.images);
        let count = images.clone().count();
        if count == 0 {
            return Ok(());
        }
        let misplaced =
            |(number, image): (usize, &(usize, usize))| (image.0 != number).then_some(number);
        if let Some(number) = located.images.iter().enumerate().find_map(misplaced) {
            return Err(Failure::Image(number));
        }
        if located.images.len() != count {
            return Err(Failure::Image(located.images.len().min(count - 1)));
        }
        let plain = std::mem::take(&mut out.text);
        let places: Vec<usize> = located.images.iter().map(|(_, place)| *place).collect();
        let controls = &self.renderer.controls;
        let written = self.written(messages)?;
        let tokens = images.map(|image| image.tokens);
        Inserts::find(&plain, &written, &places, controls)
            .and_then(|inserts| inserts.put_into(out, written, tokens, controls))
            .map_err(Failure::Image)
    }
}

fn has_images(messages: &[Message<'_>]) -> bool {
    messages.iter().any(|message| !message.images.is_empty())
}

/// The turn that has the image of this number, or the last one.
fn turn_of_image(messages: &[Message<'_>], number: usize) -> usize {
    let mut images = 0;
    let has = |message: &Message<'_>| {
        images += message.images.len();
        images > number
    };
    let turn = messages.iter().position(has);
    turn.unwrap_or(messages.len().saturating_sub(1))
}
