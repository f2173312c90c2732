//! A mapping as it is written becomes one that reads rows.

use crate::error::TraceError;
use crate::read::arrow::Binary;
use crate::read::{
    AnswerMapping, BodyMapping, ColumnTemplate, ConversationMapping, Field, ImagesMapping,
    OptionsMapping, QuestionMapping, ResponseSource, Responses, Role,
};

use super::rules::{check_keys, check_questions, no_response};
use super::spec::{Column, Columns, Messages, Spec};
use super::{GUARDS, Mapping, Pictures};

impl TryFrom<Spec> for Mapping {
    type Error = TraceError;

    fn try_from(spec: Spec) -> Result<Self, TraceError> {
        check_keys(&spec)?;
        compile(spec, Wanted::Traces)
    }
}

/// What rows are read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Traces,
    Questions,
}

/// A mapping whose rows give what is asked, and nothing that is learned.
pub(super) fn questions_only(mut spec: Spec) -> Result<Mapping, TraceError> {
    spec.response = None;
    spec.responses = None;
    spec.reasoning = None;
    spec.finish_reason = None;
    check_questions(&spec)?;
    let mut mapping = compile(spec, Wanted::Questions)?;
    mapping.guarded = mapping.mapped;
    if mapping.images.is_some() {
        // A picture beside those that are mapped is nothing that is asked.
        mapping.pictures = Pictures::In(Vec::new());
        mapping.searched.clear();
    } else {
        mapping.pictures = Pictures::LeftOut;
    }
    Ok(mapping)
}

fn compile(spec: Spec, wanted: Wanted) -> Result<Mapping, TraceError> {
    let mut keys = Vec::new();
    let id = optional(spec.id.as_ref(), &mut keys)?;
    let system = optional(spec.system.as_ref(), &mut keys)?;
    let body = match &spec.messages {
        Some(messages) => {
            let conversation = conversation(messages, wanted, &mut keys)?;
            BodyMapping::Conversation(conversation)
        }
        None => BodyMapping::Question(question(&spec, wanted, &mut keys)?),
    };
    // Columns of images that are left out are no others than those that nobody maps.
    let leaves_out = spec.image_columns.as_ref().is_some_and(Vec::is_empty);
    let images = match &spec.images {
        Some(columns) if !leaves_out => Some(images(columns, &mut keys)?),
        _ => None,
    };
    let asked = spec.columns.iter().map(|column| field(column, &mut keys));
    let asked = asked.collect::<Result<_, _>>()?;
    let finish_reason = optional(spec.finish_reason.as_ref(), &mut keys)?;
    let mapped = keys.len();
    add_guards(&body, &mut keys);
    let guarded = keys.len();
    let pictures = pictures(spec.image_columns, images.as_ref(), &mut keys);
    let structured = body.structured();
    let mut mapping = Mapping {
        keys,
        mapped,
        guarded,
        searched: Vec::new(),
        spoken_keys: Vec::new(),
        binary: Vec::new(),
        image_keys: Vec::new(),
        images,
        pictures,
        id,
        system,
        body,
        asked,
        finish_reason,
        dotted: Vec::new(),
        structured,
        given: Vec::new(),
    };
    mapping.find_searched();
    mapping.find_image_keys();
    mapping.binary = mapping.find_binary();
    mapping.dotted = mapping.find_dotted();
    Ok(mapping)
}

/// Where pictures are looked for that nobody maps.
fn pictures(
    columns: Option<Vec<String>>,
    images: Option<&ImagesMapping>,
    keys: &mut Vec<String>,
) -> Pictures {
    match columns {
        None => Pictures::Everywhere,
        Some(columns) if columns.is_empty() => Pictures::LeftOut,
        Some(columns) => {
            let is_mapped = |name: &str| {
                let mut fields = images.iter().flat_map(|images| &images.fields);
                fields.any(|field| field.is_named(name))
            };
            let named = columns
                .iter()
                .filter(|name| !is_mapped(name))
                .map(|name| Field::new(&[name], false, keys));
            Pictures::In(named.collect())
        }
    }
}

impl Mapping {
    /// The fields whose names may lead into an object that a text says. One that only says something of traces leaves a
    /// text alone that traces are made of.
    fn find_dotted(&self) -> Vec<Field> {
        let of_traces: Vec<usize> = self.fields_of_traces().flat_map(Field::keys).collect();
        let is_free = |field: &&Field| !field.keys().any(|key| of_traces.contains(&key));
        let beside = self.fields_beside().filter(is_free);
        let fields = self.fields_of_traces().chain(beside);
        fields.filter(|field| field.is_dotted()).cloned().collect()
    }

    /// What becomes of binary values: those of columns of images and of turns may be images.
    fn find_binary(&self) -> Vec<Binary> {
        let images = self.images.iter().flat_map(|images| &images.fields);
        let turns = match &self.body {
            BodyMapping::Conversation(conversation) => Some(conversation.fields()),
            BodyMapping::Question(_) => None,
        };
        let mut binary = vec![Binary::Text; self.mapped];
        if !matches!(self.pictures, Pictures::LeftOut) {
            for key in turns.into_iter().flatten().flat_map(Field::keys) {
                binary[key] = Binary::TextOrImage;
            }
            for key in images.flat_map(Field::keys) {
                binary[key] = Binary::ImageOrText;
            }
        }
        binary
    }
}

fn images(columns: &Columns, keys: &mut Vec<String>) -> Result<ImagesMapping, TraceError> {
    let fields = columns.all().map(|column| field(column, keys));
    let mut fields = fields.collect::<Result<Vec<_>, _>>()?;
    // A set numbers as many columns as its longest row needs.
    fields
        .iter_mut()
        .skip(1)
        .for_each(|field| field.optional = true);
    Ok(ImagesMapping { fields })
}

fn question(
    spec: &Spec,
    wanted: Wanted,
    keys: &mut Vec<String>,
) -> Result<QuestionMapping, TraceError> {
    let columns = spec.question.iter().flat_map(Columns::all);
    let question = columns
        .map(|column| field(column, keys))
        .collect::<Result<Vec<_>, _>>()?;
    if question.is_empty() {
        return Err(TraceError::mapping("`question` is an empty list"));
    }
    let options = match &spec.options {
        None => None,
        Some(Columns::One(column)) => Some(OptionsMapping::Column(field(column, keys)?)),
        Some(Columns::Several(columns)) => {
            let fields = columns.iter().map(|column| field(column, keys));
            Some(OptionsMapping::columns(fields.collect::<Result<_, _>>()?))
        }
    };
    let answer = optional(spec.answer.as_ref(), keys)?.map(|field| AnswerMapping {
        field,
        is: spec.answer_is.unwrap_or_default(),
        until: spec.answer_until.clone(),
        refuses: wanted == Wanted::Traces,
    });
    let history = optional(spec.history.as_ref(), keys)?;
    let responses = match wanted {
        Wanted::Traces => responses(spec, keys)?,
        Wanted::Questions => Responses::None,
    };
    Ok(QuestionMapping {
        question,
        options,
        answer,
        history,
        responses,
    })
}

fn responses(spec: &Spec, keys: &mut Vec<String>) -> Result<Responses, TraceError> {
    if let Some(responses) = &spec.responses {
        return Ok(Responses::Many(field(responses, keys)?));
    }
    let Some(response) = &spec.response else {
        return Err(no_response());
    };
    Ok(Responses::One {
        reasoning: optional(spec.reasoning.as_ref(), keys)?,
        response: response_source(response, keys)?,
    })
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
    // Next to a conversation or a completion a boolean says whether it is a good one.
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
    wanted: Wanted,
    keys: &mut Vec<String>,
) -> Result<ConversationMapping, TraceError> {
    let detailed = messages.detailed();
    let mut roles = ConversationMapping::default_roles();
    for (name, role) in &detailed.roles {
        let Some(role) = Role::named(role) else {
            return Err(TraceError::mapping(format!(
                "role `{name}` becomes `{role}`, which is not one of `system`, `user`, `assistant`, `tool`"
            )));
        };
        roles.retain(|(known, _)| known != name);
        roles.push((name.clone(), role));
    }
    let names = |column: &Column| column.names().map(str::to_owned).collect();
    let context = optional(detailed.context.as_ref(), keys)?;
    let asked_alone = wanted == Wanted::Questions;
    let mut column = field(&detailed.column, keys)?;
    // What answers the context is not read then.
    column.optional |= asked_alone && context.is_some();
    Ok(ConversationMapping {
        column,
        context,
        asked_alone,
        role: names(&detailed.role),
        content: names(&detailed.content),
        roles,
    })
}

fn optional(column: Option<&Column>, keys: &mut Vec<String>) -> Result<Option<Field>, TraceError> {
    column.map(|column| field(column, keys)).transpose()
}

fn field(column: &Column, keys: &mut Vec<String>) -> Result<Field, TraceError> {
    let names: Vec<&str> = column.names().collect();
    if names.is_empty() || names.contains(&"") {
        return Err(TraceError::mapping("a column's name is empty"));
    }
    Ok(Field::new(&names, column.is_optional(), keys))
}
