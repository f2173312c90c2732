//! What a row says of an image: a path, or the image itself.

use std::borrow::Cow;

use crate::base64;
use crate::error::{FileFault, shown};

/// What a row says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// The bytes of a file, written out.
    Bytes(Vec<u8>),
    /// Where the file is.
    Path(Cow<'a, str>),
}

/// A text of fewer characters is a path, whatever it looks like.
const SHORTEST_BASE64: usize = 64;

/// A text of more bytes is no path on any system.
const LONGEST_PATH: usize = 4095;

/// The schemes of addresses that rows have, with what one does instead.
const STORES: [&str; 14] = [
    "http", "https", "ftp", "ftps", "sftp", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf",
    "oss",
];

/// Reads what a row says; nothing of more than `most_bytes` is decoded.
pub(crate) fn read(text: &str, most_bytes: u64) -> Result<Value<'_>, FileFault> {
    if has_prefix(text, "data:") {
        return data_url(&text[5..], most_bytes).map(Value::Bytes);
    }
    if has_prefix(text, "file:/") {
        return file_url(&text[5..]).map(|path| Value::Path(path.into()));
    }
    if let Some(scheme) = scheme_of(text) {
        let known = STORES
            .iter()
            .any(|store| scheme.eq_ignore_ascii_case(store));
        let what = if known {
            "nothing is fetched from a network"
        } else {
            "images are not read from there"
        };
        let scheme = shown(scheme);
        return Err(FileFault::Url(format!(
            "an address of `{scheme}://`: {what}"
        )));
    }
    if is_base64(text) {
        return decoded(text, most_bytes).map(Value::Bytes);
    }
    match text.len() > LONGEST_PATH {
        true => Err(FileFault::Missing(
            "a text too long for a path, and not base64".to_owned(),
        )),
        false => Ok(Value::Path(text.into())),
    }
}

/// Whether a row says where in the web an image is.
#[must_use]
pub fn is_web_address(text: &str) -> bool {
    has_prefix(text, "http://") || has_prefix(text, "https://")
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    let start = text.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The scheme of `scheme://…`.
fn scheme_of(text: &str) -> Option<&str> {
    let scheme = &text[..text.find("://")?];
    let rest = scheme.strip_prefix(|first: char| first.is_ascii_alphabetic())?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    rest.bytes().all(is_part).then_some(scheme)
}

/// `[media type][;base64],data`, after `data:`.
fn data_url(rest: &str, most_bytes: u64) -> Result<Vec<u8>, FileFault> {
    let Some((header, data)) = rest.split_once(',') else {
        return Err(FileFault::Damaged("a data URL without a comma".to_owned()));
    };
    let last = header.rsplit(';').next().unwrap_or_default().trim();
    if !last.eq_ignore_ascii_case("base64") || !header.contains(';') {
        let bytes = unescaped(data);
        return bounded(bytes.len() as u64, most_bytes).map(|()| bytes);
    }
    if !data.contains('%') {
        return decoded(data, most_bytes);
    }
    match String::from_utf8(unescaped(data)) {
        Ok(data) => decoded(&data, most_bytes),
        Err(_) => Err(FileFault::Damaged(
            "a character that is not of base64".to_owned(),
        )),
    }
}

fn decoded(text: &str, most_bytes: u64) -> Result<Vec<u8>, FileFault> {
    bounded(base64::decoded_length(text), most_bytes)?;
    base64::decode(text).map_err(|what| FileFault::Damaged(what.to_owned()))
}

fn bounded(bytes: u64, most: u64) -> Result<(), FileFault> {
    match bytes > most {
        true => Err(FileFault::TooLarge(bytes)),
        false => Ok(()),
    }
}

/// The path of `file:///path`, `file://localhost/path` or `file:/path`, after `file:`.
fn file_url(rest: &str) -> Result<String, FileFault> {
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                let host = shown(host);
                return Err(FileFault::Url(format!(
                    "a file on another machine, `{host}`"
                )));
            }
            path
        }
    };
    String::from_utf8(unescaped(path))
        .map_err(|_| FileFault::Missing("a file URL whose path is not UTF-8".to_owned()))
}

/// The bytes of a text with `%41` for `A`; what is no such escape stays.
fn unescaped(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high << 4 | low));
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Whether a text is an image in base64 and no path: long, without another character, and an image's first bytes; or
/// longer than any path.
fn is_base64(text: &str) -> bool {
    if text.len() < SHORTEST_BASE64 {
        return false;
    }
    let beginning = base64::beginning(text);
    beginning.is_some_and(|start| text.len() > LONGEST_PATH || is_image(&start))
}

/// Whether bytes begin as an image does: JPEG, PNG, GIF, WebP, TIFF, BMP.
fn is_image(start: &[u8]) -> bool {
    let has = |at: usize, what: &[u8]| start.get(at..).is_some_and(|rest| rest.starts_with(what));
    has(0, b"\xff\xd8\xff")
        || has(0, b"\x89PNG\r\n\x1a\n")
        || has(0, b"GIF8")
        || (has(0, b"RIFF") && has(8, b"WEBP"))
        || has(0, b"II*\0")
        || has(0, b"MM\0*")
        || (has(0, b"BM") && has(6, &[0; 4]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

    fn path(text: &str) -> Option<String> {
        match read(text, 1 << 20) {
            Ok(Value::Path(path)) => Some(path.into_owned()),
            _ => None,
        }
    }

    fn bytes(text: &str) -> Vec<u8> {
        match read(text, 1 << 20) {
            Ok(Value::Bytes(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_urls_are_decoded() {
        let png = bytes(PNG);
        assert!(png.starts_with(b"\x89PNG"));
        for header in [
            "data:image/png;base64,",
            "DATA:;BASE64,",
            "data:image/png;name=a;base64,",
            "data:image/jpeg; base64,",
        ] {
            assert_eq!(bytes(&format!("{header}{PNG}")), png, "{header}");
        }
        let escaped = PNG.replace('+', "%2B").replace('/', "%2f");
        assert_eq!(bytes(&format!("data:image/png;base64,{escaped}")), png);
        assert_eq!(bytes("data:,a%20b%FF%"), b"a b\xff%");
        assert_eq!(bytes("data:base64,QUJD"), b"QUJD");
        assert_eq!(bytes("data:image/png;base64,"), b"");
        for damaged in [
            "data:image/png;base64",
            "data:image/png;base64,Q",
            "data:;base64,QU.D",
            "data:;base64,%ff%ff",
        ] {
            assert!(
                matches!(read(damaged, 99), Err(FileFault::Damaged(_))),
                "{damaged}"
            );
        }
        let most = png.len() as u64;
        assert!(read(&format!("data:;base64,{PNG}"), most).is_ok());
        let url = format!("data:;base64,{PNG}");
        let large = read(&url, most - 1);
        assert!(matches!(large, Err(FileFault::TooLarge(size)) if size == most));
        assert!(matches!(read("data:,aaaa", 3), Err(FileFault::TooLarge(4))));
    }

    #[test]
    fn base64_is_told_from_paths() {
        let jpeg = format!("/9j/{}", "4AAQSkZJRgABAQAAAQABAAD".repeat(4));
        assert!(bytes(&jpeg).starts_with(b"\xff\xd8\xff"));
        let hash = "a/".repeat(40) + "Qkd0aGVyZWlzYWZpbGVoZXJl";
        for text in [
            "/9j/4AAQ",
            "iVBORw0KGgo",
            &hash,
            &format!("{jpeg}.jpg"),
            &format!("Qk{}", "a".repeat(70)),
            "a b",
            "data",
            "a:b/c",
            "C://",
        ] {
            let expected = (text != "C://").then(|| (*text).to_owned());
            assert_eq!(path(text), expected, "{text}");
        }
        assert_eq!(bytes(&"abcd".repeat(1100)).len(), 3300);
        assert!(matches!(
            read(&"a.".repeat(2100), 99),
            Err(FileFault::Missing(_))
        ));
        let cut = &jpeg[..jpeg.len() - 3];
        assert!(matches!(
            read(&cut[..cut.len() / 4 * 4 + 1], 99),
            Err(FileFault::Damaged(_))
        ));
    }

    #[test]
    fn addresses_are_refused_and_file_urls_are_paths() {
        for text in [
            "http://a/b.png",
            "HTTPS://a/b.png",
            "s3://b/k",
            "gs://b/k",
            "az://b",
            "hf://datasets/x",
            "x-y+z.1://a",
        ] {
            assert!(matches!(read(text, 99), Err(FileFault::Url(_))), "{text}");
        }
        for (text, expected) in [
            ("http://a/b.png", true),
            ("HTTPS://a/b.png", true),
            ("http:/a", false),
            ("https", false),
            ("s3://b/k", false),
            (" http://a", false),
        ] {
            assert_eq!(is_web_address(text), expected, "{text}");
        }
        for text in ["file://host/a.png", "file://"] {
            assert_ne!(path(text).as_deref(), Some("/a.png"));
        }
        for (text, expected) in [
            ("file:///a/b%20c.png", "/a/b c.png"),
            ("FILE://localhost/a.png", "/a.png"),
            ("file:/a.png", "/a.png"),
            ("file:///100%.png", "/100%.png"),
            ("file:x.png", "file:x.png"),
            ("1a://b", "1a://b"),
        ] {
            assert_eq!(path(text).as_deref(), Some(expected), "{text}");
        }
    }
}
