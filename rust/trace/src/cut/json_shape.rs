//! What a JSON file is as a whole: rows line by line, one array, or one object that is a row or holds rows.

use crate::json;
use crate::value::Value;

/// Deeper nesting is no row: such a text is left to the reader of lines, which refuses it with its place.
const MAX_DEPTH: usize = 128;
/// A list on one line so long is an array of rows; a line of JSON Lines that is a list would be refused anyway.
const LONG_LIST: u64 = 1 << 20;
const MAX_KEYS: usize = 1000;
const MAX_KEY_BYTES: usize = 1 << 10;

/// How the rows are laid out in a JSON file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Nothing but white space.
    Empty,
    /// One value a line, or a text that is not JSON.
    Lines,
    /// One list.
    Array,
    /// One object.
    Object,
    /// Objects one after the other, each over several lines.
    Objects,
}

/// What a key of the first object holds, by the first bytes of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// An object.
    Object,
    /// A list whose first entry is an object.
    Objects,
    /// Anything else.
    Other,
}

/// Whether this is the byte of a byte order mark at the start of a file.
pub(super) fn is_mark(at: u64, byte: u8) -> bool {
    matches!((at, byte), (0, 0xef) | (1, 0xbb) | (2, 0xbf))
}

/// Looks at a file's first value up to where it closes, and at the byte after it; keeps only keys.
#[derive(Debug, Default)]
pub struct JsonShape {
    layout: Option<Layout>,
    /// Offset of the next byte.
    at: u64,
    /// Brackets that are open.
    open: Vec<u8>,
    /// The last byte that is no white space, outside of strings; 0 before the first.
    before: u8,
    in_text: bool,
    escaped: bool,
    is_array: bool,
    closed: bool,
    /// Whether a line ended inside of the first value.
    broke_line: bool,
    /// Whether a line ended after it.
    line_behind: bool,
    /// Whether the string that is open is a key of the first object.
    in_key: bool,
    key: Vec<u8>,
    keys: Vec<(String, Held)>,
    members: u64,
    objects: u64,
}

impl JsonShape {
    /// A look at a file of which nothing was read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes; true when nothing more needs to be read.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        for &byte in chunk {
            if self.layout.is_some() {
                return true;
            }
            self.take(byte);
            self.at += 1;
        }
        self.layout.is_some()
    }

    /// How the rows are laid out, once the file ended or [`Self::feed`] said that it is enough.
    pub fn layout(&self) -> Layout {
        match self.layout {
            Some(layout) => layout,
            None if self.before == 0 => Layout::Empty,
            // An object cut off on its first line is a broken row; over several lines, a broken document.
            None if self.is_array => Layout::Array,
            None if self.closed || self.broke_line => Layout::Object,
            None => Layout::Lines,
        }
    }

    /// The first keys of the first object, and what they hold.
    pub fn keys(&self) -> &[(String, Held)] {
        &self.keys
    }

    /// Whether the first value ends on the line on which it begins.
    pub fn is_on_one_line(&self) -> bool {
        !self.broke_line
    }

    /// Whether the first object holds objects and nothing else.
    pub fn holds_only_objects(&self) -> bool {
        self.members > 0 && self.members == self.objects
    }

    fn take(&mut self, byte: u8) {
        if self.closed {
            self.behind(byte);
        } else if self.in_text {
            self.text(byte);
        } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            self.broke_line |= byte == b'\n' && self.before != 0;
            if self.is_array && self.broke_line {
                self.layout = Some(Layout::Array);
            }
        } else if self.before == 0 && is_mark(self.at, byte) {
            // A byte order mark.
        } else {
            self.structure(byte);
            self.before = byte;
        }
        if self.is_array && self.at > LONG_LIST && !self.closed {
            self.layout = Some(Layout::Array);
        }
    }

    fn behind(&mut self, byte: u8) {
        match byte {
            b'\n' => self.line_behind = true,
            b' ' | b'\t' | b'\r' => {}
            _ if self.is_array && !self.line_behind => self.layout = Some(Layout::Array),
            b'{' if self.broke_line && !self.is_array => self.layout = Some(Layout::Objects),
            _ => self.layout = Some(Layout::Lines),
        }
    }

    fn text(&mut self, byte: u8) {
        match byte {
            b'\n' => self.layout = Some(Layout::Lines), // a string never spans lines: this one is broken
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_text = false;
                return;
            }
            _ => {}
        }
        if self.in_key && self.key.len() < MAX_KEY_BYTES {
            self.key.push(byte);
        }
    }

    /// Takes a byte outside of strings that is no white space.
    fn structure(&mut self, byte: u8) {
        let key_next = self.open.last() == Some(&b'{') && matches!(self.before, b'{' | b',');
        if !self.fits(byte, key_next) || self.open.len() > MAX_DEPTH {
            self.layout = Some(Layout::Lines);
            return;
        }
        self.note_value(byte);
        match byte {
            b'"' => {
                self.in_text = true;
                self.in_key = self.open.len() == 1 && key_next;
                if self.in_key {
                    self.key.clear();
                }
            }
            b'{' | b'[' => {
                self.is_array |= self.open.is_empty() && byte == b'[';
                self.open.push(byte);
            }
            b'}' | b']' => {
                self.open.pop();
                self.closed = self.open.is_empty();
            }
            _ => {}
        }
    }

    /// Whether the byte may stand here in JSON, as far as brackets, keys and commas go.
    fn fits(&self, byte: u8, key_next: bool) -> bool {
        let in_object = self.open.last() == Some(&b'{');
        let begins = matches!(self.before, 0 | b'[' | b':') || (self.before == b',' && !in_object);
        match byte {
            b'{' | b'[' => begins,
            _ if self.open.is_empty() => false,
            b'"' => begins || key_next,
            b'}' => in_object && self.before != b':',
            b']' => !in_object,
            b':' => in_object && self.before == b'"',
            _ => !key_next,
        }
    }

    /// Notes what the first byte of a value says of it.
    fn note_value(&mut self, byte: u8) {
        if self.is_array {
            return;
        }
        if self.open.len() == 1 && self.before == b':' {
            let held = if byte == b'{' {
                Held::Object
            } else {
                Held::Other
            };
            self.members += 1;
            self.objects += u64::from(held == Held::Object);
            if self.keys.len() < MAX_KEYS {
                let key = self.key_text();
                self.keys.push((key, held));
            }
        } else if self.open == *b"{["
            && self.before == b'['
            && byte == b'{'
            && self.members <= MAX_KEYS as u64
            && let Some(last) = self.keys.last_mut()
        {
            last.1 = Held::Objects;
        }
    }

    fn key_text(&self) -> String {
        let raw = String::from_utf8_lossy(&self.key);
        match json::parse(&format!("\"{raw}\"")) {
            Ok(Value::Text(text)) => text.into_owned(),
            _ => raw.into_owned(),
        }
    }
}
