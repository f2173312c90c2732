//! A chat template that can be run, through minijinja.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use octomed_meter::Fueled;

use super::content::Content;
use super::controls::ControlTable;
use super::generation::{CLOSE, OPEN, rewrite};
use super::{TemplateError, compiling, environment, rendering};

const NAME: &str = "chat template";

/// A compiled template, and what is known of it without running it.
#[derive(Debug)]
pub(super) struct Renderer {
    engine: Fueled,
    variables: Vec<(String, Value)>,
    /// The control tokens of the tokenizer.
    pub(super) controls: ControlTable,
    /// The end-of-sequence token, if there is one.
    pub(super) eos: Option<String>,
    /// Whether the template has `{% generation %}` blocks.
    pub(super) has_blocks: bool,
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

impl Renderer {
    /// Compiles a source.
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
        })
    }

    /// One rendering, with the prompt for the next answer or without; `marks` are written at both ends of each `{% generation %}` block.
    pub(super) fn run<'a>(
        &self,
        turns: impl Iterator<Item = (&'a str, Content)>,
        prompts: bool,
        marks: Option<&[String; 2]>,
    ) -> Result<String, TemplateError> {
        let (mut bytes, mut items) = (0, 0);
        let turns = turns.map(|(role, content)| {
            items += 1 + content.items;
            bytes += role.len() + content.bytes;
            Value::from_object(Turn {
                role: Value::from(role),
                content: content.value,
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
