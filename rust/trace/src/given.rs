//! Columns that a file does not have and its place gives to all of its rows: folders called `lang=en`.

use std::borrow::Cow;

use crate::mapping::Mapping;
use crate::read::Slots;
use crate::reason::Reason;
use crate::value::{Fault, Value};

/// Columns and their value, null where the folder says so.
#[derive(Debug)]
pub(crate) struct Given(Vec<(String, Option<String>)>);

/// Which of a mapping's keys is given, and its value.
pub(crate) type GivenSlot<'a> = (usize, Option<&'a str>);

impl Given {
    pub(crate) fn new(columns: Vec<(String, Option<String>)>) -> Self {
        Self(columns)
    }

    /// Those that a mapping reads.
    pub(crate) fn slots(&self, mapping: &Mapping) -> Vec<GivenSlot<'_>> {
        let mapped = &mapping.keys[..mapping.mapped];
        let found = self.0.iter().filter_map(|(column, value)| {
            let slot = mapped.iter().position(|key| key == column)?;
            Some((slot, value.as_deref()))
        });
        found.collect()
    }
}

/// Puts what is given into `slots`; a row that has such a column itself is refused.
pub(crate) fn fill<'a>(
    mapping: &Mapping,
    given: &[GivenSlot<'a>],
    slots: &mut Slots<'a>,
) -> Result<(), Fault> {
    for (slot, value) in given {
        if slots[*slot].is_some() {
            let key = &mapping.keys[*slot];
            let detail = format!("the row has `{key}`, which the name of its folder says, too");
            return Err(Fault::new(Reason::DuplicateKey, detail));
        }
        let text = value.map(|text| Value::Text(Cow::Borrowed(text)));
        slots[*slot] = Some(text.unwrap_or(Value::Null));
    }
    Ok(())
}
