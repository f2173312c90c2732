//! The `tojson` filter as `transformers` overrides it: Python's `json.dumps`, no HTML escapes.

use std::fmt::Write;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use octomed_meter::{charge_bytes, charge_items, written};

/// Fuel for each value, whose finding and writing takes as long as some instructions do.
const OF_VALUE: usize = 4;

/// How `json.dumps` lays out what it writes.
struct Layout<'s, 'a, 'b> {
    state: &'s State<'a, 'b>,
    ascii: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sorted: bool,
}

/// `json.dumps(value, ensure_ascii, indent, separators, sort_keys)`.
#[allow(clippy::needless_pass_by_value)] // the engine hands keyword arguments over
pub(super) fn tojson(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<Value> = options.get("indent")?;
    let indent = indent
        .filter(|indent| !indent.is_none())
        .map(|indent| match indent.as_usize() {
            Some(width) => charge_bytes(state, width).map(|()| " ".repeat(width)),
            None => written(state, &indent),
        })
        .transpose()?;
    let separators: Option<Vec<String>> = options.get("separators")?;
    let default = [if indent.is_some() { "," } else { ", " }, ": "].map(ToOwned::to_owned);
    let mut separators = separators.unwrap_or(default.to_vec()).into_iter();
    let layout = Layout {
        state,
        ascii: options
            .get::<Option<bool>>("ensure_ascii")?
            .unwrap_or(false),
        sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        indent,
        item_separator: separators.next().unwrap_or_default(),
        key_separator: separators.next().unwrap_or_default(),
    };
    options.assert_all_used()?;
    let mut out = String::new();
    layout.write(value, 0, &mut out)?;
    Ok(Value::from(out))
}

impl Layout<'_, '_, '_> {
    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        charge_items(self.state, OF_VALUE)?;
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&value.to_string()),
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                charge_bytes(self.state, text.len())?;
                self.write_string(text, out);
            }
            ValueKind::Seq => self.write_list(value, depth, out)?,
            ValueKind::Map => self.write_map(value, depth, out)?,
            kind => {
                let detail = format!("{kind} is not JSON serializable");
                return Err(Error::new(ErrorKind::InvalidOperation, detail));
            }
        }
        Ok(())
    }

    fn write_list(&self, list: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        let mut open = false;
        for item in list.try_iter()? {
            self.begin_item('[', &mut open, depth, out)?;
            self.write(&item, depth + 1, out)?;
        }
        self.end("[]", open, depth, out);
        Ok(())
    }

    fn write_map(&self, map: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        let mut keys: Vec<Value> = map.try_iter()?.collect();
        if self.sorted {
            keys.sort();
        }
        let mut open = false;
        for key in keys {
            self.begin_item('{', &mut open, depth, out)?;
            match key.as_str() {
                Some(text) => self.write_string(text, out),
                None => write!(out, "\"{key}\"").map_err(|_| ErrorKind::WriteFailure)?,
            }
            out.push_str(&self.key_separator);
            self.write(&map.get_item(&key)?, depth + 1, out)?;
        }
        self.end("{}", open, depth, out);
        Ok(())
    }

    fn begin_item(
        &self,
        bracket: char,
        open: &mut bool,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Error> {
        let indent = self.indent.as_ref().map_or(0, String::len);
        let separators = self.item_separator.len() + self.key_separator.len();
        charge_bytes(
            self.state,
            indent.saturating_mul(depth + 1).saturating_add(separators),
        )?;
        if *open {
            out.push_str(&self.item_separator);
        } else {
            out.push(bracket);
            *open = true;
        }
        self.break_line(depth + 1, out);
        Ok(())
    }

    fn end(&self, brackets: &str, open: bool, depth: usize, out: &mut String) {
        if open {
            self.break_line(depth, out);
            out.push_str(&brackets[1..]);
        } else {
            out.push_str(brackets);
        }
    }

    fn break_line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    }

    fn write_string(&self, text: &str, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                _ if character < ' ' || (self.ascii && !(' '..='~').contains(&character)) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}"); // writing to a String cannot fail
                    }
                }
                _ => out.push(character),
            }
        }
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use crate::template::environment;

    /// What Python 3.11 gives for the same values and options.
    #[test]
    fn tojson_is_json_dumps() {
        let cases = [
            (
                "{{ {'b': [1, 2.5, true, none], 'a': '<&\\'é\"\\n\\x01'} | tojson }}",
                r#"{"b": [1, 2.5, true, null], "a": "<&'é\"\n\u0001"}"#,
            ),
            (
                "{{ {'b': [], 'a': {}} | tojson(indent=2, sort_keys=true) }}",
                "{\n  \"a\": {},\n  \"b\": []\n}",
            ),
            (
                "{{ ['é😀'] | tojson(ensure_ascii=true) }}",
                r#"["\u00e9\ud83d\ude00"]"#,
            ),
            (
                "{{ [1, {'a': 2}] | tojson(separators=(',', ':')) }}",
                r#"[1,{"a":2}]"#,
            ),
            (
                "{{ [1, [2]] | tojson(indent=1) }}",
                "[\n 1,\n [\n  2\n ]\n]",
            ),
        ];
        for (source, expected) in cases {
            assert_eq!(
                environment().unwrap().render_str(source, ()).unwrap(),
                expected,
                "{source}"
            );
        }
    }
}
