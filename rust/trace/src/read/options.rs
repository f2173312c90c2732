//! Answer options in the shapes that sources write them, with their letters.

use std::borrow::Cow;

use crate::label::{is_label, key_label, label_options, option_label, split_labels};
use crate::row::{Choice, Reason};
use crate::value::{Fault, Value};

use super::{Field, Slots, short_text, wrong_type};

/// Keys under which an option's text stands when options are objects.
const TEXT_KEYS: [&str; 5] = ["content", "text", "value", "option_text", "option"];
/// Keys under which its letter stands.
const LABEL_KEYS: [&str; 6] = ["label", "letter", "key", "option_label", "symbol", "option"];
/// Keys under which a number may stand that merely counts.
const COUNT_KEYS: [&str; 4] = ["id", "index", "idx", "option_id"];

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

/// An option as it stands in the row: its own label, where it has one, and its text, where there is any.
struct Read<'r> {
    label: Option<Cow<'r, str>>,
    text: Option<&'r str>,
}

type ReadAll<'r> = Result<Vec<Read<'r>>, Fault>;

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

/// Options that have labels apart from their texts; those without a text are left out.
fn labelled(options: Vec<Read<'_>>) -> Result<Vec<Choice<'_>>, Fault> {
    let mut choices: Vec<Choice<'_>> = Vec::with_capacity(options.len());
    for option in options {
        let Some(text) = option.text else { continue };
        let Some(label) = option.label else {
            return Err(contradiction(
                "some options have a letter and some have none",
            ));
        };
        if choices
            .iter()
            .any(|other| other.label.eq_ignore_ascii_case(&label))
        {
            return Err(contradiction("two options have one letter"));
        }
        choices.push(Choice {
            label,
            text,
            written: text,
        });
    }
    // `{"A": "A. x"}` says each letter twice.
    let texts: Vec<&str> = choices.iter().map(|choice| choice.text).collect();
    let Some(split) = split_labels(&texts) else {
        return Ok(choices);
    };
    let agrees = |(choice, own): (&Choice<'_>, &crate::label::Labelled<'_>)| {
        choice.label.eq_ignore_ascii_case(own.label)
    };
    if choices.iter().zip(&split).all(agrees) {
        for (choice, own) in choices.iter_mut().zip(split) {
            choice.text = own.text;
        }
    } else if !split.iter().any(|own| own.after_stop) {
        return Err(contradiction(
            "an option has one letter before its text and another in its key",
        ));
    }
    Ok(choices)
}

/// Options that are texts alone. Empty ones at the end are left out; one before an option would shift its letter.
fn counted(options: Vec<Read<'_>>) -> Result<Vec<Choice<'_>>, Fault> {
    let given = options
        .iter()
        .rposition(|option| option.text.is_some())
        .map_or(0, |last| last + 1);
    let texts: Option<Vec<&str>> = options
        .iter()
        .take(given)
        .map(|option| option.text)
        .collect();
    let Some(texts) = texts else {
        let detail =
            "an option is empty or null and another follows it, so its letter is uncertain";
        return Err(Fault::new(Reason::NullField, detail));
    };
    label_options(&texts)
        .ok_or_else(|| contradiction("the options begin with letters that may be theirs or not"))
}

fn contradiction(detail: &str) -> Fault {
    Fault::new(Reason::OptionLabels, detail)
}

fn in_one_value<'r>(value: &'r Value<'_>, label: &str) -> ReadAll<'r> {
    match value {
        Value::List(values) => listed(values, label),
        Value::Struct(fields) => match lists_of(value)? {
            Some((labels, texts)) => side_by_side(labels, texts, label),
            None => keyed(fields, label),
        },
        Value::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
        other => Err(wrong_type(
            label,
            other,
            "a list or object of options, or text that says one,",
        )),
    }
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

/// Gives options the letters that all of them have under a key that is not known to hold any.
fn letters_under_other_keys<'r>(values: &'r [Value<'_>], options: &mut [Read<'r>]) {
    let Some(Value::Struct(first)) = values.first() else {
        return;
    };
    let letter = |value: &'r Value<'_>, key: &str| match value.field(key) {
        Ok(Some(Value::Text(text))) => {
            key_label(text).filter(|letter| letter.bytes().all(|byte| byte.is_ascii_alphabetic()))
        }
        _ => None,
    };
    for (key, _) in first
        .iter()
        .filter(|(key, _)| !TEXT_KEYS.contains(&key.as_ref()))
    {
        let letters: Option<Vec<&str>> = values.iter().map(|value| letter(value, key)).collect();
        let Some(letters) = letters else { continue };
        let mut distinct = letters.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() == letters.len() && letters.len() > 1 {
            for (option, letter) in options.iter_mut().zip(letters) {
                option.label = Some(Cow::Borrowed(letter));
            }
            return;
        }
    }
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

/// Refuses options whose numbers are not those of their places: which letter each has is then uncertain.
fn refuse_shuffled_counts(values: &[Value<'_>]) -> Result<(), Fault> {
    for key in COUNT_KEYS {
        let mut numbers = Vec::new();
        for value in values {
            match value.field(key)? {
                Some(Value::Integer(number)) => numbers.push(number.parse::<usize>().ok()),
                _ => break,
            }
        }
        let counts = |first: usize| {
            (first..)
                .zip(&numbers)
                .all(|(place, number)| *number == Some(place))
        };
        // Numbers of which one or two are missing count as well; larger ones name the options and count nothing.
        let near = |number: &Option<usize>| number.is_some_and(|number| number < values.len() + 2);
        let complete = numbers.len() == values.len() && numbers.len() > 1;
        if complete && numbers.iter().all(near) && !counts(0) && !counts(1) {
            return Err(contradiction(
                "the options are numbered in another order than they stand in",
            ));
        }
    }
    Ok(())
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

/// The options of an object by its keys, in the row's order: letters, numbers, or names that end in one.
/// Null ones are none, whatever their keys: those of other rows of a Parquet file.
fn keyed<'r>(fields: &'r [(Cow<'_, str>, Value<'_>)], label: &str) -> ReadAll<'r> {
    refuse_twice(fields, label)?;
    let fields: Vec<_> = fields
        .iter()
        .filter(|(_, text)| *text != Value::Null)
        .collect();
    let keys: Vec<&str> = fields.iter().map(|(key, _)| key.as_ref()).collect();
    let Some(labels) = letters_of(&keys) else {
        return Err(contradiction(
            "the keys of the options are neither letters nor numbers",
        ));
    };
    let read = |(own, (_, text)): (String, &'r (Cow<'_, str>, Value<'_>))| {
        Ok(Read {
            label: Some(Cow::Owned(own)),
            text: option(Some(text), label)?,
        })
    };
    labels.into_iter().zip(fields).map(read).collect()
}

/// The letters or numbers that names are, or that several names of one stem end in.
fn letters_of(names: &[&str]) -> Option<Vec<String>> {
    let whole: Option<Vec<_>> = names.iter().map(|name| key_label(name)).collect();
    if let Some(labels) = whole {
        return Some(labels.into_iter().map(str::to_owned).collect());
    }
    let endings: Vec<&str> = names
        .iter()
        .map(|name| ending(name))
        .collect::<Option<_>>()?;
    let mut stems: Vec<&str> = names
        .iter()
        .zip(&endings)
        .map(|(name, end)| &name[..name.len() - end.len()])
        .collect();
    stems.dedup();
    // A name alone may end in any letter: only a mark before it sets it apart.
    let apart = |stem: &&str| stem.ends_with(['_', '-', ' ', '.']);
    let one_stem = stems.len() == 1 && (names.len() > 1 || stems.iter().all(apart));
    one_stem.then(|| endings.iter().map(|end| end.to_ascii_uppercase()).collect())
}

fn refuse_twice(fields: &[(Cow<'_, str>, Value<'_>)], label: &str) -> Result<(), Fault> {
    let mut keys: Vec<&str> = fields.iter().map(|(key, _)| key.as_ref()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        let detail = format!("a key of {label} occurs twice");
        return Err(Fault::new(Reason::DuplicateKey, detail));
    }
    Ok(())
}

/// The letter or number at the end of a name such as `option_a`, `opb` or `Choice 10`.
fn ending(key: &str) -> Option<&str> {
    let digits = key.len()
        - key
            .trim_end_matches(|last: char| last.is_ascii_digit())
            .len();
    let letter = key.chars().next_back()?.is_ascii_alphabetic();
    let length = if digits > 0 {
        digits
    } else {
        usize::from(letter)
    };
    (length > 0 && length < key.len()).then(|| &key[key.len() - length..])
}

/// The text of an option, if there is any.
fn option<'r>(value: Option<&'r Value<'_>>, label: &str) -> Result<Option<&'r str>, Fault> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Ok(Some(short_text(value, label)?).filter(|text| !text.is_empty())),
    }
}
