//! The Python extension: arguments in, errors out.

mod batch;
mod check;
mod csv;
mod cutters;
mod engine;
mod error;
mod json_shape;
mod layout;
mod leave;
mod mds;
mod pack;
mod pages;
mod preview;
mod template;
mod tokenizer;
mod trace;

use pyo3::prelude::*;

/// The compiled half of `octomed`; users import the Python classes that wrap it.
#[pymodule]
fn _octomed(module: &Bound<'_, PyModule>) -> PyResult<()> {
    batch::register(module)?;
    check::register(module)?;
    csv::register(module)?;
    cutters::register(module)?;
    engine::register(module)?;
    json_shape::register(module)?;
    layout::register(module)?;
    mds::register(module)?;
    pack::register(module)?;
    pages::register(module)?;
    preview::register(module)?;
    template::register(module)?;
    tokenizer::register(module)?;
    trace::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
