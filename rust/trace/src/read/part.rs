//! The content of a turn: a text, or typed parts of text and images in their order.

use std::borrow::Cow;

use crate::picture;
use crate::place_images::Mark;
use crate::reason::Reason;
use crate::row::Part;
use crate::value::{Fault, Value};

use super::image_value::{Said, image_of, images_of, of_kind, said};
use super::shown::{Piece, Shown, Treatment};
use super::{said_text, text};

/// Media that no model here takes.
const OTHER_MEDIA: [&str; 2] = ["video", "audio"];

/// The longest type that a message repeats.
const LONGEST_KIND: usize = 32;

/// The images that a turn carries besides its content, as Ollama's interface has them.
pub(super) fn images_beside<'r>(
    turn: &'r Value<'_>,
    label: &str,
    shown: &mut Shown<'r>,
) -> Result<Vec<Part<'r>>, Fault> {
    let mut found = Vec::new();
    let Value::Struct(fields) = turn else {
        return Ok(found);
    };
    let named = fields
        .iter()
        .filter(|(key, _)| picture::is_column_name(key));
    for (key, value) in named {
        let what = format!("`{key}`");
        let Some(hash) = picture::search(value, true, &[]) else {
            continue;
        };
        if shown.treatment == Treatment::LeftOut {
            found.push(Part::Image(shown.left_out(what, hash)));
        } else if OTHER_MEDIA.iter().any(|medium| key.contains(medium)) {
            refuse_medium(&what, label, shown)?;
        } else {
            let label = format!("{what} of {label}");
            images_of(value, &label, |image| {
                found.extend(image.map(|image| Part::Image(shown.own(image, what.clone()))));
            })?;
        }
    }
    Ok(found)
}

/// The content of a turn: text, or a list of typed parts, whose texts follow one another directly.
pub(super) fn content_of<'r>(
    value: &'r Value<'_>,
    label: &str,
    shown: &mut Shown<'r>,
) -> Result<Vec<Piece<'r>>, Fault> {
    let Value::List(values) = value else {
        return Ok(vec![Piece::Text(said_text(value, label)?)]);
    };
    let mut content = Vec::new();
    for value in values {
        add_part(value, label, shown, &mut content)?;
    }
    Ok(content)
}

/// Adds what a part says: its image first, where it has a text as well.
fn add_part<'r>(
    value: &'r Value<'_>,
    label: &str,
    shown: &mut Shown<'r>,
    content: &mut Vec<Piece<'r>>,
) -> Result<(), Fault> {
    if !matches!(value, Value::Struct(_)) {
        content.push(Piece::Text(text(value, label)?));
        return Ok(());
    }
    let Some(medium) = medium_of(value, label, shown)? else {
        content.push(Piece::Text(part_text(value, label)?));
        return Ok(());
    };
    if shown.treatment == Treatment::LeftOut {
        content.push(Piece::Image(shown.left_out(medium.what, hash_of(value))));
        return Ok(());
    }
    if medium.is_other {
        return refuse_medium(&medium.what, label, shown);
    }
    let label_of_image = format!("{} of {label}", medium.what);
    let image = match (said(value, &label_of_image)?, medium.by_key) {
        (Said::Image(image), _) => Some(image),
        (Said::NoKey | Said::Nothing, Some(value)) => image_of(value, &label_of_image)?,
        (Said::NoKey | Said::Nothing, None) => None,
    };
    content.push(match image {
        Some(image) => Piece::Image(shown.own(image, medium.what)),
        None => {
            if shown.treatment == Treatment::NotMapped {
                shown.refuse(medium.what);
            }
            Piece::Mark(number_of(value)?)
        }
    });
    if has_text(value)? {
        content.push(Piece::Text(part_text(value, label)?));
    }
    Ok(())
}

/// A part that is no text, or not alone.
struct Medium<'v, 'a> {
    /// What is said of it.
    what: String,
    /// Whether it is a video or a sound.
    is_other: bool,
    /// The value under the first key of an image, a video or a sound.
    by_key: Option<&'v Value<'a>>,
}

/// What a part is but a text, by its type or else its keys.
fn medium_of<'v, 'a>(
    part: &'v Value<'a>,
    label: &str,
    shown: &Shown<'_>,
) -> Result<Option<Medium<'v, 'a>>, Fault> {
    let Value::Struct(fields) = part else {
        return Ok(None);
    };
    let kind = match part.field("type")? {
        Some(Value::Text(kind)) => Some(kind.as_ref()),
        _ => None,
    };
    let by_key = fields
        .iter()
        .find(|(key, value)| is_medium(key) && value.is_present());
    let (what, name) = match (kind, by_key) {
        (None, None) => return Ok(None),
        (Some("text"), _) if !holds_image(part, shown) => return Ok(None),
        (Some(kind), _) if is_medium(kind) && is_name(kind) => {
            (format!("a part of type `{kind}`"), kind)
        }
        (Some(kind), _) if is_medium(kind) => ("a part of an image".to_owned(), kind),
        (None | Some("text"), Some((key, _))) => (format!("a part with `{key}`"), &**key),
        (Some(_), _) => {
            let detail = format!("{label} has a part of a type that is neither text nor a picture");
            return Err(Fault::new(Reason::WrongType, detail));
        }
    };
    Ok(Some(Medium {
        is_other: OTHER_MEDIA.iter().any(|other| name.contains(other)),
        what,
        by_key: by_key.map(|(_, value)| value),
    }))
}

/// Whether a part's type is a name, which a message may repeat, and no text of the data.
fn is_name(kind: &str) -> bool {
    kind.len() <= LONGEST_KIND
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Refuses a video or a sound.
fn refuse_medium(what: &str, label: &str, shown: &mut Shown<'_>) -> Result<(), Fault> {
    if shown.treatment == Treatment::Mapped {
        return Err(of_kind(label, &format!("{what}, a video or a sound")));
    }
    shown.refuse(what.to_owned());
    Ok(())
}

/// Whether a part of type `text` has an image as well, under a key that says so.
fn holds_image(part: &Value<'_>, shown: &Shown<'_>) -> bool {
    let is_there = |key: &str| matches!(part.field(key), Ok(Some(value)) if value.is_present());
    shown.treatment != Treatment::LeftOut && ["image", "image_url"].into_iter().any(is_there)
}

/// Which image a part without one stands for: the next one, or that of its `index`, which counts from 0.
fn number_of(part: &Value<'_>) -> Result<Mark, Fault> {
    let index = match part.field("index")? {
        Some(Value::Integer(digits)) => digits.parse::<usize>().ok(),
        _ => None,
    };
    Ok(index.map_or(Mark::Next, |index| Mark::Numbered(index.saturating_add(1))))
}

fn has_text(part: &Value<'_>) -> Result<bool, Fault> {
    Ok(matches!(part.field("text")?, Some(Value::Text(text)) if !text.is_empty()))
}

/// The text of a part that is one. A null gives way to a later key, for in Parquet and Arrow the parts of a file
/// all have the keys of all.
fn part_text<'r>(value: &'r Value<'_>, label: &str) -> Result<Cow<'r, str>, Fault> {
    let mut found = None;
    for key in ["text", "value", "content"] {
        match value.field(key)? {
            Some(Value::Null) => found = Some(&Value::Null),
            Some(value) => return text(value, label),
            None => {}
        }
    }
    let missing = || {
        Fault::new(
            Reason::MissingField,
            format!("a part of {label} has no `text`"),
        )
    };
    text(found.ok_or_else(missing)?, label)
}

/// A hash of all that a part says.
fn hash_of(part: &Value<'_>) -> u64 {
    picture::hash(0, format!("{part:?}").as_bytes())
}

/// Whether a part's type or key is an image's, a video's or a sound's.
fn is_medium(kind: &str) -> bool {
    ["image", "video", "audio"]
        .iter()
        .any(|medium| kind.contains(medium))
}
