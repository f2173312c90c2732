//! Any chat template, through minijinja: rendered once as it is and once with its contents marked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use octomed_meter::Fueled;

use super::builtin::{is_name, unwritten};
use super::controls::ControlTable;
use super::generation::{CLOSE, OPEN, rewrite};
use super::lead::Leads;
use super::locate::locate;
use super::spans::Spans;
use super::{Message, Supervise, TemplateError, compiling, environment, rendering};
use crate::Rendered;

const NAME: &str = "chat template";

/// A template compiled once.
#[derive(Debug)]
pub(super) struct Compiled {
    engine: Fueled,
    variables: Vec<(String, Value)>,
    pub(super) controls: ControlTable,
    pub(super) eos: Option<String>,
    pub(super) has_blocks: bool,
    pub(super) leads: Leads,
}

/// A turn as the template sees it: a mapping of two keys, in this order.
#[derive(Debug)]
struct Turn {
    role: Value,
    content: Value,
}

impl Object for Turn {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "role" => Some(self.role.clone()),
            "content" => Some(self.content.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["role", "content"])
    }
}

impl Compiled {
    pub(super) fn new(
        source: &str,
        variables: &BTreeMap<String, String>,
        controls: &[(String, u32)],
    ) -> Result<Self, TemplateError> {
        let rewritten = rewrite(source);
        let engine = environment()
            .and_then(|environment| Fueled::compile(environment, NAME, &rewritten.source))
            .map_err(|error| compiling(&error))?;
        let variables_given = variables
            .iter()
            .map(|(name, text)| (name.clone(), Value::from(text)));
        Ok(Self {
            engine,
            variables: variables_given.collect(),
            controls: ControlTable::new(controls),
            eos: variables
                .get("eos_token")
                .filter(|text| !text.is_empty())
                .cloned(),
            has_blocks: rewritten.blocks,
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
        let supervised = supervise.turns(messages)?;
        let plain = self.run(
            messages
                .iter()
                .map(|message| (message.role, message.content.into())),
            false,
            None,
        )?;
        let located = match locate(self, messages, &supervised, &plain) {
            // Without a span there is nothing to locate, and nobody learns from the ids.
            Err(_) if !(0..messages.len()).any(&supervised) => {
                out.text = plain;
                return Ok(());
            }
            located => located?,
        };
        let spans = Spans::new(self, &plain, &located);
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
            out.leads.push(self.lead(messages, turn, &plain, header));
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

    /// One rendering, with the prompt for the next answer or without; `marks` are written at both ends of each `{% generation %}` block.
    pub(super) fn run<'a>(
        &self,
        turns: impl Iterator<Item = (&'a str, Value)>,
        prompts: bool,
        marks: Option<&[String; 2]>,
    ) -> Result<String, TemplateError> {
        let (mut bytes, mut items) = (0, 0);
        let turns = turns.map(|(role, content)| {
            items += 1;
            bytes += role.len() + content.as_str().map_or(0, str::len);
            Value::from_object(Turn {
                role: Value::from(role),
                content,
            })
        });
        let mut context: BTreeMap<&str, Value> = BTreeMap::from([
            ("messages", Value::from(turns.collect::<Vec<_>>())),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(prompts)),
        ]);
        context.extend(
            self.variables
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone())),
        );
        if self.has_blocks {
            let [open, close] = marks.map_or([Value::from(""), Value::from("")], |marks| {
                marks.each_ref().map(Value::from)
            });
            context.extend([(OPEN, open), (CLOSE, close)]);
        }
        self.engine
            .render(Value::from(context), bytes, items)
            .map_err(|error| rendering(&error))
    }
}
