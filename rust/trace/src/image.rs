//! Images that a row holds or names.

use std::borrow::Cow;
use std::sync::Arc;

use crate::picture;
use crate::reason::Reason;
use crate::value::Fault;

/// An image that a row holds or names. Its pixels stay where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef<'a> {
    /// What the row says of it.
    pub value: ImageValue<'a>,
    /// Where the row has it.
    pub place: ImagePlace,
    /// A hash of all that the row says of it; for bytes, their `xxh3_64`.
    pub hash: u64,
}

/// What a row says of an image.
#[derive(Clone, PartialEq, Eq)]
pub enum ImageValue<'a> {
    /// The bytes of an encoded image. They may be none at all, which is a damaged image.
    Bytes(Cow<'a, [u8]>),
    /// A path, a URL, a data URL or base64, as the row writes it; never blank.
    Text(Cow<'a, str>),
    /// It is there and is not read: the mapping leaves images out.
    LeftOut,
}

/// The longest text of an image that is shown whole: a longer one is base64.
const LONGEST_SHOWN: usize = 120;

impl std::fmt::Debug for ImageValue<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(to, "Bytes({})", bytes.len()),
            Self::Text(text) if text.len() > LONGEST_SHOWN => write!(to, "Text({})", text.len()),
            Self::Text(text) => write!(to, "Text({text:?})"),
            Self::LeftOut => to.write_str("LeftOut"),
        }
    }
}

/// Where a row has an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImagePlace {
    /// Columns that the mapping does not name; this is the first of them, and the hash is of all.
    Unmapped(Arc<str>),
    /// A column that the mapping names.
    Column(Arc<str>),
    /// What stands for an image in the text of a question.
    Placeholder(String),
    /// A part of a turn, or what stands for one in its text.
    Turn(String),
}

impl ImagePlace {
    /// The reject of a row whose image is not packed.
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

impl<'a> ImageRef<'a> {
    /// An image that is packed.
    pub(crate) fn new(value: ImageValue<'a>, place: ImagePlace) -> Self {
        let hash = match &value {
            ImageValue::Bytes(bytes) => picture::hash(0, bytes),
            ImageValue::Text(text) => picture::hash(0, text.as_bytes()),
            ImageValue::LeftOut => 0,
        };
        Self { value, place, hash }
    }

    /// An image that is left out.
    pub(crate) fn left_out(place: ImagePlace, hash: u64) -> Self {
        let value = ImageValue::LeftOut;
        Self { value, place, hash }
    }

    /// Whether it is known to be there and not read.
    pub fn is_left_out(&self) -> bool {
        self.value == ImageValue::LeftOut
    }
}
