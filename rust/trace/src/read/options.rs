//! Answer options in the shapes that sources write them, with their letters.

mod letters;
mod lines;
mod written;

use std::borrow::Cow;

use crate::label::{is_label, key_label, option_label};
use crate::reason::Reason;
use crate::row::Choice;
use crate::value::{Fault, Value};

use super::{Field, Slots, wrong_type};
use letters::{
    contradiction, counted, keyed, labelled, letters_of, letters_under_other_keys,
    refuse_shuffled_counts, refuse_shuffled_numbers,
};
use lines::lines_of;
use written::{ANSWER_COUNT, COUNT_KEYS, Read, ReadAll, TEXT_KEYS, option};

/// Keys under which its letter stands.
const LABEL_KEYS: [&str; 6] = ["label", "letter", "key", "option_label", "symbol", "option"];
/// Where the options stand.
#[derive(Clone, Debug)]
pub(crate) enum OptionsMapping {
    /// All in one column: a list of texts, a list of `{letter, content}`, an object `{A: …, B: …}`.
    Column(Field),
    /// Each in a column of its own, with the letter that its name ends in, or that its place has.
    Columns {
        fields: Vec<Field>,
        labels: Vec<String>,
    },
}

impl OptionsMapping {
    /// Options in columns of their own.
    pub(crate) fn columns(fields: Vec<Field>) -> Self {
        let names: Vec<&str> = fields
            .iter()
            .map(|field| field.first_name().rsplit('.').next().unwrap_or_default())
            .collect();
        let letters = letters_of(&names).filter(|letters| {
            letters
                .iter()
                .all(|letter| letter.bytes().all(|byte| byte.is_ascii_alphabetic()))
        });
        let counted = || {
            (0..names.len())
                .map(|place| option_label(place).into_owned())
                .collect()
        };
        let labels = letters.map_or_else(counted, |letters| {
            letters
                .iter()
                .map(|letter| letter.to_ascii_uppercase())
                .collect()
        });
        Self::Columns { fields, labels }
    }

    pub(super) fn fields(&self) -> &[Field] {
        match self {
            Self::Column(field) => std::slice::from_ref(field),
            Self::Columns { fields, .. } => fields,
        }
    }

    /// The options in the row's order, each with the row's own letter, or one that counts them.
    pub(super) fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<Vec<Choice<'r>>, Fault> {
        let options = match self {
            // A column keeps its letter, whether the one before it is empty or not.
            Self::Columns { fields, labels } => labels
                .iter()
                .zip(fields)
                .map(|(label, field)| {
                    let text = option(field.lenient(slots)?, &field.label)?;
                    let label = Some(Cow::Owned(label.clone()));
                    Ok(Read { label, text })
                })
                .collect::<ReadAll<'_>>()?,
            Self::Column(field) => match field.lenient(slots)? {
                Some(value) => in_one_value(value, &field.label)?,
                None => Vec::new(),
            },
        };
        if options.iter().any(|option| option.label.is_some()) {
            labelled(options)
        } else {
            counted(options)
        }
    }
}

fn in_one_value<'r>(value: &'r Value<'_>, label: &str) -> ReadAll<'r> {
    match value {
        Value::List(values) => listed(values, label),
        Value::Struct(fields) => match lists_of(value)? {
            Some((labels, texts)) => side_by_side(labels, texts, label),
            None => keyed(fields, label),
        },
        Value::Text(_) if !value.is_filled() => Ok(Vec::new()),
        Value::Text(text) => match lines_of(text) {
            Some(lines) => {
                let read = |line| Read {
                    label: None,
                    text: Some(line),
                };
                Ok(lines.into_iter().map(read).collect())
            }
            None => Err(no_options(label, value)),
        },
        other => Err(no_options(label, other)),
    }
}

fn no_options(label: &str, value: &Value<'_>) -> Fault {
    let wanted = "a list or object of options, or text that says one,";
    wrong_type(label, value, wanted)
}

/// The options of a list: texts, or objects that hold one each.
fn listed<'r>(values: &'r [Value<'_>], label: &str) -> ReadAll<'r> {
    let mut options = Vec::with_capacity(values.len());
    for value in values {
        options.push(match value {
            Value::Struct(fields) => object(value, fields, label)?,
            _ => Read {
                label: None,
                text: option(Some(value), label)?,
            },
        });
    }
    if options.iter().all(|option| option.label.is_none()) {
        letters_under_other_keys(values, &mut options);
        refuse_shuffled_counts(values)?;
    }
    Ok(options)
}

/// An option that is an object: `{label, text}`, or `{A: text}`.
fn object<'r>(
    value: &'r Value<'_>,
    fields: &'r [(Cow<'_, str>, Value<'_>)],
    label: &str,
) -> Result<Read<'r>, Fault> {
    if let Some((key, text)) = text_in(value)? {
        let text = option(Some(text), label)?;
        return Ok(Read {
            label: label_in(value, key)?,
            text,
        });
    }
    let given = || fields.iter().filter(|(_, text)| *text != Value::Null);
    if let Some((key, text)) = given().next().or(fields.first())
        && given().count() <= 1
        && let Some(key) = key_label(key)
    {
        let text = option(Some(text), label)?;
        return Ok(Read {
            label: Some(Cow::Borrowed(key)),
            text,
        });
    }
    let keys = TEXT_KEYS.map(|key| format!("`{key}`")).join(", ");
    let detail = format!("an option of {label} is an object without any of {keys}");
    Err(Fault::new(Reason::MissingField, detail))
}

/// The key of an option's text, and the text; a null one gives way to a later key, for in Parquet and Arrow the
/// objects of a file all have the keys of all. What may be a letter takes no text's place.
fn text_in<'r>(value: &'r Value<'_>) -> Result<Option<(&'static str, &'r Value<'r>)>, Fault> {
    let mut found = None;
    for key in TEXT_KEYS {
        match value.field(key)? {
            None => {}
            Some(Value::Text(text)) if found.is_some() && key == "option" && is_label(text) => {}
            Some(Value::Null) => {
                found.get_or_insert((key, &Value::Null));
            }
            Some(text) => return Ok(Some((key, text))),
        }
    }
    Ok(found)
}

/// The letter or number of an option whose text stands under `text_key`.
fn label_in<'r>(value: &'r Value<'_>, text_key: &str) -> Result<Option<Cow<'r, str>>, Fault> {
    for key in LABEL_KEYS.into_iter().filter(|key| *key != text_key) {
        let label = match value.field(key)? {
            None | Some(Value::Null) => continue,
            Some(Value::Text(text) | Value::Integer(text)) if key_label(text).is_some() => {
                key_label(text).unwrap_or_default()
            }
            Some(_) => {
                return Err(contradiction(
                    "an option's letter is neither letter nor number",
                ));
            }
        };
        return Ok(Some(Cow::Borrowed(label)));
    }
    match value.field("id")? {
        Some(Value::Text(text)) if is_label(text) => Ok(Some(Cow::Borrowed(text.trim()))),
        _ => Ok(None), // a number may count, and any other name of an option changes nothing
    }
}

type Lists<'r> = (Option<&'r [Value<'r>]>, &'r [Value<'r>]);

/// Labels and texts that stand in two lists: `{"label": […], "text": […]}`.
fn lists_of<'r>(value: &'r Value<'_>) -> Result<Option<Lists<'r>>, Fault> {
    for key in TEXT_KEYS {
        let Some(Value::List(texts)) = value.field(key)? else {
            continue;
        };
        for label in LABEL_KEYS
            .into_iter()
            .chain(COUNT_KEYS)
            .filter(|label| *label != key)
        {
            if let Some(Value::List(labels)) = value.field(label)? {
                return Ok(Some((Some(labels), texts)));
            }
        }
        if let Some(Value::List(numbers)) = value.field(ANSWER_COUNT)? {
            refuse_shuffled_numbers(numbers.iter())?;
        }
        return Ok(Some((None, texts)));
    }
    Ok(None)
}

fn side_by_side<'r>(
    labels: Option<&'r [Value<'_>]>,
    texts: &'r [Value<'_>],
    label: &str,
) -> ReadAll<'r> {
    let Some(labels) = labels else {
        return listed(texts, label);
    };
    if labels.len() != texts.len() {
        return Err(contradiction(
            "there are more letters than options, or fewer",
        ));
    }
    let mut options = Vec::with_capacity(texts.len());
    for (own, text) in labels.iter().zip(texts) {
        let own = match own {
            Value::Text(own) | Value::Integer(own) if key_label(own).is_some() => {
                Cow::Borrowed(key_label(own).unwrap_or_default())
            }
            _ => {
                return Err(contradiction(
                    "an option's letter is neither letter nor number",
                ));
            }
        };
        options.push(Read {
            label: Some(own),
            text: option(Some(text), label)?,
        });
    }
    Ok(options)
}
