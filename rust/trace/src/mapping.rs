//! The mapping of a source's columns to what a trace needs, as the recipe or a preset writes it.

mod columns;
mod compile;
mod rules;
mod spec;

use crate::error::{TraceError, nearest};
use crate::picture;
use crate::read::arrow::Binary;
use crate::read::{BodyMapping, Field, ImagesMapping};
use crate::row::AnswerForm;

use spec::Spec;

/// Which columns hold what, checked and ready to read rows with.
///
/// Read from JSON with the keys `id`, `question`, `options`, `answer`, `answer_is`, `answer_until`, `history`,
/// `response`, `responses`, `reasoning`, `finish_reason`, `messages`, `system`, `images`, `image_root`,
/// `image_columns`, `columns` (those that a recipe asks for) and `unused`. A value is a column's
/// name (dots lead into structs and lists where no column has the literal name), a list of columns (`question`:
/// joined by a line break; `options`: one an option; `images`: in order), or `{"any_of": [names], "optional": bool}` where
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
    /// How many of `keys` are mapped or must be empty.
    pub(crate) guarded: usize,
    /// What becomes of binary values under each of the mapped keys.
    pub(crate) binary: Vec<Binary>,
    /// The mapped keys that hold images and nothing else.
    pub(crate) image_keys: Vec<usize>,
    /// The columns of images, unless images are left out.
    pub(crate) images: Option<ImagesMapping>,
    /// Where pictures are looked for that nobody maps, and what becomes of a row with one.
    pub(crate) pictures: Pictures,
    /// Indices of keys whose values may name a picture.
    pub(crate) searched: Vec<usize>,
    /// Names inside of these values that hold what the assistant says.
    pub(crate) spoken_keys: Vec<String>,
    pub(crate) id: Option<Field>,
    pub(crate) system: Option<Field>,
    pub(crate) body: BodyMapping,
    /// Columns that the recipe asks for.
    pub(crate) asked: Vec<Field>,
    /// Why a response ended.
    pub(crate) finish_reason: Option<Field>,
    /// Fields with a name that may lead into a struct.
    pub(crate) dotted: Vec<Field>,
    /// Fields whose text may be JSON that says a list or object.
    pub(crate) structured: Vec<Field>,
    /// Columns that rows have although their file does not.
    pub(crate) given: Vec<String>,
}

/// Where pictures are looked for, and what becomes of a row that has one.
#[derive(Clone, Debug)]
pub(crate) enum Pictures {
    /// In every column; the row is rejected.
    Everywhere,
    /// In these columns alone; the row is rejected.
    In(Vec<Field>),
    /// In every column; the row is packed without them, and counted.
    LeftOut,
}

/// Columns that say that a row is no example to learn from, or not alone.
const GUARDS: [&str; 12] = [
    "chosen",
    "rejected",
    "chosen_response",
    "rejected_response",
    "rejected_responses",
    "rejected_messages",
    "preferred_output",
    "non_preferred_output",
    "chosen_messages",
    "kto_tag",
    "tools",
    "functions",
];

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// [`TraceError::Mapping`] when it is no mapping.
    pub fn from_json(json: &str) -> Result<Self, TraceError> {
        Self::try_from(spec(json)?)
    }

    /// Reads a mapping of which only what is asked is wanted, as of an evaluation set: its rows give
    /// [`Body::Question`](crate::Body::Question) without responses, or nothing else than that is wrong with them.
    ///
    /// Columns of responses are not read, and may be missing. What refuses a row as an example to learn from refuses
    /// none here, nor do options that cannot be told apart, which are left out. Pictures that nobody maps are left out;
    /// those of mapped columns are images of the row.
    ///
    /// # Errors
    /// [`TraceError::Mapping`] when it is no mapping.
    pub fn questions_only(json: &str) -> Result<Self, TraceError> {
        compile::questions_only(spec(json)?)
    }

    /// Checks only that the keys of a mapping go together; a recipe's columns may be anything yet.
    ///
    /// # Errors
    /// [`TraceError::Mapping`].
    pub fn check_keys(json: &str) -> Result<(), TraceError> {
        rules::check_keys(&spec(json)?)
    }

    /// The columns of a file with columns `names` that must be read, in the file's order.
    ///
    /// Next to the mapped ones these are columns that would change what a row means; in all others only pictures
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

    /// The same mapping for a file whose place gives its rows these columns: it may be without them.
    #[must_use]
    pub fn with_given(&self, columns: Vec<String>) -> Self {
        Self {
            given: columns,
            ..self.clone()
        }
    }

    /// Whether a column of this name is mapped.
    pub fn maps(&self, column: &str) -> bool {
        self.keys[..self.mapped].iter().any(|key| key == column)
    }

    /// Whether a picture is looked for in a column that is not mapped.
    pub fn searches_pictures_in(&self, column: &str) -> bool {
        match &self.pictures {
            Pictures::In(_) => false,
            Pictures::Everywhere | Pictures::LeftOut => !column.is_empty(),
        }
    }

    /// Whether a column's name alone says that pictures are in it.
    pub fn is_picture_name(column: &str) -> bool {
        picture::is_column_name(column)
    }

    /// Whether a column's name has a word for pictures, which is a reason to look and no more.
    pub fn suggests_pictures(column: &str) -> bool {
        picture::suggests_pictures(column)
    }

    /// The columns of pictures that the recipe names.
    pub(crate) fn named_pictures(&self) -> &[Field] {
        match &self.pictures {
            Pictures::In(columns) => columns,
            Pictures::Everywhere | Pictures::LeftOut => &[],
        }
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
        let given = self.given.iter().map(String::as_str);
        let there: Vec<&str> = names.iter().map(AsRef::as_ref).chain(given).collect();
        let Some(missing) = self
            .fields()
            .chain(self.named_pictures())
            .find(|field| !field.optional && !field.is_in(&there))
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
    /// that hold such a value next to others.
    fn find_searched(&mut self) {
        let is_spoken = |key: &str| self.body.spoken().any(|field| field.is_named(key));
        let images = || self.images.iter().flat_map(|images| &images.fields);
        // Where images are mapped an id may be called as the file of one.
        let is_taken = |key: &str| {
            images().any(|field| field.is_named(key))
                || self.images.is_some() && self.id.iter().any(|field| field.is_named(key))
        };
        self.searched = (0..self.mapped)
            .filter(|&index| !is_spoken(&self.keys[index]) && !is_taken(&self.keys[index]))
            .collect();
        self.spoken_keys = self
            .body
            .spoken()
            .flat_map(Field::last_names)
            .chain(images().flat_map(Field::last_keys))
            .map(str::to_owned)
            .collect();
    }

    /// Finds the keys that hold images and nothing else.
    fn find_image_keys(&mut self) {
        let others = self.id.iter().chain(&self.system).chain(self.body.fields());
        let others = others.chain(self.fields_beside());
        let others: Vec<usize> = others.flat_map(Field::keys).collect();
        let images = self.images.iter().flat_map(|images| &images.fields);
        let keys = images.flat_map(Field::keys);
        self.image_keys = keys.filter(|key| !others.contains(key)).collect();
    }

    /// Whether several columns of this name matter nothing.
    fn may_repeat(&self, name: &str) -> bool {
        name.trim().is_empty() && !self.keys.iter().any(|key| key == name)
    }

    /// All mapped fields.
    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields_of_traces().chain(self.fields_beside())
    }

    /// The fields that traces are made of.
    fn fields_of_traces(&self) -> impl Iterator<Item = &Field> {
        let images = self.images.iter().flat_map(|images| &images.fields);
        self.id
            .iter()
            .chain(&self.system)
            .chain(self.body.fields())
            .chain(images)
    }

    /// The fields that only say something of them.
    fn fields_beside(&self) -> impl Iterator<Item = &Field> {
        self.asked.iter().chain(&self.finish_reason)
    }

    /// What the answers of rows are.
    pub(crate) fn answer_form(&self) -> AnswerForm {
        match &self.body {
            BodyMapping::Question(question) => question
                .answer
                .as_ref()
                .map_or(AnswerForm::Any, |answer| answer.is.form()),
            BodyMapping::Conversation(_) => AnswerForm::Any,
        }
    }
}

fn spec(json: &str) -> Result<Spec, TraceError> {
    serde_json::from_str(json).map_err(|error| TraceError::mapping(error.to_string()))
}

#[cfg(test)]
mod tests;
