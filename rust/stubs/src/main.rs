//! Prints the type stubs of the Python extension: PyO3 keeps the types of the bindings among its symbols.

use std::error::Error;

use pyo3_introspection::{introspect_cdylib, module_stub_files};

fn main() -> Result<(), Box<dyn Error>> {
    let library = std::env::args_os()
        .nth(1)
        .ok_or("usage: octomed-stubs LIBRARY")?;
    let module = introspect_cdylib(library, "_octomed")?;
    for stubs in module_stub_files(&module).values() {
        print!("{stubs}");
    }
    Ok(())
}
