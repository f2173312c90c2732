//! Values that a template keeps: bounded in depth and size, so that whatever walks them ends.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// How deep lists and mappings may lie in each other: dropping, comparing and writing go as deep as they do.
const DEEPEST: usize = 64;
/// Values visited for one unit of fuel; below [`DEEP`] each one costs one, for lists that hold one another lie there,
/// and the turns of a conversation do not.
const VISITS: u64 = 4;
const DEEP: usize = 8;
/// Bytes of text that cost one unit to compare, as to make.
const BYTES: u64 = 64;
/// Text that a value may hold before anybody asks whether the fuel would last to write it.
const SHORT: u64 = 1 << 20;

/// Gives the value of a variable back, once all that is in it has been visited: one that holds another twice, and that
/// one another twice, and so on, has no end that fuel would last for. Nor may it hold more text than the fuel that is
/// left could write: the engine writes a list in one go where it is joined to a text, and counts afterwards.
#[allow(clippy::needless_pass_by_value, reason = "what the engine hands over")]
pub(crate) fn held(state: &State, value: Value) -> Result<Value, Error> {
    Walk {
        state,
        visits: 0,
        text: 0,
        within_namespace: false,
    }
    .settle(value, 0)
}

/// The same for what a namespace keeps, which may be no namespace: one could hold itself.
#[allow(clippy::needless_pass_by_value, reason = "what the engine hands over")]
pub(crate) fn held_within(state: &State, value: Value) -> Result<Value, Error> {
    Walk {
        state,
        visits: 0,
        text: 0,
        within_namespace: true,
    }
    .settle(value, 0)
}

/// Gives a value back that is about to be compared or looked up, once all that it holds is paid for, texts and keys
/// among it.
#[allow(clippy::needless_pass_by_value, reason = "what the engine hands over")]
pub(crate) fn weighed(state: &State, value: Value) -> Result<Value, Error> {
    if is_container(&value) {
        weigh(state, &value)?; // the engine has a filter's text paid for
    }
    Ok(value)
}

/// Pays for all that a value holds, shared parts each time; gives what that was.
pub(crate) fn weigh(state: &State, value: &Value) -> Result<u64, Error> {
    let mut scale = Scale {
        state,
        visits: 0,
        paid: 0,
    };
    scale.add(value, 0)?;
    Ok(scale.paid)
}

pub(crate) fn is_container(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map
    )
}

struct Scale<'s, 'a, 'b> {
    state: &'s State<'a, 'b>,
    visits: u64,
    paid: u64,
}

impl Scale<'_, '_, '_> {
    fn add(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.visits += 1;
        let mut price = value.as_str().map_or(0, |text| text.len() as u64 / BYTES);
        price += u64::from(depth > DEEP || self.visits.is_multiple_of(VISITS));
        if price > 0 {
            self.state.consume_fuel(price)?;
            self.paid += price;
        }
        if !is_container(value) {
            return Ok(());
        }
        if depth == DEEPEST {
            return refused("a value holds lists or mappings too deep in each other").map(drop);
        }
        let is_map = value.kind() == ValueKind::Map;
        for item in value.try_iter()? {
            self.add(&item, depth + 1)?;
            if is_map {
                self.add(&value.get_item(&item)?, depth + 1)?;
            }
        }
        Ok(())
    }
}

struct Walk<'s, 'a, 'b> {
    state: &'s State<'a, 'b>,
    visits: u64,
    /// Bytes of all texts met, shared ones each time.
    text: u64,
    within_namespace: bool,
}

impl Walk<'_, '_, '_> {
    fn settle(&mut self, value: Value, depth: usize) -> Result<Value, Error> {
        self.visits += 1;
        if depth > DEEP || self.visits.is_multiple_of(VISITS) {
            self.state.consume_fuel(1)?;
        }
        let kind = value.kind();
        if !matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
            self.read(&value)?;
            return Ok(value);
        }
        if depth == DEEPEST {
            return refused("a value holds lists or mappings too deep in each other");
        }
        if self.within_namespace && is_namespace(&value) {
            return refused("a namespace cannot hold a namespace");
        }
        if kind == ValueKind::Iterable {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                items.push(self.settle(item, depth + 1)?);
            }
            return Ok(Value::from(items));
        }
        for key in value.try_iter()? {
            let item = if kind == ValueKind::Seq {
                key
            } else {
                self.read(&key)?;
                value.get_item(&key)?
            };
            self.settle(item, depth + 1)?;
        }
        Ok(value)
    }

    /// Adds a text to those that were met; an error once the fuel that is left would not last to write them.
    fn read(&mut self, value: &Value) -> Result<(), Error> {
        self.text += value.as_str().map_or(0, |text| text.len() as u64);
        if self.text < SHORT {
            return Ok(());
        }
        let price = self.text / BYTES;
        match self.state.fuel_levels() {
            Some((_, left)) if left < price => self.state.consume_fuel(price),
            _ => Ok(()),
        }
    }
}

fn refused(why: &'static str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, why))
}

fn is_namespace(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.type_name().ends_with("::Namespace"))
}
