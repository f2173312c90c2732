//! Any chat template: rendered once as it is and once with its contents marked.

use std::collections::{BTreeMap, HashMap};

use super::builtin::{is_name, unwritten};
use super::lead::Leads;
use super::locate::locate;
use super::renderer::Renderer;
use super::spans::Spans;
use super::{Message, Supervise, TemplateError};
use crate::Rendered;

/// A template compiled once.
#[derive(Debug)]
pub(super) struct Compiled {
    renderer: Renderer,
    leads: Leads,
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
        })
    }

    pub(super) fn render(
        &self,
        messages: &[Message<'_>],
        supervise: Supervise,
        out: &mut Rendered,
    ) -> Result<(), TemplateError> {
        if let Some(turn) = messages.iter().position(|message| !is_name(message.role)) {
            return Err(unwritten(turn, messages[turn].role));
        }
        if messages.iter().any(|message| !message.images.is_empty()) {
            return Err(TemplateError::NoImages { template: None });
        }
        let supervised = supervise.turns(messages)?;
        let plain = self.renderer.run(
            messages
                .iter()
                .map(|message| (message.role, message.content.into())),
            false,
            None,
        )?;
        let located = match locate(&self.renderer, messages, &supervised, &plain) {
            // Without a span there is nothing to locate, and nobody learns from the ids.
            Err(_) if !(0..messages.len()).any(&supervised) => {
                out.text = plain;
                return Ok(());
            }
            located => located?,
        };
        let spans = Spans::new(&self.renderer, &plain, &located);
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
            let lead = self
                .leads
                .lead(&self.renderer, &messages[..turn], &plain, header);
            out.leads.push(lead);
        }
        if out
            .supervised
            .iter()
            .zip(&out.leads)
            .all(|(span, lead)| span.start == *lead)
        {
            out.leads.clear();
        }
        out.controls = spans.controls;
        out.text = plain;
        Ok(())
    }
}
