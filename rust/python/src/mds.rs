//! Bindings of `octomed-mds`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use numpy::PyReadonlyArray1;
use octomed_mds::{Dtype, Kind as Stored, MdsError, Reader, Schema, Shard, Value, Writer};
use pyo3::exceptions::PyIndexError;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyTuple};
use pyo3::{PyTypeInfo, type_hint_identifier, type_hint_subscript, type_hint_union};

use crate::error::{Error, Kind, Result, raise, say};
use crate::leave::leave;

/// A value of a row: encoded bytes, or data type, shape and bytes of an array.
enum Given<'py> {
    Bytes(PyBackedBytes),
    Array(PyBackedStr, Vec<u64>, PyReadonlyArray1<'py, u8>),
}

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = type_hint_union!(
        PyBackedBytes::INPUT_TYPE,
        type_hint_subscript!(
            PyTuple::TYPE_HINT,
            PyBackedStr::INPUT_TYPE,
            Vec::<u64>::INPUT_TYPE,
            type_hint_subscript!(
                type_hint_identifier!("numpy.typing", "NDArray"),
                type_hint_identifier!("numpy", "uint8")
            )
        )
    );

    /// Looks at the type first: trying one and then the other builds an error for every array.
    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyBytes>() {
            return Ok(Self::Bytes(value.extract()?));
        }
        let (dtype, shape, data) = value.extract()?;
        Ok(Self::Array(dtype, shape, data))
    }
}

/// A value that was read, as [`Given`].
#[derive(IntoPyObject)]
enum Found<'py> {
    Bytes(Bound<'py, PyBytes>),
    Array((&'static str, Vec<u64>, Bound<'py, PyBytes>)),
}

/// Writes rows into a folder as MDS shards.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct MdsWriter {
    writer: Mutex<Option<Writer>>,
    columns: Vec<(String, String)>,
}

#[pymethods]
impl MdsWriter {
    /// Open an empty or missing folder; `threads` compress and write.
    #[new]
    #[pyo3(signature = (directory, columns, compression, hashes, size_limit, threads))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn new(
        directory: PathBuf,
        columns: Vec<(String, String)>,
        compression: Option<String>,
        hashes: Vec<String>,
        size_limit: Option<u64>,
        threads: usize,
    ) -> Result<Self> {
        let mut builder = Schema::of(&columns).hashes(&hashes).size_limit(size_limit);
        if let Some(compression) = compression {
            builder = builder.compression(&compression);
        }
        let schema = builder.build()?;
        let encodings = schema
            .encodings()
            .iter()
            .map(|encoding| encoding.name().to_owned());
        let columns = schema.names().iter().cloned().zip(encodings).collect();
        let writer = Writer::create(&directory, schema, threads)?;
        Ok(Self {
            writer: Mutex::new(Some(writer)),
            columns,
        })
    }

    /// Names and encodings of the columns, in the order in which `write` wants values.
    #[getter]
    fn columns(&self) -> Vec<(String, String)> {
        self.columns.clone()
    }

    /// Write a row: for each column bytes, or data type, shape and bytes of an array.
    #[pyo3(signature = (values))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn write(&self, py: Python<'_>, values: Vec<Given<'_>>) -> PyResult<()> {
        let values = values.iter().map(value).collect::<PyResult<Vec<_>>>()?;
        leave(py, || {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let writer = writer.as_mut().ok_or_else(closed)?;
            Ok::<_, Error>(writer.push(&values)?)
        })
    }

    /// Write the last shard and the index; the number of shards.
    #[pyo3(signature = ())]
    fn finish(&self, py: Python<'_>) -> PyResult<usize> {
        leave(py, || {
            let writer = self.take().ok_or_else(closed)?;
            Ok::<_, Error>(writer.finish()?.len())
        })
    }

    /// Give up: shards that are written stay, and there is no index.
    #[pyo3(signature = ())]
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        leave(py, || {
            drop(self.take());
            Ok::<_, Error>(())
        })
    }
}

impl MdsWriter {
    fn take(&self) -> Option<Writer> {
        self.writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Reads rows of MDS shards in a folder.
#[pyclass(frozen, module = "octomed._octomed")]
pub struct MdsReader {
    reader: Reader,
    latest: Mutex<Option<(usize, Arc<Shard>)>>,
}

#[pymethods]
impl MdsReader {
    /// Read the index of the dataset in a folder.
    #[new]
    #[pyo3(signature = (directory))]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
    fn new(directory: PathBuf) -> Result<Self> {
        let reader = Reader::open(&directory)?;
        Ok(Self {
            reader,
            latest: Mutex::new(None),
        })
    }

    fn __len__(&self) -> usize {
        self.reader.len()
    }

    /// Name, encoding and value of each column of row `row`.
    #[pyo3(signature = (row))]
    fn read<'py>(&self, py: Python<'py>, row: usize) -> Result<Vec<(String, String, Found<'py>)>> {
        let (number, row) = self.reader.locate(row)?;
        let shard = leave(py, || self.shard(number))?;
        let row = shard.row(row)?;
        let schema = shard.schema();
        let columns = row.columns()?;
        let named = schema.names().iter().zip(schema.encodings()).zip(columns);
        named
            .map(|((name, encoding), bytes)| {
                let found = match encoding.kind() {
                    Stored::Array(_) => {
                        let array = row.array(name)?;
                        let data = PyBytes::new(py, array.data);
                        Found::Array((array.dtype.name(), array.shape, data))
                    }
                    _ => Found::Bytes(PyBytes::new(py, bytes)),
                };
                Ok((name.clone(), encoding.name().to_owned(), found))
            })
            .collect()
    }

    /// Shard and row in the shard of row `row`.
    #[pyo3(signature = (row))]
    fn locate(&self, row: usize) -> Result<(usize, usize)> {
        Ok(self.reader.locate(row)?)
    }

    /// File and number of rows of each shard.
    #[getter]
    fn shards(&self) -> Vec<(String, u64)> {
        let shards = self.reader.shards().iter();
        shards
            .map(|shard| (shard.file().basename.clone(), shard.samples))
            .collect()
    }
}

impl MdsReader {
    /// Shard `number`; the one used last stays open.
    fn shard(&self, number: usize) -> std::result::Result<Arc<Shard>, MdsError> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*latest {
            Some((open, shard)) if *open == number => Ok(Arc::clone(shard)),
            _ => {
                // The old one is let go first, so that one decompressed shard is in memory, not two.
                *latest = None;
                let shard = Arc::new(self.reader.shard(number)?);
                *latest = Some((number, Arc::clone(&shard)));
                Ok(shard)
            }
        }
    }
}

/// All that is wrong with the dataset in a folder: shard (or none), file, and what.
#[pyfunction]
#[pyo3(signature = (directory, threads))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn mds_verify(
    py: Python<'_>,
    directory: PathBuf,
    threads: usize,
) -> PyResult<Vec<(Option<usize>, String, String)>> {
    leave(py, || {
        let found = octomed_mds::verify(Path::new(&directory), threads)?;
        Ok::<_, MdsError>(
            found
                .into_iter()
                .map(|defect| (defect.shard, defect.file, defect.what))
                .collect(),
        )
    })
}

/// Size of a file, and `xxh3_64` of its content in hexadecimal.
#[pyfunction]
#[pyo3(signature = (path))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts")]
pub fn file_digest(py: Python<'_>, path: PathBuf) -> PyResult<(u64, String)> {
    leave(py, || {
        let found = octomed_mds::file_digest(&path)?;
        Ok::<_, MdsError>((found.bytes, found.digest))
    })
}

/// `xxh3_64` of bytes in hexadecimal.
#[pyfunction]
#[pyo3(signature = (data))]
pub fn digest(data: &[u8]) -> String {
    octomed_mds::xxh3_hex(data)
}

/// The value as the writer takes it.
fn value<'a>(given: &'a Given<'_>) -> PyResult<Value<'a>> {
    match given {
        Given::Bytes(bytes) => Ok(Value::Bytes(bytes)),
        Given::Array(name, shape, bytes) => match Dtype::from_name(name) {
            Some(dtype) => Ok(Value::Array(dtype, shape, bytes.as_slice()?)),
            None => Err(say(
                Kind::Data,
                format!("MDS stores no arrays of {name}"),
                None,
            )),
        },
    }
}

fn closed() -> PyErr {
    say(Kind::Internal, "the writer is closed", None)
}

impl From<MdsError> for Error {
    fn from(error: MdsError) -> Self {
        let hint = match &error {
            MdsError::NoRow { .. } => return PyIndexError::new_err(error.to_string()).into(),
            MdsError::NotEmpty { .. } => Some("choose another folder"),
            MdsError::TooLarge { .. } => Some("set a size limit"),
            _ => None,
        };
        raise(kind_of(&error), &error, hint.map(str::to_owned)).into()
    }
}

/// Whose fault `error` is.
pub fn kind_of(error: &MdsError) -> Kind {
    match error {
        MdsError::NotEmpty { .. } | MdsError::Io { .. } | MdsError::Codec { .. } => Kind::Storage,
        MdsError::Worker => Kind::Internal,
        MdsError::TooLarge { .. }
        | MdsError::NoRow { .. }
        | MdsError::Columns { .. }
        | MdsError::ValueSize { .. }
        | MdsError::Array { .. }
        | MdsError::Index { .. }
        | MdsError::Damaged { .. } => Kind::Data,
        MdsError::Encoding { .. }
        | MdsError::NoColumns
        | MdsError::TwoColumns { .. }
        | MdsError::Compression { .. }
        | MdsError::Digest { .. }
        | MdsError::DigestOrder { .. }
        | MdsError::SizeLimit { .. } => Kind::Recipe,
    }
}
