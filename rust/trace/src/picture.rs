//! Whether a row is about a picture: what its values say, and never what its answers say.
//!
//! A value is a picture if it is the bytes of one, or the path, URL or file name of one. The name of a column
//! decides only where a value says too little: a bare `train_0422` under `image` is a picture's name, under
//! `case` it is none.

mod names;
mod placeholder;

use std::borrow::Cow;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::value::Value;

pub(crate) use names::{is_column_name, suggests_pictures};
pub(crate) use placeholder::{placeholder, unread_mark};

/// Extensions of pictures, scans, films and sounds: none of them can be packed.
const EXTENSIONS: [&str; 38] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "tif", "tiff", "webp", "svg", "heic",
    "heif", "avif", "jp2", "ppm", "pgm", "dcm", "dicom", "nii", "mha", "mhd", "nrrd", "svs",
    "ndpi", "npy", "npz", "mp4", "avi", "mov", "mkv", "webm", "mpg", "wav", "mp3", "flac", "ogg",
    "m4a",
];
const LONGEST_EXTENSION: usize = 5;
/// The longest path or URL; and the longest name with blanks in it, beyond which a text is prose.
const LONGEST_PATH: usize = 2048;
const LONGEST_NAME: usize = 255;
/// The first bytes of pictures in base64: JPEG, PNG, GIF, RIFF (WebP), TIFF, JPEG 2000 and BMP.
const BASE64_STARTS: [&str; 8] = [
    "/9j/",
    "iVBORw0KGgo",
    "R0lGOD",
    "UklGR",
    "SUkqA",
    "TU0AK",
    "AAAADGpQ",
    "Qk0",
];
const LEAST_BASE64: usize = 64;

/// What people write into a column of pictures where there is none.
const NOTHING: [&str; 9] = [
    "none", "null", "nan", "n/a", "na", "no", "false", "true", "-",
];

/// A picture that a row names or holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// A hash of all that the row says of its pictures.
    pub(crate) hash: u64,
    /// Where: a column's name.
    pub(crate) column: Arc<str>,
}

impl Picture {
    /// Adds the picture with this hash to those before it; `column` names where the first one is.
    pub(crate) fn add(found: &mut Option<Self>, hash: u64, column: impl FnOnce() -> Arc<str>) {
        let picture = found.get_or_insert_with(|| Self {
            hash: 0,
            column: column(),
        });
        picture.hash = self::hash(picture.hash, &hash.to_le_bytes());
    }
}

/// Whether files of this ending are pictures, or others of what is shown.
pub(crate) fn is_extension(ending: &str) -> bool {
    EXTENSIONS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(ending))
}

/// Adds the picture `bytes` to a hash of those before it.
pub(crate) fn hash(before: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, before)
}

/// Whether a text as a whole is a picture's path, URL or file name, or its bytes in base64.
pub(crate) fn is_reference(text: &str) -> bool {
    let Some(last) = text.bytes().next_back() else {
        return false;
    };
    if text.len() > LONGEST_PATH {
        return is_encoded(text);
    }
    // Nearly every other text ends otherwise, or has no dot near its end.
    if !(last.is_ascii_alphanumeric() || b"\"')]} \n\r=+/".contains(&last)) {
        return false;
    }
    is_encoded(text) || names_file(text.trim())
}

fn is_encoded(text: &str) -> bool {
    let media = ["data:image/", "data:video/", "data:audio/", "{'bytes': b"];
    if media.iter().any(|start| text.starts_with(start)) {
        return true;
    }
    text.len() >= LEAST_BASE64
        && BASE64_STARTS.iter().any(|start| text.starts_with(start))
        && text.bytes().take(LEAST_BASE64).all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
        })
}

/// Whether the last name in `text`, which may be a list written as text, has a picture's extension.
fn names_file(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', ')', ']', '}', ' ']);
    // A search for several bytes takes longer to begin than most texts are long.
    let mut colons = memchr::memchr_iter(b':', text.as_bytes());
    let path = match colons.find(|&at| text[at..].starts_with("://")) {
        Some(scheme) => {
            &text[..text[scheme..]
                .find(['?', '#'])
                .map_or(text.len(), |query| scheme + query)]
        }
        None => text,
    };
    let path = match path.len().checked_sub(3) {
        Some(cut) if path.is_char_boundary(cut) && path[cut..].eq_ignore_ascii_case(".gz") => {
            &path[..cut]
        }
        _ => path,
    };
    let Some((stem, extension)) = path.rsplit_once('.') else {
        return false;
    };
    extension.len() <= LONGEST_EXTENSION
        && EXTENSIONS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
        && stem.ends_with(|last: char| !last.is_whitespace())
        && !text.contains(['\n', '\r'])
        && (text.len() <= LONGEST_NAME || !text.contains(char::is_whitespace))
}

/// Whether a text in a column of pictures names one, though no extension says so.
fn is_handle(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && !text.contains(char::is_whitespace)
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && !NOTHING.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether a text with escapes may be a picture once these are read.
pub(crate) fn is_worth_reading(raw: &str) -> bool {
    raw.len() <= 2 * LONGEST_PATH || raw.starts_with("data:") || raw.starts_with("\\/9j\\/")
}

/// A hash of the picture that a text in a column of this kind is, or that a list or object in it holds.
pub(crate) fn search_text(text: &str, in_picture_column: bool) -> Option<u64> {
    if in_picture_column && text.trim_start().starts_with(['[', '{', '(']) {
        let mut value = Value::Text(Cow::Borrowed(text));
        value.expand();
        if !matches!(value, Value::Text(_)) {
            return search(&value, true, &[]);
        }
    }
    let is_picture = is_reference(text)
        || in_picture_column && (is_handle(text) || text.trim_start().starts_with("<svg"));
    is_picture.then(|| hash(0, text.as_bytes()))
}

/// Whether a text in a column of this kind is a picture.
pub(crate) fn is_picture_text(text: &str, in_picture_column: bool) -> bool {
    search_text(text, in_picture_column).is_some()
}

/// Whether a question is nothing but the name of a picture.
pub(crate) fn is_lone_reference(text: &str) -> bool {
    !text.trim().contains(char::is_whitespace) && is_reference(text)
}

/// Whether bytes that are no text are a picture's.
pub(crate) fn is_picture_bytes(bytes: &[u8], in_picture_column: bool) -> bool {
    const MAGICS: [&[u8]; 13] = [
        b"BM",
        b"\0\0\x01\0",
        b"NRRD",
        b"P6",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF8",
        b"RIFF",
        b"II*\0",
        b"MM\0*",
        b"\0\0\0\x0cjP  ",
        b"<svg",
        b"\x93NUMPY",
    ];
    if in_picture_column {
        return !bytes.is_empty();
    }
    MAGICS.iter().any(|magic| bytes.starts_with(magic))
        || bytes.get(4..8) == Some(b"ftyp")
        || bytes.get(344..347) == Some(b"n+1")
        || bytes.get(128..132) == Some(b"DICM")
}

/// A hash of the pictures in `value`, none where there are none. Members called as in `skipped` are not looked at.
pub(crate) fn search(
    value: &Value<'_>,
    in_picture_column: bool,
    skipped: &[String],
) -> Option<u64> {
    let mut found = None;
    collect(value, in_picture_column, skipped, &mut found);
    found
}

fn collect(value: &Value<'_>, in_column: bool, skipped: &[String], found: &mut Option<u64>) {
    match value {
        Value::Text(text) => {
            if let Some(picture) = search_text(text, in_column) {
                *found = Some(hash(found.unwrap_or(0), &picture.to_le_bytes()));
            }
        }
        Value::Bytes(bytes) if is_picture_bytes(bytes, in_column) => {
            *found = Some(hash(found.unwrap_or(0), bytes));
        }
        Value::List(values) if in_column && are_pixels(values) => {
            let digits = format!("{values:?}");
            *found = Some(hash(found.unwrap_or(0), digits.as_bytes()));
        }
        Value::List(values) => values
            .iter()
            .for_each(|value| collect(value, in_column, skipped, found)),
        Value::Struct(fields) => {
            let is_feature = fields.iter().any(|(key, _)| key == "bytes")
                && fields.iter().any(|(key, _)| key == "path");
            for (key, value) in fields {
                if !skipped.iter().any(|name| name == key) {
                    let in_column = in_column || is_feature || is_column_name(key);
                    collect(value, in_column, skipped, found);
                }
            }
        }
        _ => {}
    }
}

/// Numbers, or rows of numbers.
fn are_pixels(values: &[Value<'_>]) -> bool {
    let is_pixel = |value: &Value<'_>| match value {
        Value::Integer(_) | Value::Float(_) => true,
        Value::List(row) => are_pixels(row),
        _ => false,
    };
    let is_deep = matches!(values.first(), Some(Value::List(_)));
    (values.len() > 1 || is_deep) && values.iter().all(is_pixel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_urls_and_file_names_of_pictures_are_references() {
        for text in [
            "1.png",
            "images/CXR 0012_IM.JPG",
            "a\\b.dcm",
            "https://example.org/a.jpeg?size=large#x",
            "scan.nii.gz",
            "['a.png', 'b.png']",
            "[\"a.webp\"]",
            "a.png;b.png",
            "data:image/png;base64,AAAA",
            "{'bytes': b'\\x89PNG', 'path': None}",
        ] {
            assert!(is_reference(text), "{text}");
        }
        assert!(is_reference(&format!("/9j/{}", "4AAQSkZJRg".repeat(10))));
    }

    #[test]
    fn prose_and_other_files_are_none() {
        for text in [
            "",
            "The answer is C.",
            "see .png",
            ".png",
            "report.pdf",
            "notes.txt",
            "version 1.2",
            "https://example.org/page?image=a.png",
            "line one\nfigure.png",
            "e.g",
            "a.pngx",
        ] {
            assert!(!is_reference(text), "{text}");
        }
        assert!(!is_reference(&format!("{} figure.png", "word ".repeat(60))));
    }

    #[test]
    fn a_column_of_pictures_needs_no_extension() {
        for name in [
            "Image",
            "image_0",
            "IMAGE_1",
            "figure",
            "jpg",
            "pic",
            "pixel_values",
            "img2",
        ] {
            assert!(is_column_name(name), "{name}");
        }
        for name in [
            "image_id",
            "has_image",
            "image_caption",
            "imagine",
            "figures_of_speech",
        ] {
            assert!(!is_column_name(name), "{name}");
        }
        assert!(is_picture_text("train_0422", true) && !is_picture_text("train_0422", false));
        for nothing in [
            "",
            " ",
            "None",
            "n/a",
            "12",
            "no image here",
            "[]",
            "[None]",
            "[\"\"]",
            "{}",
        ] {
            assert!(!is_picture_text(nothing, true), "{nothing}");
        }
        let pixels = |number: &str| Value::Integer(Cow::Owned(number.to_owned()));
        let row = Value::List(vec![pixels("0"), pixels("255")]);
        let matrix = Value::List(vec![row.clone(), row]);
        assert!(search(&matrix, true, &[]).is_some() && search(&matrix, false, &[]).is_none());
    }

    #[test]
    fn members_are_looked_at_and_answers_are_not() {
        let text = |text: &'static str| Value::Text(Cow::Borrowed(text));
        let row = |key: &'static str, value| Value::Struct(vec![(Cow::Borrowed(key), value)]);
        assert!(search(&row("file", text("a.png")), false, &[]).is_some());
        assert!(search(&row("image", text("a17")), false, &[]).is_some());
        let skipped = ["response".to_owned()];
        assert!(search(&row("response", text("a.png")), false, &skipped).is_none());
        let feature = Value::Struct(vec![
            (Cow::Borrowed("bytes"), Value::Null),
            (Cow::Borrowed("path"), text("a17")),
        ]);
        assert!(search(&feature, false, &[]).is_some());
        let other = |name| search(&text(name), false, &[]);
        assert_ne!(other("a.png"), other("b.png"));
    }
}
