//! From the values of a row to the parts of its traces.

use std::borrow::Cow;

use crate::mapping::{Mapping, Pictures};
use crate::picture::{self, Picture};
use crate::read::{BodyMapping, Slots, optional_text};
use crate::row::{Body, ImagePlace, ImageRef, Reason};
use crate::value::{Fault, Value};

/// What a row says besides its place.
pub(crate) struct Parts<'r> {
    pub(crate) id: Option<Cow<'r, str>>,
    pub(crate) system: Option<Cow<'r, str>>,
    pub(crate) images: Vec<ImageRef>,
    pub(crate) body: Body<'r>,
}

impl Mapping {
    /// The parts of the traces of a row with values `slots`, of which `unmapped` columns hold a picture.
    pub(crate) fn read<'r>(
        &self,
        slots: &'r mut Slots<'_>,
        unmapped: Option<Picture>,
    ) -> Result<Parts<'r>, Fault> {
        self.refuse_guarded(slots)?;
        self.dotted
            .iter()
            .for_each(|field| field.expand_heads(slots));
        let turns_alone = self.body.has_context();
        self.structured
            .iter()
            .for_each(|field| field.expand(slots, turns_alone));
        let slots = &*slots;
        // A list says the same whether a row holds it as a list or as JSON in a text, so this comes after `expand`.
        let mut images = self.images_in_columns(slots, unmapped)?;
        // Nothing else of the row is read then, and nothing else that is wrong with it is its reason.
        self.check_images(&images)?;
        let system = optional_text(self.system.as_ref(), slots)?;
        let id = optional_text(self.id.as_ref(), slots)?;
        let (system, body) = match &self.body {
            BodyMapping::Question(question) => {
                let (body, placeholder) = question.read(slots)?;
                images.extend(placeholder);
                (system, body)
            }
            BodyMapping::Conversation(conversation) => {
                let read = conversation.read(slots)?;
                images.extend(read.images);
                let system = one_system(read.system, system)?;
                (system, Body::Conversation(read.turns))
            }
        };
        self.check_images(images.iter().chain(body.images()))?;
        Ok(Parts {
            id,
            system,
            images,
            body,
        })
    }

    /// Refuses a row with images, unless the mapping asks to leave them out: they cannot be packed.
    fn check_images<'i>(
        &self,
        images: impl IntoIterator<Item = &'i ImageRef>,
    ) -> Result<(), Fault> {
        match (&self.pictures, images.into_iter().next()) {
            (Pictures::Everywhere | Pictures::In(_), Some(image)) => Err(image.place.reject()),
            _ => Ok(()),
        }
    }

    /// Refuses a row by what is in columns that change what it means and that the mapping does not name.
    fn refuse_guarded(&self, slots: &Slots<'_>) -> Result<(), Fault> {
        let guards = self.keys.iter().zip(slots).take(self.guarded);
        for (key, slot) in guards.skip(self.mapped) {
            let Some(value) = slot.as_ref().filter(|value| value.is_filled()) else {
                continue;
            };
            let reason = match key.as_str() {
                "tools" | "functions" => Reason::ToolCalls,
                "label" if !is_truth(value) => continue,
                _ => Reason::PreferenceRow,
            };
            return Err(Fault::new(reason, format!("the row has `{key}`")));
        }
        Ok(())
    }

    /// The images that columns hold or name; those of columns that are not mapped come first.
    fn images_in_columns(
        &self,
        slots: &Slots<'_>,
        unmapped: Option<Picture>,
    ) -> Result<Vec<ImageRef>, Fault> {
        let unmapped = unmapped.map(|picture| ImageRef {
            place: ImagePlace::Unmapped(picture.column),
            hash: picture.hash,
        });
        let mut images: Vec<ImageRef> = unmapped.into_iter().collect();
        let mut add = |column: &str, hash: u64| {
            let place = ImagePlace::Column(column.into());
            images.push(ImageRef { place, hash });
        };
        for field in self.named_pictures() {
            if let Some(value) = field.find(slots)?.filter(|value| value.is_filled()) {
                add(
                    field.first_name(),
                    picture::search(value, true, &[]).unwrap_or(0),
                );
            }
        }
        let searched = if self.named_pictures().is_empty() {
            &self.searched[..]
        } else {
            &[]
        };
        for &index in searched {
            let Some(value) = &slots[index] else { continue };
            let hash = match value {
                // A question may speak of a file; a picture's name alone is no question.
                Value::Text(text) if !picture::is_lone_reference(text) => None,
                value => {
                    let in_column = picture::is_column_name(&self.keys[index]);
                    picture::search(value, in_column, &self.spoken_keys)
                }
            };
            if let Some(hash) = hash {
                add(&self.keys[index], hash);
            }
        }
        Ok(images)
    }
}

impl ImagePlace {
    /// The reject of a row whose image cannot be packed.
    pub(crate) fn reject(&self) -> Fault {
        let detail = match self {
            Self::Unmapped(column) | Self::Column(column) => {
                format!("column `{column}` holds or names a picture")
            }
            Self::Placeholder(what) | Self::Turn(what) => format!("a turn holds {what}"),
        };
        Fault::new(Reason::HasImage, detail)
    }
}

/// The system message that a row says once, or twice in the same words.
fn one_system<'r>(
    turn: Option<Cow<'r, str>>,
    column: Option<Cow<'r, str>>,
) -> Result<Option<Cow<'r, str>>, Fault> {
    match (turn, column) {
        (Some(turn), Some(column)) if turn.trim() != column.trim() => {
            let detail = "the row has two system messages: in its column, and in its first turn";
            Err(Fault::new(Reason::WrongType, detail))
        }
        (turn, column) => Ok(turn.or(column)),
    }
}

/// Whether a value is a boolean, which CSV writes as a text.
fn is_truth(value: &Value<'_>) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Text(text) => ["true", "false"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text)),
        _ => false,
    }
}
