//! The mapping of a source's columns to what a trace needs, as the recipe or a preset writes it.

mod columns;
mod spec;

use crate::error::{TraceError, nearest};
use crate::read::{
    BodyMapping, ConversationMapping, Field, OptionsMapping, QuestionMapping, Responses, Role,
};

use spec::{Column, Columns, Messages, Spec};

/// Which columns hold what, checked and ready to read rows with.
///
/// Read from JSON with the keys `id`, `question`, `options`, `answer`, `response`, `responses`,
/// `reasoning`, `messages`, `system`, `images`, `image_root` and `image_columns`. A value is a column's
/// name (dots lead into structs where no column has the literal name), a list of columns (`question`:
/// joined by a line break; `options`: one an option), or `{"any_of": [names], "optional": bool}` where
/// files differ. `messages` may be `{"column", "role", "content", "roles"}`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(try_from = "Spec")]
pub struct Mapping {
    /// Distinct top-level names that rows are asked for: mapped columns, then image columns.
    pub(crate) keys: Vec<String>,
    /// How many of `keys` are mapped; the rest are image columns.
    pub(crate) mapped: usize,
    pub(crate) id: Option<Field>,
    pub(crate) system: Option<Field>,
    pub(crate) body: BodyMapping,
    /// Fields with a name that may lead into a struct.
    pub(crate) dotted: Vec<Field>,
    /// Fields whose text may be JSON that says a list or object.
    pub(crate) structured: Vec<Field>,
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// [`TraceError::Mapping`] when it is no mapping, [`TraceError::Images`] when it maps images.
    pub fn from_json(json: &str) -> Result<Self, TraceError> {
        let spec: Spec = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
        Self::try_from(spec)
    }

    /// The columns of a file with columns `names` that must be read, in the file's order.
    ///
    /// Image columns are among them: that they are empty is checked row by row.
    pub fn columns_of<T: AsRef<str>>(&self, names: &[T]) -> Vec<String> {
        let wanted = |name: &&str| {
            self.keys[self.mapped..].iter().any(|key| key == name)
                || self.fields().any(|field| field.reads(name, names))
        };
        names
            .iter()
            .map(AsRef::as_ref)
            .filter(wanted)
            .map(str::to_owned)
            .collect()
    }

    /// Checks that a file with columns `names` has what the mapping needs.
    ///
    /// # Errors
    /// [`TraceError::DuplicateColumns`], [`TraceError::MissingColumn`].
    pub fn check_columns<T: AsRef<str>>(&self, names: &[T]) -> Result<(), TraceError> {
        let mut sorted: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        sorted.sort_unstable();
        let mut columns: Vec<String> = sorted
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .map(|pair| pair[0].to_owned())
            .collect();
        columns.dedup();
        if !columns.is_empty() {
            return Err(TraceError::DuplicateColumns { columns });
        }
        let Some(missing) = self
            .fields()
            .find(|field| !field.optional && !field.is_in(names))
        else {
            return Ok(());
        };
        let column = missing.first_name().to_owned();
        Err(TraceError::MissingColumn {
            nearest: nearest(&column, sorted.iter().copied()).map(str::to_owned),
            present: names.iter().map(|name| name.as_ref().to_owned()).collect(),
            column,
        })
    }

    /// All mapped fields.
    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.id.iter().chain(&self.system).chain(self.body.fields())
    }
}

impl TryFrom<Spec> for Mapping {
    type Error = TraceError;

    fn try_from(spec: Spec) -> Result<Self, TraceError> {
        for (key, value) in [("images", &spec.images), ("image_root", &spec.image_root)] {
            if value.is_some() {
                return Err(TraceError::Images {
                    place: format!("the mapping has `{key}`"),
                });
            }
        }
        let mut keys = Vec::new();
        let id = spec
            .id
            .as_ref()
            .map(|column| field(column, &mut keys))
            .transpose()?;
        let system = spec
            .system
            .as_ref()
            .map(|column| field(column, &mut keys))
            .transpose()?;
        let body = match &spec.messages {
            Some(messages) => {
                refuse_with_messages(&spec)?;
                BodyMapping::Conversation(conversation(messages, &mut keys)?)
            }
            None => BodyMapping::Question(question(&spec, &mut keys)?),
        };
        let mapped = keys.len();
        for name in spec.image_columns() {
            if !keys.contains(&name) {
                keys.push(name);
            }
        }
        let structured = body.structured();
        let mut mapping = Self {
            keys,
            mapped,
            id,
            system,
            body,
            dotted: Vec::new(),
            structured,
        };
        mapping.dotted = mapping
            .fields()
            .filter(|field| field.is_dotted())
            .cloned()
            .collect();
        Ok(mapping)
    }
}

fn wrong(message: impl Into<String>) -> TraceError {
    TraceError::Mapping {
        message: message.into(),
    }
}

fn refuse_with_messages(spec: &Spec) -> Result<(), TraceError> {
    let others = [
        ("question", spec.question.is_some()),
        ("options", spec.options.is_some()),
        ("answer", spec.answer.is_some()),
        ("response", spec.response.is_some()),
        ("responses", spec.responses.is_some()),
        ("reasoning", spec.reasoning.is_some()),
    ];
    match others.iter().find(|(_, is_set)| *is_set) {
        Some((key, _)) => Err(wrong(format!(
            "`messages` holds whole conversations, so `{key}` has no place"
        ))),
        None => Ok(()),
    }
}

fn question(spec: &Spec, keys: &mut Vec<String>) -> Result<QuestionMapping, TraceError> {
    let Some(columns) = &spec.question else {
        return Err(wrong("it has neither `messages` nor `question`"));
    };
    let question = columns
        .all()
        .map(|column| field(column, keys))
        .collect::<Result<Vec<_>, _>>()?;
    if question.is_empty() {
        return Err(wrong("`question` is an empty list"));
    }
    let options = match &spec.options {
        None => None,
        Some(Columns::One(column)) => Some(OptionsMapping::Column(field(column, keys)?)),
        Some(Columns::Several(columns)) => {
            let fields = columns.iter().map(|column| field(column, keys));
            Some(OptionsMapping::Columns(fields.collect::<Result<_, _>>()?))
        }
    };
    let answer = spec
        .answer
        .as_ref()
        .map(|column| field(column, keys))
        .transpose()?;
    let responses = responses(spec, keys)?;
    Ok(QuestionMapping {
        question,
        options,
        answer,
        responses,
    })
}

fn responses(spec: &Spec, keys: &mut Vec<String>) -> Result<Responses, TraceError> {
    match (&spec.response, &spec.responses, &spec.reasoning) {
        (Some(response), None, reasoning) => Ok(Responses::One {
            reasoning: reasoning
                .as_ref()
                .map(|column| field(column, keys))
                .transpose()?,
            response: field(response, keys)?,
        }),
        (None, Some(responses), None) => Ok(Responses::Many(field(responses, keys)?)),
        (None, Some(_), Some(_)) => Err(wrong(
            "`reasoning` goes with `response`; a list of `responses` holds its own reasoning",
        )),
        (Some(_), Some(_), _) => Err(wrong(
            "`response` is one column, `responses` a list: name one of them",
        )),
        (None, None, _) => Err(wrong("it has neither `response` nor `responses`")),
    }
}

fn conversation(
    messages: &Messages,
    keys: &mut Vec<String>,
) -> Result<ConversationMapping, TraceError> {
    let detailed = messages.detailed();
    let mut roles = ConversationMapping::default_roles();
    for (name, role) in &detailed.roles {
        let Some(role) = Role::named(role) else {
            return Err(wrong(format!(
                "role `{name}` becomes `{role}`, which is none of `system`, `user`, `assistant`, `tool`"
            )));
        };
        roles.retain(|(known, _)| known != name);
        roles.push((name.clone(), role));
    }
    let names = |column: &Column| column.names().map(str::to_owned).collect();
    Ok(ConversationMapping {
        column: field(&detailed.column, keys)?,
        role: names(&detailed.role),
        content: names(&detailed.content),
        roles,
    })
}

fn field(column: &Column, keys: &mut Vec<String>) -> Result<Field, TraceError> {
    let names: Vec<&str> = column.names().collect();
    if names.is_empty() || names.contains(&"") {
        return Err(wrong("a column's name is empty"));
    }
    Ok(Field::new(&names, column.is_optional(), keys))
}

#[cfg(test)]
mod tests;
