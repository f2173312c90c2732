//! A turn's content as a template sees it: a text, or typed parts where it has images.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

/// A content and what it counts in the limits of one row.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) value: Value,
    pub(super) bytes: usize,
    pub(super) items: usize,
}

/// A part of a content, as `{type: text, text: …}` or `{type: image}`.
#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    Image,
}

impl Object for Part {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match (self.as_ref(), key) {
            (Self::Text(_), "type") => Some(Value::from("text")),
            (Self::Text(text), "text") => Some(Value::from(text.as_str())),
            (Self::Image, "type") => Some(Value::from("image")),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(match self.as_ref() {
            Self::Text(_) => &["type", "text"],
            Self::Image => &["type"],
        })
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self {
            bytes: text.len(),
            items: 0,
            value: Value::from(text),
        }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self {
            bytes: text.len(),
            items: 0,
            value: Value::from(text),
        }
    }
}

impl FromIterator<Part> for Content {
    fn from_iter<T: IntoIterator<Item = Part>>(parts: T) -> Self {
        let (mut bytes, mut items) = (0, 0);
        let parts = parts.into_iter().map(|part| {
            items += 1;
            bytes += match &part {
                Part::Text(text) => text.len(),
                Part::Image => 0,
            };
            Value::from_object(part)
        });
        let value = Value::from(parts.collect::<Vec<_>>());
        Self {
            value,
            bytes,
            items,
        }
    }
}
