//! Results cross as the records that the Python side has for them: each is defined once, there.

use std::marker::PhantomData;

use pyo3::IntoPyObjectExt;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::type_hint_identifier;
use pyo3::types::{PyDict, PyList};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::trace::as_json;

/// A dataclass of Python's.
pub trait Class {
    /// Its module.
    const MODULE: &'static str;
    /// Its name there.
    const NAME: &'static str;
    /// Its name in the stubs.
    const HINT: PyStaticExpr;
}

macro_rules! classes {
    ($($name:ident of $module:literal),* $(,)?) => {$(
        #[doc = concat!("`", $module, ".", stringify!($name), "`.")]
        pub struct $name;

        impl Class for $name {
            const MODULE: &'static str = $module;
            const NAME: &'static str = stringify!($name);
            const HINT: PyStaticExpr = type_hint_identifier!($module, stringify!($name));
        }
    )*};
}

classes! {
    BlockHeader of "octomed.store_files",
    Counts of "octomed.run_file",
    ShardInfo of "octomed.mds_index",
    SourceCounts of "octomed.run_file",
    StreamEntry of "octomed.run_file",
}

/// A record of a Python class, by the names that serde has for its fields.
pub struct Record<C> {
    value: Value,
    class: PhantomData<C>,
}

impl<C> Record<C> {
    /// The record that says what `value` says; fields that it does not have keep their defaults.
    pub fn of(value: &impl Serialize) -> Result<Self> {
        let value = serde_json::to_value(value)?;
        let class = PhantomData;
        Ok(Self { value, class })
    }

    /// What the record says.
    pub fn read<T: DeserializeOwned>(self) -> Result<T> {
        Ok(serde_json::from_value(self.value)?)
    }
}

impl<'py, C: Class> IntoPyObject<'py> for Record<C> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr = C::HINT;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let class = py.import(C::MODULE)?.getattr(C::NAME)?;
        let value = plain(py, &self.value)?;
        py.import("octomed.strict_json")?
            .call_method1("read_as", (class, value))
    }
}

impl<'py, C: Class> FromPyObject<'_, 'py> for Record<C> {
    type Error = Error;
    const INPUT_TYPE: PyStaticExpr = C::HINT;

    fn extract(record: Borrowed<'_, 'py, PyAny>) -> Result<Self> {
        let strict_json = record.py().import("octomed.strict_json")?;
        let json = as_json(&strict_json.call_method1("plain", (record,))?)?;
        let value = serde_json::from_str(&json)?;
        let class = PhantomData;
        Ok(Self { value, class })
    }
}

/// The value as Python's `json` would read it.
fn plain<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::Number(number) => match number.as_u64() {
            Some(number) => number.into_bound_py_any(py),
            None => number.as_f64().into_bound_py_any(py),
        },
        Value::String(text) => text.into_bound_py_any(py),
        Value::Array(values) => {
            let list = PyList::empty(py);
            values
                .iter()
                .try_for_each(|value| list.append(plain(py, value)?))?;
            Ok(list.into_any())
        }
        Value::Object(values) => {
            let dict = PyDict::new(py);
            values
                .iter()
                .try_for_each(|(key, value)| dict.set_item(key, plain(py, value)?))?;
            Ok(dict.into_any())
        }
    }
}
