//! Rows inside of one JSON object: the entries of a list in it, or the values of its members.

use crate::block::Block;
use crate::error::TraceError;
use crate::json;
use crate::value::Value;

use super::json_bytes::{InString, Steps};
use super::json_shape::is_mark;
use super::pending::Pending;

const MAX_KEY_BYTES: usize = 1 << 16;
const MAX_KEYS: usize = 20;

/// Cuts a file that is one object into blocks; a task is the whole file.
///
/// The rows are the entries of the list, or the values of the members of the object, to which a path of keys
/// leads; an empty path means the file's own object. Positions are row numbers. What stands elsewhere in the
/// file is stepped over: only its brackets are looked at.
#[derive(Debug)]
pub struct JsonRowsCutter {
    path: Vec<String>,
    /// Keys of the path that were met, and whose objects are open.
    found: usize,
    state: State,
    /// Brackets that are open.
    depth: usize,
    string: InString,
    /// The key that is being read, or was read last.
    key: Vec<u8>,
    /// Keys besides the one that is looked for, for the message.
    keys: Vec<String>,
    /// Offset of the next byte.
    at: u64,
    row_start: u64,
    row: u64,
    pending: Pending,
}

/// Where the next byte stands, strings aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the value that holds the rows, or that leads to it.
    Value,
    /// In an object of the path, before a key or the object's end.
    Key,
    /// Behind a key, before `:`.
    Colon,
    /// In a value that the path does not lead to.
    Other,
    /// Among the rows; in an object before a key or after its value.
    Row { in_object: bool },
    /// Before the key of a row.
    RowKey,
    /// Behind the key of a row, before `:`.
    RowColon,
    /// Behind the rows, in what is left of the object.
    Rest,
    /// Behind the object.
    Behind,
}

impl JsonRowsCutter {
    /// A cutter for a whole file. A block is cut when its rows reach `target` bytes.
    pub fn new(path: Vec<String>, target: u64) -> Self {
        Self {
            path,
            found: 0,
            state: State::Value,
            depth: 0,
            string: InString::default(),
            key: Vec::new(),
            keys: Vec::new(),
            at: 0,
            row_start: 0,
            row: 0,
            pending: Pending::new(target),
        }
    }

    /// Rows so far, refused ones counted.
    pub fn rows(&self) -> u64 {
        self.row
    }

    /// Takes the next bytes of the file and gives the blocks that they complete.
    ///
    /// # Errors
    /// [`TraceError::RowsNotFound`], [`TraceError::NoRowsHeld`], [`TraceError::DocumentBroken`].
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Block>, TraceError> {
        self.take(chunk)
    }

    /// Ends the file and gives the last block.
    ///
    /// # Errors
    /// [`TraceError::DocumentTruncated`] when the object does not close.
    pub fn finish(&mut self) -> Result<Option<Block>, TraceError> {
        if self.state != State::Behind {
            return Err(TraceError::DocumentTruncated { at: self.at });
        }
        Ok(self.pending.cut(self.row))
    }

    fn in_row(&self) -> bool {
        matches!(self.state, State::Row { .. })
    }

    fn text(&mut self, chunk: &[u8]) -> usize {
        let taken = self.string.step(chunk);
        if self.in_row() {
            self.pending.extend(&chunk[..taken]);
        } else if self.state == State::Colon && self.key.len() < MAX_KEY_BYTES {
            self.key.extend_from_slice(&chunk[..taken]);
        }
        taken
    }

    fn structure(&mut self, byte: u8, blocks: &mut Vec<Block>) -> Result<(), TraceError> {
        match self.state {
            State::Row { in_object } => {
                blocks.extend(self.row_byte(byte, in_object));
                Ok(())
            }
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => Ok(()),
            State::Value => self.value(byte),
            State::Key => self.key_byte(byte),
            State::Colon => self.colon(byte),
            State::Other => self.other(byte),
            State::RowKey => self.row_key(byte),
            State::RowColon if byte == b':' => {
                self.row_start = self.at + 1;
                self.state = State::Row { in_object: true };
                Ok(())
            }
            State::Rest => self.rest(byte),
            State::RowColon | State::Behind => Err(self.broken()),
        }
    }

    fn broken(&self) -> TraceError {
        TraceError::DocumentBroken { at: self.at }
    }

    fn value(&mut self, byte: u8) -> Result<(), TraceError> {
        let is_target = self.found == self.path.len();
        match byte {
            b'{' if is_target => self.state = State::RowKey,
            b'[' if is_target && self.found > 0 => {
                self.row_start = self.at + 1;
                self.state = State::Row { in_object: false };
            }
            b'{' => self.state = State::Key,
            _ if is_mark(self.at, byte) => return Ok(()),
            _ if self.found == 0 => return Err(self.broken()),
            _ => {
                return Err(TraceError::NoRowsHeld {
                    path: self.path[..self.found].join("."),
                });
            }
        }
        self.depth += 1;
        Ok(())
    }

    fn key_byte(&mut self, byte: u8) -> Result<(), TraceError> {
        match byte {
            b'"' => {
                self.key = vec![b'"'];
                self.string.begin();
                self.state = State::Colon;
                Ok(())
            }
            b'}' => Err(self.not_found()),
            _ => Err(self.broken()),
        }
    }

    fn not_found(&self) -> TraceError {
        TraceError::RowsNotFound {
            path: self.path[..=self.found].join("."),
            keys: self.keys.clone(),
        }
    }

    fn colon(&mut self, byte: u8) -> Result<(), TraceError> {
        if byte != b':' {
            return Err(self.broken());
        }
        let key = String::from_utf8_lossy(&self.key);
        let key = match json::parse(&key) {
            Ok(Value::Text(text)) => text.into_owned(),
            _ => return Err(self.broken()),
        };
        if key == self.path[self.found] {
            self.found += 1;
            self.keys.clear();
            self.state = State::Value;
        } else {
            if self.keys.len() < MAX_KEYS {
                self.keys.push(key);
            }
            self.state = State::Other;
        }
        Ok(())
    }

    /// Steps over a value of the object that is `found + 1` deep.
    fn other(&mut self, byte: u8) -> Result<(), TraceError> {
        match byte {
            b'"' => self.string.begin(),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth == self.found + 1 => return Err(self.not_found()),
            b'}' | b']' => self.depth -= 1,
            b',' if self.depth == self.found + 1 => self.state = State::Key,
            _ => {}
        }
        Ok(())
    }

    fn row_key(&mut self, byte: u8) -> Result<(), TraceError> {
        match byte {
            b'"' => {
                self.string.begin();
                self.state = State::RowColon;
            }
            b'}' if self.row == 0 => self.end_rows(),
            _ => return Err(self.broken()),
        }
        Ok(())
    }

    /// Takes a byte of a row outside of strings. The rows' own brackets are checked when they are read.
    fn row_byte(&mut self, byte: u8, in_object: bool) -> Option<Block> {
        let outer = self.found + 1;
        match byte {
            b'"' => self.string.begin(),
            b'{' | b'[' => self.depth += 1,
            b',' | b'}' | b']' if self.depth == outer => return self.end_row(byte, in_object),
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        self.pending.extend(&[byte]);
        None
    }

    fn end_row(&mut self, byte: u8, in_object: bool) -> Option<Block> {
        let start = std::mem::replace(&mut self.row_start, self.at + 1);
        let row = self.row;
        let is_last = byte != b',';
        if is_last {
            self.end_rows();
        } else if in_object {
            self.state = State::RowKey;
        }
        if is_last && row == 0 && !in_object && self.pending.is_blank() {
            self.pending.drop_open();
            return None;
        }
        self.row += 1;
        self.pending.close(row, row, self.at - start, self.row)
    }

    fn end_rows(&mut self) {
        self.depth -= 1;
        self.state = if self.depth == 0 {
            State::Behind
        } else {
            State::Rest
        };
    }

    fn rest(&mut self, byte: u8) -> Result<(), TraceError> {
        match byte {
            b'"' => self.string.begin(),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.state = State::Behind;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Steps for JsonRowsCutter {
    fn step(&mut self, chunk: &[u8], blocks: &mut Vec<Block>) -> Result<usize, TraceError> {
        if self.string.is_open() {
            return Ok(self.text(chunk));
        }
        self.structure(chunk[0], blocks)?;
        Ok(1)
    }

    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
    }
}
