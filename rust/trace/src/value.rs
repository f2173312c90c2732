//! A value of a row, whichever file it came from, borrowed from it wherever its text stands as it is.

use std::borrow::Cow;

use crate::reason::Reason;

/// A value as both JSON and Arrow have it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer, in decimal digits.
    Integer(Cow<'a, str>),
    /// A number with a fraction or an exponent, in decimal digits.
    Float(Cow<'a, str>),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes of a binary value that are no text, where the mapping takes images.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// An object or struct, in its own order.
    Struct(Vec<(Cow<'a, str>, Value<'a>)>),
    /// A kind that no mapping key takes, such as a date.
    Other,
}

/// Why a row gives no trace.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    /// Kind and place, never a value of the row.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl<'a> Value<'a> {
    /// The kind of the value, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number that is not an integer",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
            Self::Struct(_) => "an object",
            Self::Other => "a value of a kind that is neither text, number, list nor struct",
        }
    }

    /// Whether anything is there: not null, empty text, or a list or struct of nothing.
    pub(crate) fn is_present(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) => false,
            Self::Text(text) => !text.is_empty(),
            Self::List(values) => values.iter().any(Self::is_present),
            Self::Struct(fields) => fields.iter().any(|(_, value)| value.is_present()),
            Self::Bool(true) | Self::Integer(_) | Self::Float(_) | Self::Bytes(_) | Self::Other => {
                true
            }
        }
    }

    /// Whether it says anything: not null, and no list, object or text of nothing.
    pub(crate) fn is_given(&self) -> bool {
        match self {
            Self::Bool(_) => true,
            other => other.is_present(),
        }
    }

    /// The field `name` of a struct; a name that occurs twice is refused.
    pub(crate) fn field(&self, name: &str) -> Result<Option<&Self>, Fault> {
        let Self::Struct(fields) = self else {
            return Ok(None);
        };
        let mut found = fields
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value);
        let first = found.next();
        if found.next().is_some() {
            return Err(Fault::new(
                Reason::DuplicateKey,
                format!("`{name}` occurs twice in an object"),
            ));
        }
        Ok(first)
    }

    /// The same value, holding its texts itself.
    pub(crate) fn into_owned<'b>(self) -> Value<'b> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Integer(digits) => Value::Integer(Cow::Owned(digits.into_owned())),
            Self::Float(digits) => Value::Float(Cow::Owned(digits.into_owned())),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::List(values) => Value::List(values.into_iter().map(Self::into_owned).collect()),
            Self::Struct(fields) => Value::Struct(
                fields
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
            Self::Other => Value::Other,
        }
    }
}

/// `bytes` as text, or the offset of the first byte that is none.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, usize> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    })
}
