//! A mapping as it is written becomes one that reads rows.

use crate::error::TraceError;
use crate::read::{
    BodyMapping, ColumnTemplate, ConversationMapping, Field, OptionsMapping, QuestionMapping,
    ResponseSource, Responses, Role,
};

use super::spec::{Column, Columns, Messages, Spec};
use super::{GUARDS, Mapping, Pictures};

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
        add_guards(&body, &mut keys);
        let guarded = keys.len();
        let pictures = match spec.image_columns {
            None => Pictures::Everywhere,
            Some(columns) if columns.is_empty() => Pictures::LeftOut,
            Some(columns) => {
                let named = columns
                    .iter()
                    .map(|name| Field::new(&[name], false, &mut keys));
                Pictures::In(named.collect())
            }
        };
        let structured = body.structured();
        let mut mapping = Self {
            keys,
            mapped,
            guarded,
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

pub(super) fn wrong(message: impl Into<String>) -> TraceError {
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
            Some(OptionsMapping::columns(fields.collect::<Result<_, _>>()?))
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
fn add_guards(body: &BodyMapping, keys: &mut Vec<String>) {
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
