//! Bindings of the page headers of Parquet files, and of the messages of Arrow files: how large they are.

use std::fs::File;
use std::path::PathBuf;

use octomed_trace::{ArrowMessages, ChunkPages, arrow_messages, chunk_pages, longest_text};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::error::Error;
use crate::leave::leave;

/// What a column chunk of a Parquet file needs: the bytes of its largest page, the values of the page that has
/// most, the bytes of a value at most on average of a page, and, where values stand in a dictionary, where its bytes
/// begin and how many they are, stored and uncompressed.
type Pages = (u64, u64, u64, Option<[u64; 3]>);

/// The pages of chunks that begin at `(offset, values)`.
#[pyfunction]
#[pyo3(signature = (path, chunks))]
pub fn parquet_pages(
    py: Python<'_>,
    path: PathBuf,
    chunks: Vec<(u64, u64)>,
) -> PyResult<Vec<Pages>> {
    leave(py, || {
        let file = File::open(path)?;
        let mut found = Vec::with_capacity(chunks.len());
        for (offset, values) in chunks {
            let pages = chunk_pages(&file, offset, values)?;
            let dictionary = pages.dictionary.filter(|_| pages.uses_dictionary);
            let ChunkPages {
                largest_page,
                most_values,
                bytes_a_value,
                ..
            } = pages;
            found.push((largest_page, most_values, bytes_a_value, dictionary));
        }
        Ok::<_, Error>(found)
    })
}

/// The length of the longest text in the bytes of a Parquet dictionary of texts.
#[pyfunction]
#[pyo3(signature = (dictionary))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn longest_of_dictionary(py: Python<'_>, dictionary: PyBackedBytes) -> PyResult<u64> {
    leave(py, || Ok::<_, Error>(longest_text(&dictionary)))
}

/// Bytes of the largest record batch of an Arrow file or stream, of all dictionaries together, and rows in all.
#[pyfunction]
#[pyo3(signature = (path))]
pub fn arrow_sizes(py: Python<'_>, path: PathBuf) -> PyResult<(u64, u64, u64)> {
    leave(py, || {
        let ArrowMessages {
            largest_batch,
            dictionaries,
            rows,
        } = arrow_messages(&File::open(path)?)?;
        Ok::<_, Error>((largest_batch, dictionaries, rows))
    })
}
