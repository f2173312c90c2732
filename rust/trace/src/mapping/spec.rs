//! The mapping as it is written, before it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::read::AnswerIs;

/// The written mapping.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) id: Option<Column>,
    pub(super) question: Option<Columns>,
    pub(super) options: Option<Columns>,
    pub(super) answer: Option<Column>,
    pub(super) answer_is: Option<AnswerIs>,
    pub(super) answer_until: Option<String>,
    pub(super) history: Option<Column>,
    pub(super) response: Option<Column>,
    pub(super) responses: Option<Column>,
    pub(super) reasoning: Option<Column>,
    pub(super) messages: Option<Messages>,
    pub(super) system: Option<Column>,
    pub(super) images: Option<Columns>,
    /// The folder of images, which what reads them takes out before rows are read.
    #[expect(dead_code, reason = "a key of formats that rows are not asked for")]
    image_root: Option<String>,
    pub(super) image_columns: Option<Vec<String>>,
    /// Columns by which a recipe decides what is kept.
    #[serde(default)]
    pub(super) columns: Vec<Column>,
    pub(super) finish_reason: Option<Column>,
    /// Columns of the format's published sets that change nothing: for `check`, which names all others.
    #[serde(default)]
    #[expect(dead_code, reason = "a key of presets that rows are not asked for")]
    unused: Vec<String>,
}

/// One column, under one or several names.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a column is a name, or an object with `any_of` and `optional`"
)]
pub(super) enum Column {
    Name(String),
    AnyOf(AnyOf),
}

/// Names of a column, of which the first that a row has counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnyOf {
    any_of: Vec<String>,
    #[serde(default)]
    optional: bool,
}

impl Column {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Name(name) => std::slice::from_ref(name),
            Self::AnyOf(names) => &names.any_of,
        }
        .iter()
        .map(String::as_str)
    }

    pub(super) fn is_optional(&self) -> bool {
        matches!(self, Self::AnyOf(AnyOf { optional: true, .. }))
    }

    fn any_of(names: &[&str]) -> Self {
        let any_of = names.iter().map(ToString::to_string).collect();
        Self::AnyOf(AnyOf {
            any_of,
            optional: false,
        })
    }
}

/// One column or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a column is a name, a list of columns, or an object with `any_of` and `optional`"
)]
pub(super) enum Columns {
    One(Column),
    Several(Vec<Column>),
}

impl Columns {
    pub(super) fn all(&self) -> impl Iterator<Item = &Column> {
        match self {
            Self::One(column) => std::slice::from_ref(column),
            Self::Several(columns) => columns,
        }
        .iter()
    }
}

/// The column of conversations.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`messages` is a column, or an object with `column`, `context`, `role`, `content` and `roles`"
)]
pub(super) enum Messages {
    Column(Column),
    Detailed(Detailed),
}

/// A column of conversations, its keys and its roles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Detailed {
    pub(super) column: Column,
    #[serde(default)]
    pub(super) context: Option<Column>,
    #[serde(default = "default_role")]
    pub(super) role: Column,
    #[serde(default = "default_content")]
    pub(super) content: Column,
    #[serde(default)]
    pub(super) roles: BTreeMap<String, String>,
}

impl Messages {
    pub(super) fn detailed(&self) -> Detailed {
        match self {
            Self::Detailed(detailed) => detailed.clone(),
            Self::Column(column) => Detailed {
                column: column.clone(),
                context: None,
                role: default_role(),
                content: default_content(),
                roles: BTreeMap::new(),
            },
        }
    }
}

fn default_role() -> Column {
    Column::any_of(&["role"])
}

fn default_content() -> Column {
    Column::any_of(&["content"])
}
