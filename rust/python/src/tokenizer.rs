//! Bindings of the tokenizer of `octomed-text`.

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray, Int64Array, LargeBinaryArray, LargeStringArray};
use arrow_array::{StringArray, StringViewArray, UInt32Array, make_array};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_pyarrow::PyArrowType;
use octomed_text::{AddedToken, Additions, Batch, BufferPool, Encoders, TextError, Tokenizer};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::error::{Error, Kind, Result, raise, say};
use crate::leave::leave;

/// A tokenizer and the encoders that rest between its batches.
#[pyclass(name = "Tokenizer", frozen, module = "octomed._octomed")]
pub struct PyTokenizer {
    encoders: Encoders,
}

/// The ids of a batch while Python has them; their memory goes back to the pool.
struct PooledIds {
    ids: Vec<u32>,
    pool: BufferPool,
}

impl Drop for PooledIds {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.ids));
    }
}

/// Ids and offsets as Arrow arrays.
type Encoded = (PyArrowType<ArrayData>, PyArrowType<ArrayData>);

impl PyTokenizer {
    /// The tokenizer itself.
    pub fn inner(&self) -> Arc<Tokenizer> {
        Arc::clone(self.encoders.tokenizer())
    }
}

#[pymethods]
impl PyTokenizer {
    /// The tokenizer that a `tokenizer.json` describes.
    ///
    /// `added` are further added tokens: content, `single_word`, `lstrip`, `rstrip`, `normalized`, `special`;
    /// `add_prefix_space` replaces that of a lone `ByteLevel` pre-tokenizer.
    #[staticmethod]
    #[pyo3(signature = (content, added=Vec::new(), add_prefix_space=None))]
    fn from_json(
        py: Python<'_>,
        content: &[u8],
        added: Vec<(String, bool, bool, bool, bool, bool)>,
        add_prefix_space: Option<bool>,
    ) -> PyResult<Self> {
        let token = |(content, single_word, lstrip, rstrip, normalized, special)| AddedToken {
            content,
            single_word,
            lstrip,
            rstrip,
            normalized,
            special,
            ..AddedToken::default()
        };
        let additions = Additions {
            added: added.into_iter().map(token).collect(),
            add_prefix_space,
        };
        leave(py, || {
            Tokenizer::from_json_with(content, &additions).map(Self::new)
        })
    }

    /// A `tokenizer.json` without its vocabulary, as JSON.
    #[staticmethod]
    #[pyo3(signature = (content))]
    fn outline(py: Python<'_>, content: &[u8]) -> PyResult<String> {
        leave(py, || Tokenizer::outline(content))
    }

    /// A vocabulary that the package carries.
    #[staticmethod]
    #[pyo3(signature = (name))]
    fn builtin(py: Python<'_>, name: &str) -> PyResult<Self> {
        leave(py, || Tokenizer::builtin(name).map(Self::new))
    }

    /// Which way text takes through the engine.
    #[getter]
    fn path(&self) -> &str {
        self.encoders.tokenizer().path()
    }

    /// One more than the largest id.
    #[getter]
    fn vocabulary_size(&self) -> usize {
        self.encoders.tokenizer().vocabulary_size()
    }

    /// A hash of everything that decides the ids, in hexadecimal.
    #[getter]
    fn content_hash(&self) -> String {
        format!("{:032x}", self.encoders.tokenizer().content_hash())
    }

    /// The id of a token as the vocabulary writes it.
    #[pyo3(signature = (token))]
    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.encoders.tokenizer().token_to_id(token)
    }

    /// Special added tokens and their ids.
    #[pyo3(signature = ())]
    fn special_tokens(&self) -> Vec<(String, u32)> {
        self.encoders.tokenizer().special_tokens()
    }

    /// Encode Arrow arrays of strings, one after the other.
    #[pyo3(signature = (arrays, threads=None))]
    fn encode_arrays(
        &self,
        py: Python<'_>,
        arrays: Vec<PyArrowType<ArrayData>>,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Encoded> {
        let arrays: Vec<ArrayRef> = arrays
            .into_iter()
            .map(|array| make_array(array.0))
            .collect();
        let mut rows = Vec::with_capacity(arrays.iter().map(|array| array.len()).sum());
        for array in &arrays {
            if let Some(row) = (0..array.len()).find(|row| array.is_null(*row)) {
                let row = rows.len() + row;
                return Err(say(Kind::Data, format!("row {row} is null"), None));
            }
            push_rows(array.as_ref(), &mut rows)?;
        }
        leave(py, || self.encode(&rows, threads))
    }

    /// Encode a list of strings.
    #[pyo3(signature = (strings: "collections.abc.Sequence[str]", threads=None))]
    fn encode_list(
        &self,
        py: Python<'_>,
        strings: Vec<Bound<'_, PyAny>>,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Encoded> {
        let texts = strings.iter().enumerate().map(|(row, text)| {
            let no_text =
                |error: PyErr| say(Kind::Data, format!("row {row} is not text: {error}"), None);
            text.extract::<PyBackedStr>().map_err(no_text)
        });
        let texts = texts.collect::<PyResult<Vec<_>>>()?;
        let rows: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        leave(py, || self.encode(&rows, threads))
    }

    /// The bytes that ids stand for.
    #[pyo3(signature = (ids))]
    fn decode(&self, ids: PyArrowType<ArrayData>) -> Result<Vec<u8>> {
        let array = make_array(ids.0);
        let ids = array.as_any().downcast_ref::<UInt32Array>();
        let ids = ids.ok_or_else(|| PyTypeError::new_err("ids must be uint32"))?;
        Ok(self.encoders.tokenizer().decode_bytes(ids.values())?)
    }
}

impl PyTokenizer {
    fn new(tokenizer: Tokenizer) -> Self {
        Self {
            encoders: Encoders::new(Arc::new(tokenizer)),
        }
    }

    /// Ids whose memory comes back when Python no longer needs them.
    fn lend(&self, ids: Vec<u32>) -> UInt32Array {
        let count = ids.len();
        let Some(first) = NonNull::new(ids.as_ptr().cast_mut().cast()) else {
            return UInt32Array::from(ids);
        };
        let owner = Arc::new(PooledIds {
            ids,
            pool: self.encoders.pool().clone(),
        });
        // SAFETY: the owner holds that many bytes of ids, where they are, and changes none.
        let buffer =
            unsafe { Buffer::from_custom_allocation(first, count * size_of::<u32>(), owner) };
        UInt32Array::new(ScalarBuffer::new(buffer, 0, count), None)
    }

    fn encode(
        &self,
        rows: &[&[u8]],
        threads: Option<NonZeroUsize>,
    ) -> std::result::Result<Encoded, TextError> {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = threads.unwrap_or_else(cores);
        let Batch { ids, offsets } = self.encoders.encode_batch(rows, threads.get())?;
        let ids = self.lend(ids).into_data();
        Ok((
            PyArrowType(ids),
            PyArrowType(Int64Array::from(offsets).into_data()),
        ))
    }
}

/// Appends the bytes of every string; pyarrow does not promise that they are UTF-8.
fn push_rows<'a>(array: &'a dyn Array, rows: &mut Vec<&'a [u8]>) -> PyResult<()> {
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<StringArray>() {
        let bytes = array.value_data();
        rows.extend(
            array
                .value_offsets()
                .windows(2)
                .map(|ends| &bytes[ends[0] as usize..ends[1] as usize]),
        );
    } else if let Some(array) = any.downcast_ref::<LargeStringArray>() {
        let bytes = array.value_data();
        rows.extend(
            array
                .value_offsets()
                .windows(2)
                .map(|ends| &bytes[ends[0] as usize..ends[1] as usize]),
        );
    } else if let Some(array) = any.downcast_ref::<StringViewArray>() {
        rows.extend(array.bytes_iter());
    } else if let Some(array) = any.downcast_ref::<BinaryArray>() {
        rows.extend(array.iter().flatten());
    } else if let Some(array) = any.downcast_ref::<LargeBinaryArray>() {
        rows.extend(array.iter().flatten());
    } else {
        return Err(PyTypeError::new_err(format!(
            "expected strings, not {}",
            array.data_type()
        )));
    }
    Ok(())
}

impl From<TextError> for Error {
    fn from(error: TextError) -> Self {
        let kind = match error {
            TextError::TokenizerFile(_) | TextError::UnknownVocabulary { .. } => Kind::Recipe,
            TextError::BadRange { .. } => Kind::Internal,
            _ => Kind::Data,
        };
        raise(kind, &error, None).into()
    }
}
