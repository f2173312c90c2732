//! From the values of a row to the parts of its traces.

use std::borrow::Cow;

use crate::image::{ImagePlace, ImageRef};
use crate::mapping::{Mapping, Pictures};
use crate::picture::{self, Picture};
use crate::read::{
    BodyMapping, ColumnImages, Shown, Slots, Treatment, optional_text, read_asked,
    read_finish_reasons,
};
use crate::reason::Reason;
use crate::row::{Asked, Body};
use crate::value::{Fault, Value};

/// What a row says besides its place.
pub(crate) struct Parts<'r> {
    pub(crate) id: Option<Cow<'r, str>>,
    pub(crate) system: Option<Cow<'r, str>>,
    pub(crate) images: Vec<ImageRef<'r>>,
    pub(crate) body: Body<'r>,
    pub(crate) asked: Vec<Asked<'r>>,
    pub(crate) finish_reasons: Vec<Option<Cow<'r, str>>>,
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
        if let Some(images) = &self.images {
            let fields = images.fields.iter();
            fields.for_each(|field| field.expand(slots, false));
        }
        let turns_alone = self.body.has_context();
        self.structured
            .iter()
            .for_each(|field| field.expand(slots, turns_alone));
        let slots = &*slots;
        // A list says the same whether a row holds it as a list or as JSON in a text, so this comes after `expand`.
        let columns = self.column_images(slots, unmapped)?;
        let mut shown = Shown::new(self.treatment(), columns);
        let system = optional_text(self.system.as_ref(), slots)?;
        let id = optional_text(self.id.as_ref(), slots)?;
        let mut parts = Parts {
            id,
            system,
            images: Vec::new(),
            body: Body::Conversation(Vec::new()),
            asked: Vec::new(),
            finish_reasons: Vec::new(),
        };
        match &self.body {
            BodyMapping::Question(question) => parts.body = question.read(slots, &mut shown)?,
            BodyMapping::Conversation(conversation) => {
                let read = conversation.read(slots, &mut shown)?;
                let shown = read.shown_system().map(Cow::into_owned).map(Cow::Owned);
                let system = one_system(read.system.or(shown.clone()), parts.system)?;
                parts.system = system.filter(|_| shown.is_none());
                parts.body = conversation.body(read.turns)?;
            }
        }
        parts.asked = read_asked(&self.asked, slots)?;
        if let Some(field) = &self.finish_reason {
            let count = parts.body.response_count();
            parts.finish_reasons = read_finish_reasons(field, count, slots)?;
        }
        parts.images = shown.images;
        // Only placeholders of a question are left out unasked.
        if self.treatment() == Treatment::NotMapped {
            check_left_out(&parts.images)?;
        }
        Ok(parts)
    }

    fn treatment(&self) -> Treatment {
        match (&self.pictures, &self.images) {
            (Pictures::LeftOut, _) => Treatment::LeftOut,
            (_, Some(_)) => Treatment::Mapped,
            (_, None) => Treatment::NotMapped,
        }
    }

    /// The images of columns: those that are packed, or those that are left out.
    fn column_images<'r>(
        &self,
        slots: &'r Slots<'_>,
        unmapped: Option<Picture>,
    ) -> Result<ColumnImages<'r>, Fault> {
        let left_out = self.images_in_columns(slots, unmapped)?;
        if self.treatment() != Treatment::LeftOut {
            // Nothing else of the row is read then, and nothing else that is wrong with it is its reason.
            check_left_out(&left_out)?;
        }
        match &self.images {
            Some(images) if self.treatment() == Treatment::Mapped => images.read(slots),
            _ => Ok(ColumnImages {
                images: left_out,
                has_gap: false,
            }),
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

    /// The images that columns hold or name and that no key maps; those of columns that are not read come first.
    fn images_in_columns(
        &self,
        slots: &Slots<'_>,
        unmapped: Option<Picture>,
    ) -> Result<Vec<ImageRef<'static>>, Fault> {
        let unmapped = unmapped
            .map(|picture| ImageRef::left_out(ImagePlace::Unmapped(picture.column), picture.hash));
        let mut images: Vec<ImageRef<'static>> = unmapped.into_iter().collect();
        let mut add = |column: &str, hash: u64| {
            let place = ImagePlace::Column(column.into());
            images.push(ImageRef::left_out(place, hash));
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

/// Refuses a row with images that are not packed.
fn check_left_out(images: &[ImageRef<'_>]) -> Result<(), Fault> {
    let mut left_out = images.iter().filter(|image| image.is_left_out());
    left_out
        .next()
        .map_or(Ok(()), |image| Err(image.place.reject()))
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
