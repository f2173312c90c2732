//! The columns of a row's images.

use crate::image::{ImagePlace, ImageRef};
use crate::value::Fault;

use super::image_value::images_of;
use super::{Field, Slots};

/// The columns of images, in their order.
#[derive(Clone, Debug)]
pub(crate) struct ImagesMapping {
    /// A column of one image or of a list; of several columns all but the first may be missing.
    pub(crate) fields: Vec<Field>,
}

/// The images that the columns of a row hold.
pub(crate) struct ColumnImages<'r> {
    pub(crate) images: Vec<ImageRef<'r>>,
    /// Whether nothing stands before one of them, so that their numbers may not be those of the columns.
    pub(crate) has_gap: bool,
}

impl ImagesMapping {
    /// The images of a row. Null, empty texts and empty lists are none.
    pub(crate) fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<ColumnImages<'r>, Fault> {
        let mut read = ColumnImages {
            images: Vec::new(),
            has_gap: false,
        };
        let mut is_missing = false;
        for field in &self.fields {
            let value = match &self.fields[..] {
                [field] => field.lenient(slots)?,
                _ => field.find(slots)?,
            };
            let Some(value) = value else {
                is_missing = true;
                continue;
            };
            images_of(value, &field.label, |image| match image {
                None => is_missing = true,
                Some(image) => {
                    read.has_gap |= is_missing;
                    let place = ImagePlace::Column(field.first_name().into());
                    read.images.push(ImageRef::new(image, place));
                }
            })?;
        }
        Ok(read)
    }
}
