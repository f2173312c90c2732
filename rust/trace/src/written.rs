//! Lists and objects that a text says: CSV has no other way to hold one.

use std::borrow::Cow;

use crate::json;
use crate::python_literal;
use crate::value::Value;

impl Value<'_> {
    /// Whether a list or object is there that holds anything, be it written as a text.
    pub(crate) fn is_filled(&self) -> bool {
        match self {
            Self::Text(text) => {
                !["", "null", "None", "nan"].contains(&text.trim()) && !self.says_nothing()
            }
            other => other.is_given(),
        }
    }

    /// Whether it is a text that says a list or object of nothing, as CSV holds an empty list.
    fn says_nothing(&self) -> bool {
        let Self::Text(text) = self else {
            return false;
        };
        let says = text
            .trim_start()
            .starts_with(['[', '{'])
            .then(|| parse(text));
        says.flatten().is_some_and(|value| !value.is_given())
    }

    /// Replaces text that is JSON, or a list or dict as Python prints it, by what it says: CSV has no other way
    /// to hold a list.
    pub(crate) fn expand(&mut self) {
        self.expand_if(|_| true);
    }

    /// As [`Self::expand`], unless what the text says is no list of turns: then it is what somebody said.
    pub(crate) fn expand_turns(&mut self) {
        let is_turn = |value: &Value<'_>| match value {
            Value::Struct(fields) => {
                let keys = ["role", "from", "content", "value"];
                fields.iter().any(|(key, _)| keys.contains(&key.as_ref()))
            }
            _ => false,
        };
        self.expand_if(|parsed| match parsed {
            Value::List(turns) => !turns.is_empty() && turns.iter().all(is_turn),
            _ => false,
        });
    }

    fn expand_if(&mut self, wanted: impl Fn(&Value<'_>) -> bool) {
        let Self::Text(text) = self else { return };
        if !text.trim_start().starts_with(['[', '{', '(']) {
            return;
        }
        let parsed = match text {
            Cow::Borrowed(text) => parse(text),
            Cow::Owned(text) => parse(text).map(Value::into_owned),
        };
        if let Some(parsed) = parsed.filter(|parsed| wanted(parsed)) {
            *self = parsed;
        }
    }
}

/// The values of a list that `text` as a whole says.
pub(crate) fn said_list(text: &str) -> Option<Vec<Value<'_>>> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    match parse(text)? {
        Value::List(values) => Some(values),
        _ => None,
    }
}

/// What a text says in JSON or in Python's notation.
fn parse(text: &str) -> Option<Value<'_>> {
    json::parse(text)
        .ok()
        .or_else(|| python_literal::parse(text))
}
