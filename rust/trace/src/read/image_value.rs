//! Images out of values: bytes, a path, a URL, a data URL, base64, or an object with one of them.

use std::borrow::Cow;

use crate::image::ImageValue;
use crate::reason::Reason;
use crate::value::{Fault, Value};

/// Keys of an object under which an image itself stands, and keys under which it is named or nested. The bytes
/// win: a path next to them is a name, often without its folder.
const BYTES_KEYS: [&str; 4] = ["bytes", "base64", "b64_json", "data"];
const NAME_KEYS: [&str; 10] = [
    "path",
    "url",
    "image",
    "image_url",
    "input_image",
    "source",
    "image_path",
    "image_bytes",
    "image_base64",
    "file",
];

/// What people write into a column of images where there is none.
const NOTHING: [&str; 6] = ["none", "null", "nan", "n/a", "na", "<na>"];

/// Extensions of files that hold no image that is read, and what they hold.
const OTHER_KINDS: [(&str, &str); 36] = [
    ("mp4", "a video"),
    ("avi", "a video"),
    ("mov", "a video"),
    ("mkv", "a video"),
    ("webm", "a video"),
    ("mpg", "a video"),
    ("mpeg", "a video"),
    ("m4v", "a video"),
    ("wmv", "a video"),
    ("flv", "a video"),
    ("wav", "a sound"),
    ("mp3", "a sound"),
    ("flac", "a sound"),
    ("ogg", "a sound"),
    ("m4a", "a sound"),
    ("aac", "a sound"),
    ("dcm", "DICOM"),
    ("dicom", "DICOM"),
    ("nii", "NIfTI"),
    ("nii.gz", "NIfTI"),
    ("mha", "a volume (MetaImage)"),
    ("mhd", "a volume (MetaImage)"),
    ("nrrd", "a volume (NRRD)"),
    ("mgz", "a volume (MGZ)"),
    ("svs", "a slide (SVS)"),
    ("ndpi", "a slide (NDPI)"),
    ("npy", "an array of NumPy"),
    ("npz", "an array of NumPy"),
    ("pt", "a tensor of PyTorch"),
    ("svg", "SVG"),
    ("heic", "HEIC"),
    ("heif", "HEIF"),
    ("avif", "AVIF"),
    ("pdf", "PDF"),
    ("html", "HTML"),
    ("htm", "HTML"),
];
/// Media types of data URLs that are no image that is read.
const OTHER_MEDIA: [(&str, &str); 7] = [
    ("video/", "a video"),
    ("audio/", "a sound"),
    ("text/", "a text"),
    ("image/svg", "SVG"),
    ("application/pdf", "PDF"),
    ("application/dicom", "DICOM"),
    ("application/json", "JSON"),
];

/// What a value says of an image.
pub(super) enum Said<'r> {
    /// An image.
    Image(ImageValue<'r>),
    /// That there is none: null, an empty text, an object of nulls.
    Nothing,
    /// An object that has no key for an image.
    NoKey,
}

/// The images of a value that may be a list of them; `found` is told of nulls and empty texts, too, which are none.
pub(super) fn images_of<'r>(
    value: &'r Value<'_>,
    label: &str,
    mut found: impl FnMut(Option<ImageValue<'r>>),
) -> Result<(), Fault> {
    let Value::List(values) = value else {
        found(image_of(value, label)?);
        return Ok(());
    };
    for value in values {
        found(image_of(value, label)?);
    }
    Ok(())
}

/// The image that a value says, if any.
pub(super) fn image_of<'r>(
    value: &'r Value<'_>,
    label: &str,
) -> Result<Option<ImageValue<'r>>, Fault> {
    match said(value, label)? {
        Said::Image(image) => Ok(Some(image)),
        Said::Nothing => Ok(None),
        Said::NoKey => Err(no_image(
            label,
            "an object without `bytes`, `path`, `url` or another key of an image",
        )),
    }
}

/// What a value says of an image.
pub(super) fn said<'r>(value: &'r Value<'_>, label: &str) -> Result<Said<'r>, Fault> {
    match value {
        Value::Null => Ok(Said::Nothing),
        Value::Bytes(bytes) => Ok(Said::Image(ImageValue::Bytes(Cow::Borrowed(bytes)))),
        Value::Text(text) => said_by_text(text, label),
        Value::Struct(fields) => said_by_object(value, fields.is_empty(), label),
        Value::List(values) => Err(no_image(label, list_kind(values))),
        other => Err(no_image(label, other.kind())),
    }
}

fn said_by_text<'r>(text: &'r str, label: &str) -> Result<Said<'r>, Fault> {
    let trimmed = text.trim();
    let says_nothing = trimmed.is_empty()
        || NOTHING
            .iter()
            .any(|word| word.eq_ignore_ascii_case(trimmed));
    if says_nothing {
        return Ok(Said::Nothing);
    }
    if trimmed.trim_start_matches('[').starts_with("{'bytes': b") {
        return Err(no_image(label, "bytes as Python prints them"));
    }
    match other_kind(trimmed) {
        Some(kind) => Err(of_kind(label, kind)),
        None => Ok(Said::Image(ImageValue::Text(Cow::Borrowed(text)))),
    }
}

fn said_by_object<'r>(
    value: &'r Value<'_>,
    is_empty: bool,
    label: &str,
) -> Result<Said<'r>, Fault> {
    let mut has_key = is_empty;
    for key in BYTES_KEYS {
        match value.field(key)? {
            None => {}
            Some(Value::Null) => has_key = true,
            Some(Value::Text(text)) if text.trim().is_empty() => has_key = true,
            Some(Value::Text(text)) => {
                return Ok(Said::Image(ImageValue::Text(Cow::Borrowed(text))));
            }
            Some(Value::Bytes(bytes)) => {
                return Ok(Said::Image(ImageValue::Bytes(Cow::Borrowed(bytes))));
            }
            Some(Value::List(values)) => return Err(no_image(label, list_kind(values))),
            Some(other) => return Err(no_image(label, other.kind())),
        }
    }
    for key in NAME_KEYS {
        let Some(inner) = value.field(key)? else {
            continue;
        };
        has_key = true;
        if let Said::Image(image) = said(inner, label)? {
            return Ok(Said::Image(image));
        }
    }
    Ok(if has_key { Said::Nothing } else { Said::NoKey })
}

fn list_kind(values: &[Value<'_>]) -> &'static str {
    match values.first() {
        Some(Value::Integer(_) | Value::Float(_)) => {
            "a list of numbers: pixels, or bytes one by one"
        }
        _ => "a list in the place of one image",
    }
}

/// What a text names or holds instead of an image that is read.
fn other_kind(text: &str) -> Option<&'static str> {
    if text.starts_with('<') {
        return Some("HTML, SVG or another text");
    }
    if let Some(media) = text.strip_prefix("data:") {
        let known = |(start, _): &&(&str, &str)| {
            let head = media.get(..start.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(start))
        };
        return OTHER_MEDIA.iter().find(known).map(|(_, kind)| *kind);
    }
    let path = match text.find("://") {
        Some(_) => text.split(['?', '#']).next().unwrap_or(text),
        None => text,
    };
    let ends_with = |(extension, _): &&(&str, &str)| {
        let at = path.len().checked_sub(extension.len() + 1);
        at.and_then(|at| path.as_bytes().get(at..))
            .is_some_and(|end| {
                end[0] == b'.' && end[1..].eq_ignore_ascii_case(extension.as_bytes())
            })
    };
    OTHER_KINDS.iter().find(ends_with).map(|(_, kind)| *kind)
}

/// The reject of a value that is no image.
pub(super) fn no_image(label: &str, what: &str) -> Fault {
    let detail = format!("{label} holds {what} where an image is expected");
    Fault::new(Reason::ImageValue, detail)
}

/// The reject of what is no image that is read.
pub(super) fn of_kind(label: &str, kind: &str) -> Fault {
    let detail = format!("{label} names or holds {kind}, which is not read");
    Fault::new(Reason::ImageKind, detail)
}
