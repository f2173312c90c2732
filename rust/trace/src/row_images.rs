//! What the images of a row mean for the row as a whole.

use crate::image::ImagePlace;
use crate::picture;
use crate::row::{Refusal, Row};
use crate::value::Fault;

impl Row<'_> {
    /// A hash of what the row says of its images, where it has any: what is said of one image is not what is said of
    /// another.
    pub fn image_hash(&self) -> Option<u64> {
        let add = |before: Option<u64>, hash: u64| {
            Some(picture::hash(before.unwrap_or(0), &hash.to_le_bytes()))
        };
        let (mut found, mut shown) = (None, None);
        for image in &self.images {
            match image.place {
                // This is a hash of several already, and comes first.
                ImagePlace::Unmapped(_) => found = Some(image.hash),
                ImagePlace::Column(_) | ImagePlace::Placeholder(_) => {
                    found = add(found, image.hash)
                }
                ImagePlace::Turn(_) => shown = add(shown, image.hash),
            }
        }
        match shown {
            Some(shown) => add(found, shown),
            None => found,
        }
    }

    /// The refusal of the row by a model that takes no images: `has_image`, unless it has none that would be shown.
    pub fn refusal_of_images(&self) -> Option<Refusal> {
        let shown = self.images.iter().find(|image| !image.is_left_out())?;
        let Fault { reason, detail } = shown.place.reject();
        Some(Refusal {
            position: self.position,
            ordinal: self.ordinal,
            reason,
            detail,
        })
    }
}
