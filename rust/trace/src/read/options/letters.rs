//! The letters of options: found, compared with one another, and never guessed.

use std::borrow::Cow;

use crate::label::{Labelled, key_label, label_options, split_labels};
use crate::reason::Reason;
use crate::row::Choice;
use crate::value::{Fault, Value};

use super::written::{ANSWER_COUNT, COUNT_KEYS, Read, ReadAll, TEXT_KEYS, option};

/// Options that have labels apart from their texts; those without a text are left out.
pub(super) fn labelled(options: Vec<Read<'_>>) -> Result<Vec<Choice<'_>>, Fault> {
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
    let agrees =
        |(choice, own): (&Choice<'_>, &Labelled<'_>)| choice.label.eq_ignore_ascii_case(own.label);
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
pub(super) fn counted(options: Vec<Read<'_>>) -> Result<Vec<Choice<'_>>, Fault> {
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

pub(super) fn contradiction(detail: &str) -> Fault {
    Fault::new(Reason::OptionLabels, detail)
}

/// The options of an object by its keys, in the row's order: letters, numbers, or names that end in one.
/// Null ones are none, whatever their keys: those of other rows of a Parquet file.
pub(super) fn keyed<'r>(fields: &'r [(Cow<'_, str>, Value<'_>)], label: &str) -> ReadAll<'r> {
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
pub(super) fn letters_of(names: &[&str]) -> Option<Vec<String>> {
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

/// Gives options the letters that all of them have under a key that is not known to hold any.
pub(super) fn letters_under_other_keys<'r>(values: &'r [Value<'_>], options: &mut [Read<'r>]) {
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

/// Refuses options whose numbers are not those of their places: which letter each has is then uncertain.
pub(super) fn refuse_shuffled_counts(values: &[Value<'_>]) -> Result<(), Fault> {
    for key in COUNT_KEYS.into_iter().chain([ANSWER_COUNT]) {
        let numbers: Option<Vec<_>> = values
            .iter()
            .map(|value| value.field(key))
            .collect::<Result<_, _>>()?;
        if let Some(numbers) = numbers {
            refuse_shuffled_numbers(numbers.into_iter())?;
        }
    }
    Ok(())
}

/// The same of the numbers alone; where one is no number, they count nothing.
pub(super) fn refuse_shuffled_numbers<'r, 'a: 'r>(
    values: impl Iterator<Item = &'r Value<'a>>,
) -> Result<(), Fault> {
    let number = |value: &Value<'_>| match value {
        Value::Integer(number) => Some(number.parse::<usize>().ok()),
        _ => None,
    };
    let Some(numbers) = values.map(number).collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    let counts = |first: usize| {
        (first..)
            .zip(&numbers)
            .all(|(place, number)| *number == Some(place))
    };
    // Numbers of which one or two are missing count as well; larger ones name the options and count nothing.
    let near = |number: &Option<usize>| number.is_some_and(|number| number < numbers.len() + 2);
    if numbers.len() > 1 && numbers.iter().all(near) && !counts(0) && !counts(1) {
        return Err(contradiction(
            "the options are not numbered in the order in which they are listed",
        ));
    }
    Ok(())
}
