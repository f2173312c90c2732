//! JSON as Python's `json.dumps(…, sort_keys=True)` writes it: spaces after separators, ASCII only.
//!
//! Fields of the serialized types are declared in sorted order.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Separators and escapes of Python's `json`.
struct PythonStyle;

impl Formatter for PythonStyle {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        separate(out, first)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        separate(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for character in text.chars() {
            if matches!(character, ' '..='~') {
                write!(out, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

fn separate<W: ?Sized + Write>(out: &mut W, first: bool) -> io::Result<()> {
    if first { Ok(()) } else { out.write_all(b", ") }
}

/// The bytes that Python writes for `value`.
pub(crate) fn to_python_json(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    // Neither writing to memory nor structs with text keys can fail.
    let written = value.serialize(&mut Serializer::with_formatter(&mut out, PythonStyle));
    debug_assert!(written.is_ok(), "{written:?}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_python_does() {
        let text = "\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f} ~\u{7f}é\u{2028}漢😀/";
        let expected =
            r#"["\"\\\b\f\n\r\t\u0001\u001f ~\u007f\u00e9\u2028\u6f22\ud83d\ude00/", null]"#;
        assert_eq!(to_python_json(&(text, None::<u8>)), expected.as_bytes());
    }
}
