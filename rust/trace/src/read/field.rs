//! A mapped column: its acceptable names, and the value that a row has under them.

use crate::reason::Reason;
use crate::value::{Fault, Value};

use super::Slots;

/// One thing that a mapping asks of a row.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Acceptable names, best first.
    paths: Vec<Path>,
    /// Whether a file or row may be without it.
    pub(crate) optional: bool,
    /// Its names in backticks, for messages.
    pub(crate) label: String,
}

/// A name that is a column's, or leads through structs.
#[derive(Clone, Debug)]
struct Path {
    name: String,
    /// Index of the whole name among the mapping's keys.
    literal: usize,
    /// Index of the part before the first dot, and the part after it.
    head: Option<(usize, String)>,
}

impl Field {
    /// A field of these names; what rows must be asked for is added to `keys`.
    pub(crate) fn new(names: &[&str], optional: bool, keys: &mut Vec<String>) -> Self {
        let mut index_of = |name: &str| {
            keys.iter().position(|key| key == name).unwrap_or_else(|| {
                keys.push(name.to_owned());
                keys.len() - 1
            })
        };
        let paths = names.iter().map(|&name| Path {
            name: name.to_owned(),
            literal: index_of(name),
            head: name
                .split_once('.')
                .map(|(head, rest)| (index_of(head), rest.to_owned())),
        });
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        Self {
            paths: paths.collect(),
            optional,
            label: quoted.join(" or "),
        }
    }

    /// The numbers among the mapping's keys of all that it is read from.
    pub(crate) fn keys(&self) -> impl Iterator<Item = usize> {
        let heads = |path: &Path| path.head.as_ref().map(|(head, _)| *head);
        self.paths
            .iter()
            .flat_map(move |path| std::iter::once(path.literal).chain(heads(path)))
    }

    /// The first name, for messages.
    pub(crate) fn first_name(&self) -> &str {
        &self.paths[0].name
    }

    /// Whether a name may lead into a struct.
    pub(crate) fn is_dotted(&self) -> bool {
        self.paths.iter().any(|path| path.head.is_some())
    }

    /// Whether a file with these columns has the field.
    pub(crate) fn is_in<T: AsRef<str>>(&self, names: &[T]) -> bool {
        self.paths.iter().any(|path| path.column(names).is_some())
    }

    /// Whether the field is read from column `name` of a file with columns `names`.
    pub(crate) fn reads<T: AsRef<str>>(&self, name: &str, names: &[T]) -> bool {
        self.paths
            .iter()
            .any(|path| path.column(names) == Some(name))
    }

    /// The value under the first name that is not null, else null, else nothing.
    pub(crate) fn find<'r, 'a>(
        &self,
        slots: &'r Slots<'a>,
    ) -> Result<Option<&'r Value<'a>>, Fault> {
        let mut found = None;
        for path in &self.paths {
            match path.find(slots)? {
                Some(Value::Null) | None if found.is_some() => {}
                Some(Value::Null) => found = Some(&Value::Null),
                None => {}
                value => return Ok(value),
            }
        }
        Ok(found)
    }

    /// The value, which may be null but not absent.
    pub(crate) fn present<'r, 'a>(&self, slots: &'r Slots<'a>) -> Result<&'r Value<'a>, Fault> {
        self.find(slots)?.ok_or_else(|| {
            Fault::new(
                Reason::MissingField,
                format!("the row has no {}", self.label),
            )
        })
    }

    /// The value, which may be neither null nor absent.
    pub(crate) fn required<'r, 'a>(&self, slots: &'r Slots<'a>) -> Result<&'r Value<'a>, Fault> {
        match self.present(slots)? {
            Value::Null => Err(Fault::new(
                Reason::NullField,
                format!("{} is null", self.label),
            )),
            value => Ok(value),
        }
    }

    /// Whether one of the names is this one.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path.name == name)
    }

    /// The last part of each name: the key of the value inside of its column.
    pub(crate) fn last_names(&self) -> impl Iterator<Item = &str> {
        self.paths
            .iter()
            .filter(|path| path.head.is_some())
            .filter_map(|path| path.name.rsplit('.').next())
    }

    /// The last part of each name that is no number of a place in a list.
    pub(crate) fn last_keys(&self) -> impl Iterator<Item = &str> {
        let is_key = |part: &&str| part.parse::<usize>().is_err();
        let dotted = self.paths.iter().filter(|path| path.head.is_some());
        dotted.filter_map(move |path| path.name.rsplit('.').find(is_key))
    }

    /// The value unless it is null, or absent where the mapping allows it.
    pub(crate) fn lenient<'r, 'a>(
        &self,
        slots: &'r Slots<'a>,
    ) -> Result<Option<&'r Value<'a>>, Fault> {
        let value = if self.optional {
            self.find(slots)?
        } else {
            Some(self.present(slots)?)
        };
        Ok(value.filter(|value| **value != Value::Null))
    }

    /// Turns JSON text under a head of a dotted name into the object it says.
    pub(crate) fn expand_heads(&self, slots: &mut Slots<'_>) {
        for path in &self.paths {
            let Some((head, _)) = &path.head else {
                continue;
            };
            if slots[path.literal].is_none()
                && let Some(value) = &mut slots[*head]
            {
                value.expand();
            }
        }
    }

    /// Turns JSON text under the names into the list or object it says.
    pub(crate) fn expand(&self, slots: &mut Slots<'_>, turns_alone: bool) {
        let expand = if turns_alone {
            Value::expand_turns
        } else {
            Value::expand
        };
        for path in &self.paths {
            if let Some(value) = &mut slots[path.literal] {
                expand(value);
            } else if let Some((head, rest)) = &path.head
                && let Some(value) = slots[*head]
                    .as_mut()
                    .and_then(|value| descend_mut(value, rest))
            {
                expand(value);
            }
        }
    }
}

impl Path {
    /// The column that the name means in a file with these columns.
    fn column<'n, T: AsRef<str>>(&self, names: &'n [T]) -> Option<&'n str> {
        let find = |wanted: &str| names.iter().map(AsRef::as_ref).find(|name| *name == wanted);
        find(&self.name).or_else(|| find(self.name.split_once('.')?.0))
    }

    fn find<'r, 'a>(&self, slots: &'r Slots<'a>) -> Result<Option<&'r Value<'a>>, Fault> {
        if let Some(value) = &slots[self.literal] {
            return Ok(Some(value));
        }
        match &self.head {
            Some((head, rest)) => match &slots[*head] {
                Some(value) => descend(value, rest),
                None => Ok(None),
            },
            None => Ok(None),
        }
    }
}

/// The value at `path` inside a struct or list; a field with the literal name comes first, as among columns,
/// and a number is an index from 0 into a list.
fn descend<'r, 'a>(value: &'r Value<'a>, path: &str) -> Result<Option<&'r Value<'a>>, Fault> {
    if *value == Value::Null {
        return Ok(Some(value));
    }
    if let Some(field) = value.field(path)? {
        return Ok(Some(field));
    }
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    let inner = match value {
        Value::List(values) => head.parse().ok().and_then(|index: usize| values.get(index)),
        _ if rest.is_some() => value.field(head)?,
        _ => None,
    };
    match (inner, rest) {
        (Some(inner), Some(rest)) => descend(inner, rest),
        (inner, _) => Ok(inner),
    }
}

/// As [`descend`], to change the value; of keys that occur twice it takes the first, and reading refuses.
fn descend_mut<'r, 'a>(value: &'r mut Value<'a>, path: &str) -> Option<&'r mut Value<'a>> {
    let split = path.split_once('.');
    let head = split.map_or(path, |(head, _)| head);
    let inner = match value {
        Value::List(values) => values.get_mut(head.parse::<usize>().ok()?)?,
        Value::Struct(fields) => {
            if let Some(index) = fields.iter().position(|(key, _)| key == path) {
                return Some(&mut fields[index].1);
            }
            split?;
            &mut fields.iter_mut().find(|(key, _)| key == head)?.1
        }
        _ => return None,
    };
    match split {
        Some((_, rest)) => descend_mut(inner, rest),
        None => Some(inner),
    }
}
