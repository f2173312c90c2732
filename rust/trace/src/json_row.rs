//! A row of JSON: the values of the mapped keys, and the pictures under all others.

use std::borrow::Cow;

use crate::json::{JsonError, Reader, TOO_MANY_VALUES};
use crate::mapping::Mapping;
use crate::picture::{self, Picture};
use crate::reason::Reason;
use crate::value::{Fault, Value, utf8};

/// Puts the values of a JSON object into `slots`, and gives the pictures under keys that nobody maps, apart from those
/// that the row has itself.
pub(crate) fn fill<'a>(
    mapping: &Mapping,
    bytes: &'a [u8],
    slots: &mut [Option<Value<'a>>],
    is_own: impl Fn(&str) -> bool,
) -> Result<Option<Picture>, Fault> {
    let text = utf8(bytes)
        .map_err(|at| Fault::new(Reason::InvalidUtf8, format!("byte {at} of the row")))?;
    let mut picture = None;
    let searched = |key: &str| mapping.searches_pictures_in(key);
    match read_row(text, &mapping.keys, slots, (searched, is_own), &mut picture) {
        Ok(Shape::Object) => Ok(picture),
        Ok(Shape::DuplicateKey(key)) => {
            let detail = format!("`{}` occurs twice in the row", mapping.keys[key]);
            Err(Fault::new(Reason::DuplicateKey, detail))
        }
        Ok(Shape::NotAnObject) => Err(Fault::new(
            Reason::NotAnObject,
            "the row is JSON but not an object",
        )),
        Err(error) if error.what == TOO_MANY_VALUES => {
            Err(Fault::new(Reason::RowTooLarge, TOO_MANY_VALUES))
        }
        Err(error) => {
            let detail = format!("byte {} of the row: {}", error.at, error.what);
            Err(Fault::new(Reason::InvalidJson, detail))
        }
    }
}

/// What a row's text turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An object; its wanted keys are in the slots.
    Object,
    /// An object in which the wanted key of this index occurs twice.
    DuplicateKey(usize),
    /// JSON of another kind.
    NotAnObject,
}

/// Reads the object `text` and puts the values of `keys` into `slots`, one for each key.
///
/// The rest of the text is checked to be JSON all the same, and where `searched` says so of its key, pictures are
/// looked for in it. A text of which `is_own` says that the row has it itself is none.
pub(crate) fn read_row<'a>(
    text: &'a str,
    keys: &[String],
    slots: &mut [Option<Value<'a>>],
    (searched, is_own): (impl Fn(&str) -> bool, impl Fn(&str) -> bool),
    picture: &mut Option<Picture>,
) -> Result<Shape, JsonError> {
    let mut reader = Reader::new(text);
    reader.space();
    if reader.peek() != Some(b'{') {
        reader.skip(0)?;
        reader.end()?;
        return Ok(Shape::NotAnObject);
    }
    let mut shape = Shape::Object;
    reader.at += 1;
    reader.members(|reader, key| {
        let Some(index) = keys.iter().position(|wanted| *wanted == key) else {
            if searched(&key) {
                return skip_searching(reader, &key, &is_own, picture);
            }
            return reader.skip(1);
        };
        if slots[index].replace(reader.value(1)?).is_some() {
            shape = Shape::DuplicateKey(index);
        }
        Ok(())
    })?;
    reader.end()?;
    Ok(shape)
}

/// Steps over the value under `key`, and adds the pictures in it to `picture`.
fn skip_searching(
    reader: &mut Reader<'_>,
    key: &str,
    is_own: &impl Fn(&str) -> bool,
    picture: &mut Option<Picture>,
) -> Result<(), JsonError> {
    reader.space();
    // Most values are short texts or numbers, of which nothing has to be built.
    let in_column = picture::is_column_name(key);
    let found = match reader.peek() {
        Some(b'"') => {
            let start = reader.at;
            reader.skip_string()?;
            let mut text = Cow::Borrowed(&reader.text[start + 1..reader.at - 1]);
            if memchr::memchr(b'\\', text.as_bytes()).is_some() && picture::is_worth_reading(&text)
            {
                reader.at = start;
                text = reader.string()?;
            }
            picture::search_text(&text, in_column).filter(|_| !is_own(&text))
        }
        Some(b'[' | b'{') => search_nested(reader, in_column)?,
        _ => return reader.scalar().map(|_| ()),
    };
    if let Some(hash) = found {
        Picture::add(picture, hash, || key.into());
    }
    Ok(())
}

/// The pictures in a list or object that nobody maps. One of too many values to be built is taken for one
/// picture where its name says so, and for none elsewhere: it may be a million numbers.
fn search_nested(reader: &mut Reader<'_>, in_column: bool) -> Result<Option<u64>, JsonError> {
    Ok(match reader.value_apart()? {
        Ok(value) => picture::search(&value, in_column, &[]),
        Err(text) => in_column.then(|| picture::hash(0, text.as_bytes())),
    })
}
