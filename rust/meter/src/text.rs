//! What filters and methods of our own make is paid for before it is made.

use std::fmt::{self, Write};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Output, State, Value, escape_formatter};

/// Bytes that one unit of fuel pays for, as in minijinja.
const BYTES: usize = 64;
/// Fuel for each piece of which a list or mapping is written: to find an item and write it takes as long as some
/// instructions do, and a list may hold another one twice, and that one another one, and so on.
const OF_PIECE: usize = 2;

/// Pays for bytes that are about to be made.
///
/// # Errors
/// When the fuel does not last.
pub fn charge_bytes(state: &State, bytes: usize) -> Result<(), Error> {
    state.consume_fuel((bytes / BYTES) as u64)
}

/// Pays for items that are about to be made or visited.
///
/// # Errors
/// When the fuel does not last.
pub fn charge_items(state: &State, items: usize) -> Result<(), Error> {
    state.consume_fuel(items as u64)
}

/// A value as text, paid for as it is written: a list may hold one long text a million times.
///
/// # Errors
/// When the fuel does not last, or the value cannot be written.
pub fn written(state: &State, value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        charge_bytes(state, text.len())?;
        return Ok(text.to_owned());
    }
    let mut out = Paid {
        state,
        text: String::new(),
        error: None,
    };
    let result = write!(out, "{value}");
    match (result, out.error) {
        (Ok(()), _) => Ok(out.text),
        (Err(_), Some(error)) => Err(error),
        (Err(_), None) => Err(Error::from(ErrorKind::WriteFailure)),
    }
}

/// A formatter that pays for lists and mappings as they are written, and writes all else as the engine does.
///
/// # Errors
/// When the fuel does not last, or the value cannot be written.
pub fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let kind = value.kind();
    if matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
        let text = written(state, value)?;
        return out.write_str(&text).map_err(Error::from);
    }
    escape_formatter(out, state, value)
}

struct Paid<'s, 'a, 'b> {
    state: &'s State<'a, 'b>,
    text: String,
    error: Option<Error>,
}

impl Write for Paid<'_, '_, '_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let paid =
            charge_items(self.state, OF_PIECE).and_then(|()| charge_bytes(self.state, piece.len()));
        if let Err(error) = paid {
            self.error = Some(error);
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        Ok(())
    }
}
