//! The columns that filters of the user's own see of a trace.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, ListBuilder, StringBuilder, StringDictionaryBuilder, StructBuilder,
    UInt32Builder, UInt64Builder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Fields, Schema};
use octomed_responses::parts;
use octomed_trace::{Body, Row, Turn};

use crate::error::EngineError;
use crate::tables::arrow;

/// Every column that a filter may ask for.
pub const FILTER_COLUMNS: [&str; 12] = [
    "source",
    "file",
    "position",
    "sample",
    "question",
    "options",
    "gold",
    "reasoning",
    "answer",
    "response",
    "images",
    "messages",
];

/// A trace before it is rendered.
pub struct TraceTexts<'t> {
    /// Name of the source.
    pub source: &'t str,
    /// Path of the file, relative to the source's root.
    pub file: &'t str,
    /// The row, identifying data masked where the recipe asks for that.
    pub row: &'t Row<'t>,
    /// Which of its responses.
    pub sample: u32,
    /// That response, or a conversation's last.
    pub response: &'t str,
    /// Its reasoning, where the row has it apart.
    pub reasoning: Option<&'t str>,
}

/// Traces as columns.
pub struct FilterColumns {
    columns: Vec<(&'static str, Values)>,
    bytes: usize,
}

enum Values {
    Long(UInt64Builder),
    Short(UInt32Builder),
    Text(StringBuilder),
    Name(StringDictionaryBuilder<Int32Type>),
    Texts(ListBuilder<StringBuilder>),
    Messages(ListBuilder<StructBuilder>),
}

impl Values {
    fn of(name: &str) -> Self {
        match name {
            "source" | "file" => Self::Name(StringDictionaryBuilder::new()),
            "position" => Self::Long(UInt64Builder::new()),
            "sample" | "images" => Self::Short(UInt32Builder::new()),
            "options" => Self::Texts(ListBuilder::new(StringBuilder::new())),
            "messages" => {
                let text = |name: &str| Field::new(name, DataType::Utf8, false);
                let fields = Fields::from(vec![text("role"), text("content")]);
                Self::Messages(ListBuilder::new(StructBuilder::from_fields(fields, 0)))
            }
            _ => Self::Text(StringBuilder::new()),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Long(values) => ArrayBuilder::finish(values),
            Self::Short(values) => ArrayBuilder::finish(values),
            Self::Text(values) => ArrayBuilder::finish(values),
            Self::Name(values) => ArrayBuilder::finish(values),
            Self::Texts(values) => ArrayBuilder::finish(values),
            Self::Messages(values) => ArrayBuilder::finish(values),
        }
    }
}

impl FilterColumns {
    /// No trace, of these columns.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn new(names: &[String]) -> Result<Self, EngineError> {
        let column = |name: &String| {
            let known = FILTER_COLUMNS.into_iter().find(|one| one == name);
            let unknown = || EngineError::Internal(format!("filters see no column `{name}`"));
            let known = known.ok_or_else(unknown)?;
            Ok((known, Values::of(known)))
        };
        let columns: Result<_, EngineError> = names.iter().map(column).collect();
        Ok(Self {
            columns: columns?,
            bytes: 0,
        })
    }

    /// Bytes of the texts so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a trace.
    pub fn push(&mut self, trace: &TraceTexts<'_>) {
        let split = parts(trace.response, trace.reasoning);
        for (name, values) in &mut self.columns {
            self.bytes += match values {
                Values::Long(values) => {
                    values.append_value(trace.row.position);
                    size_of::<u64>()
                }
                Values::Short(values) => {
                    values.append_value(match *name {
                        "sample" => trace.sample,
                        _ => images_of(trace.row),
                    });
                    size_of::<u32>()
                }
                Values::Name(values) => {
                    values.append_value(match *name {
                        "source" => trace.source,
                        _ => trace.file,
                    });
                    size_of::<i32>()
                }
                Values::Text(values) => match *name {
                    "question" => text(values, Some(&trace.row.body.stem())),
                    "gold" => text(values, gold_of(trace.row)),
                    "reasoning" => text(values, split.reasoning),
                    "answer" => text(values, Some(split.answer)),
                    _ => text(values, Some(trace.response)),
                },
                Values::Texts(values) => options(values, trace.row),
                Values::Messages(values) => messages(values, trace),
            };
        }
    }

    /// The traces so far as a batch; the next one is empty.
    ///
    /// # Errors
    /// When a column does not fit Arrow's limits.
    pub fn finish(&mut self) -> Result<RecordBatch, EngineError> {
        self.bytes = 0;
        let columns = self.columns.iter_mut();
        let columns: Vec<(&str, ArrayRef)> = columns
            .map(|(name, values)| (*name, values.finish()))
            .collect();
        let field = |(name, values): &(&str, ArrayRef)| {
            let nullable = matches!(*name, "gold" | "reasoning");
            Field::new(*name, values.data_type().clone(), nullable)
        };
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        let arrays = columns.into_iter().map(|(_, values)| values).collect();
        RecordBatch::try_new(Arc::new(schema), arrays).map_err(arrow)
    }
}

fn text(values: &mut StringBuilder, text: Option<&str>) -> usize {
    values.append_option(text);
    text.map_or(0, str::len)
}

fn images_of(row: &Row<'_>) -> u32 {
    row.images
        .iter()
        .filter(|image| !image.is_left_out())
        .count() as u32
}

fn gold_of<'r>(row: &'r Row<'_>) -> Option<&'r str> {
    match &row.body {
        Body::Question { answer, .. } => answer.as_deref(),
        Body::Conversation(_) => None,
    }
}

fn options(values: &mut ListBuilder<StringBuilder>, row: &Row<'_>) -> usize {
    let mut bytes = 0;
    if let Body::Question { options, .. } = &row.body {
        for option in options {
            values.values().append_value(option.text);
            bytes += option.text.len();
        }
    }
    values.append(true);
    bytes
}

/// The turns as the row has them: of a question what was asked and answered before, the question, and this response.
fn messages(values: &mut ListBuilder<StructBuilder>, trace: &TraceTexts<'_>) -> usize {
    let mut bytes = 0;
    let mut add = |role: &str, content: &str| {
        let turn = values.values();
        for (place, text) in [role, content].into_iter().enumerate() {
            if let Some(texts) = turn.field_builder::<StringBuilder>(place) {
                texts.append_value(text);
            }
        }
        turn.append(true);
        bytes += role.len() + content.len();
    };
    if let Some(system) = &trace.row.system {
        add("system", system);
    }
    match &trace.row.body {
        Body::Question {
            question, history, ..
        } => {
            for [asked, answered] in history {
                add("user", asked);
                add("assistant", answered);
            }
            add("user", question);
            add("assistant", trace.response);
        }
        Body::Conversation(turns) => turns
            .iter()
            .for_each(|turn: &Turn<'_>| add(&turn.role, &turn.text())),
    }
    values.append(true);
    bytes
}
