//! The mapping of a source's columns to what a trace needs, as the recipe or a preset writes it.

mod columns;
mod spec;

use crate::error::{TraceError, nearest};
use crate::picture;
use crate::read::{
    BodyMapping, ColumnTemplate, ConversationMapping, Field, OptionsMapping, QuestionMapping,
    ResponseSource, Responses, Role,
};

use spec::{Column, Columns, Messages, Spec};

/// Which columns hold what, checked and ready to read rows with.
///
/// Read from JSON with the keys `id`, `question`, `options`, `answer`, `history`, `response`, `responses`,
/// `reasoning`, `messages`, `system`, `images`, `image_root`, `image_columns` and `unused`. A value is a column's
/// name (dots lead into structs and lists where no column has the literal name), a list of columns (`question`:
/// joined by a line break; `options`: one an option), or `{"any_of": [names], "optional": bool}` where
/// files differ; `response` may be a template over columns. `messages` may be
/// `{"column", "context", "role", "content", "roles"}`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(try_from = "Spec")]
pub struct Mapping {
    /// Distinct top-level names that rows are asked for: mapped columns, then those that must be empty, then
    /// named columns of pictures.
    pub(crate) keys: Vec<String>,
    /// How many of `keys` are mapped.
    pub(crate) mapped: usize,
    /// Where pictures are looked for, and what becomes of a row with one.
    pub(crate) pictures: Pictures,
    /// Indices of keys whose values may name a picture.
    pub(crate) searched: Vec<usize>,
    /// Names inside of these values that hold what the assistant says.
    pub(crate) spoken_keys: Vec<String>,
    pub(crate) id: Option<Field>,
    pub(crate) system: Option<Field>,
    pub(crate) body: BodyMapping,
    /// Fields with a name that may lead into a struct.
    pub(crate) dotted: Vec<Field>,
    /// Fields whose text may be JSON that says a list or object.
    pub(crate) structured: Vec<Field>,
}

/// Where pictures are looked for, and what becomes of a row that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// In every column; the row is rejected.
    Everywhere,
    /// In these columns alone; the row is rejected.
    In(Vec<String>),
    /// In every column; the row is packed without them, and counted.
    LeftOut,
}

/// Columns that say that a row is no example to learn from, or not alone.
const GUARDS: [&str; 7] = [
    "chosen",
    "rejected",
    "rejected_response",
    "rejected_messages",
    "kto_tag",
    "tools",
    "functions",
];

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
    /// Beside the mapped ones these are columns that would change what a row means; in all others only pictures
    /// are looked for, see [`Self::searches_pictures_in`].
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

    /// Whether a picture is looked for in a column that is not mapped.
    pub fn searches_pictures_in(&self, column: &str) -> bool {
        match &self.pictures {
            Pictures::In(columns) => columns.iter().any(|name| name == column),
            Pictures::Everywhere | Pictures::LeftOut => true,
        }
    }

    /// Whether a column's name alone says that pictures are in it.
    pub fn is_picture_name(column: &str) -> bool {
        picture::is_column_name(column)
    }

    /// Whether the recipe names this column as one of pictures.
    pub(crate) fn is_named_picture_column(&self, column: &str) -> bool {
        matches!(&self.pictures, Pictures::In(columns) if columns.iter().any(|name| name == column))
    }

    /// Whether pictures are looked for in the named columns alone.
    pub(crate) fn is_columns_only(&self) -> bool {
        matches!(self.pictures, Pictures::In(_))
    }

    /// Checks that a file with columns `names` has what the mapping needs. Several columns may be without a
    /// name, as an index or a delimiter at the end of each line makes them.
    ///
    /// # Errors
    /// [`TraceError::DuplicateColumns`], [`TraceError::MissingColumn`].
    pub fn check_columns<T: AsRef<str>>(&self, names: &[T]) -> Result<(), TraceError> {
        let mut sorted: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        sorted.sort_unstable();
        let mut columns: Vec<String> = sorted
            .windows(2)
            .filter(|pair| pair[0] == pair[1] && !self.may_repeat(pair[0]))
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

    /// Finds the values in which a picture may be named: all but those that the assistant says, and structs
    /// that hold such a value beside others.
    fn find_searched(&mut self) {
        let is_spoken = |key: &str| self.body.spoken().any(|field| field.is_named(key));
        self.searched = (0..self.keys.len())
            .filter(|&index| !is_spoken(&self.keys[index]))
            .collect();
        self.spoken_keys = self
            .body
            .spoken()
            .flat_map(Field::last_names)
            .map(str::to_owned)
            .collect();
    }

    /// Whether several columns of this name matter nothing.
    fn may_repeat(&self, name: &str) -> bool {
        name.trim().is_empty() && !self.keys.iter().any(|key| key == name)
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
        let pictures = match spec.image_columns {
            None => Pictures::Everywhere,
            Some(columns) if columns.is_empty() => Pictures::LeftOut,
            Some(columns) => Pictures::In(columns),
        };
        add_guards(&body, &pictures, &mut keys);
        let structured = body.structured();
        let mut mapping = Self {
            keys,
            mapped,
            searched: Vec::new(),
            spoken_keys: Vec::new(),
            pictures,
            id,
            system,
            body,
            dotted: Vec::new(),
            structured,
        };
        mapping.find_searched();
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
        ("history", spec.history.is_some()),
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
    let history = spec
        .history
        .as_ref()
        .map(|column| field(column, keys))
        .transpose()?;
    let responses = responses(spec, keys)?;
    Ok(QuestionMapping {
        question,
        options,
        answer,
        history,
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
            response: response_source(response, keys)?,
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

fn response_source(column: &Column, keys: &mut Vec<String>) -> Result<ResponseSource, TraceError> {
    match column {
        Column::Name(source) if ColumnTemplate::is_one(source) => {
            let template = ColumnTemplate::compile(source, keys)?;
            Ok(ResponseSource::Template(Box::new(template)))
        }
        column => Ok(ResponseSource::Column(field(column, keys)?)),
    }
}

/// Adds the columns that rows are asked for although the mapping does not name them.
fn add_guards(body: &BodyMapping, pictures: &Pictures, keys: &mut Vec<String>) {
    let mut add = |name: &str| {
        if !keys.iter().any(|key| key == name) {
            keys.push(name.to_owned());
        }
    };
    GUARDS.into_iter().for_each(&mut add);
    // Beside a conversation or a completion a truth value says whether it is a good one.
    let rated = match body {
        BodyMapping::Conversation(_) => true,
        BodyMapping::Question(_) => body
            .fields()
            .any(|field| field.first_name() == "completion"),
    };
    if rated {
        add("label");
    }
    if let Pictures::In(columns) = pictures {
        columns.iter().for_each(|name| add(name));
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
    let context = detailed
        .context
        .as_ref()
        .map(|column| field(column, keys))
        .transpose()?;
    Ok(ConversationMapping {
        column: field(&detailed.column, keys)?,
        context,
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
