//! Columns and settings of a dataset, and the JSON that every shard carries of them.

use serde::Serialize;

use crate::cell::{Cell, Value};
use crate::encoding::Encoding;
use crate::{Compression, Digest, MdsError};

/// The size limit of `MDSWriter`, 64 MiB.
pub(crate) const DEFAULT_SIZE_LIMIT: u64 = 1 << 26;

/// Columns by name, compression, digests and size limit of a dataset.
#[derive(Clone, Debug)]
pub struct Schema {
    names: Vec<String>,
    encodings: Vec<Encoding>,
    compression: Option<Compression>,
    digests: Vec<Digest>,
    size_limit: Option<u64>,
    config: Vec<u8>,
}

/// Settings of a [`Schema`] besides its columns; no compression, no digests and 64 MiB unless told.
#[derive(Clone, Debug)]
pub struct SchemaBuilder {
    columns: Vec<(String, String)>,
    compression: Option<String>,
    digests: Vec<String>,
    size_limit: Option<u64>,
}

/// The JSON in a shard; fields in the order in which Python sorts them.
#[derive(Serialize)]
pub(crate) struct Config<'a> {
    pub(crate) column_encodings: Vec<&'a str>,
    pub(crate) column_names: &'a [String],
    pub(crate) column_sizes: Vec<Option<u64>>,
    pub(crate) compression: Option<&'a str>,
    pub(crate) format: &'static str,
    pub(crate) hashes: Vec<&'a str>,
    pub(crate) size_limit: Option<u64>,
    pub(crate) version: u8,
}

impl SchemaBuilder {
    /// A compression such as `zstd:1`.
    #[must_use]
    pub fn compression(mut self, name: &str) -> Self {
        self.compression = Some(name.to_owned());
        self
    }

    /// Digests of each file, sorted, such as `xxh3_64`.
    #[must_use]
    pub fn hashes<S: AsRef<str>>(mut self, names: &[S]) -> Self {
        self.digests = names.iter().map(|name| name.as_ref().to_owned()).collect();
        self
    }

    /// Bytes after which a shard closes; `None` puts all rows in one.
    #[must_use]
    pub fn size_limit(mut self, limit: Option<u64>) -> Self {
        self.size_limit = limit;
        self
    }

    /// The checked schema.
    ///
    /// # Errors
    /// An encoding, compression, digest or limit that MDS does not have; no column; one named twice.
    pub fn build(self) -> Result<Schema, MdsError> {
        let (names, encodings) = check_columns(self.columns)?;
        let compression = self
            .compression
            .as_deref()
            .map(Compression::parse)
            .transpose()?;
        let digests = check_digests(&self.digests)?;
        if let Some(limit) = self
            .size_limit
            .filter(|limit| *limit == 0 || *limit > u32::MAX.into())
        {
            return Err(MdsError::SizeLimit { limit });
        }
        let size_limit = self.size_limit;
        let mut schema = Schema {
            names,
            encodings,
            compression,
            digests,
            size_limit,
            config: vec![],
        };
        schema.config = crate::json::to_python_json(&schema.describe());
        Ok(schema)
    }
}

fn check_columns(
    mut columns: Vec<(String, String)>,
) -> Result<(Vec<String>, Vec<Encoding>), MdsError> {
    columns.sort();
    if columns.is_empty() {
        return Err(MdsError::NoColumns);
    }
    if let Some(pair) = columns.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(MdsError::TwoColumns {
            column: pair[0].0.clone(),
        });
    }
    let parse = |(column, encoding): (String, String)| match Encoding::parse(&encoding) {
        Some(encoding) => Ok((column, encoding)),
        None => Err(MdsError::Encoding { column, encoding }),
    };
    columns.into_iter().map(parse).collect()
}

fn check_digests(names: &[String]) -> Result<Vec<Digest>, MdsError> {
    if let Some(pair) = names.windows(2).find(|pair| pair[0] >= pair[1]) {
        let (previous, name) = (pair[0].clone(), pair[1].clone());
        return Err(MdsError::DigestOrder { name, previous });
    }
    names.iter().map(|name| Ok(Digest::parse(name)?)).collect()
}

impl Schema {
    /// A schema of columns and their encodings, in any order.
    #[must_use]
    pub fn of<S: AsRef<str>>(columns: &[(S, S)]) -> SchemaBuilder {
        let owned =
            |(name, encoding): &(S, S)| (name.as_ref().to_owned(), encoding.as_ref().to_owned());
        SchemaBuilder {
            columns: columns.iter().map(owned).collect(),
            compression: None,
            digests: Vec::new(),
            size_limit: Some(DEFAULT_SIZE_LIMIT),
        }
    }

    /// Column names, sorted: the order of values in a row.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Encodings of the columns in the order of [`Self::names`].
    #[must_use]
    pub fn encodings(&self) -> &[Encoding] {
        &self.encodings
    }

    /// How files are compressed.
    #[must_use]
    pub fn compression(&self) -> Option<&Compression> {
        self.compression.as_ref()
    }

    /// Digests of each file.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Bytes after which a shard closes.
    #[must_use]
    pub fn size_limit(&self) -> Option<u64> {
        self.size_limit
    }

    /// The JSON that stands in every shard.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// Bytes of a row with these cells, one a column in the order of [`Self::names`].
    ///
    /// # Errors
    /// A cell that its column does not take.
    pub fn row_size(&self, cells: &[Cell<'_>]) -> Result<u64, MdsError> {
        if cells.len() != self.names.len() {
            return Err(MdsError::Columns {
                values: cells.len(),
                columns: self.names.len(),
            });
        }
        (0..cells.len()).try_fold(0, |row, column| {
            let size = self.cell_size(column, &cells[column])?;
            Ok(row + size + 4 * u64::from(self.encodings[column].fixed_size().is_none()))
        })
    }

    /// Bytes of a row of these values, one a column in the order of [`Self::names`].
    ///
    /// # Errors
    /// A value that its column does not take, or whose bytes do not fit its shape.
    pub fn values_size(&self, values: &[Value<'_>]) -> Result<u64, MdsError> {
        let cells: Vec<Cell<'_>> = values.iter().map(Value::cell).collect();
        let size = self.row_size(&cells)?;
        let misfit =
            |(_, value): &(_, &Value<'_>)| value.expected() != Some(value.data().len() as u64);
        match self.names.iter().zip(values).find(misfit) {
            None => Ok(size),
            Some((name, value)) => Err(MdsError::ValueSize {
                column: name.clone(),
                expected: value.expected().unwrap_or(u64::MAX),
                actual: value.data().len() as u64,
            }),
        }
    }

    /// Bytes of a cell in column number `column`.
    pub(crate) fn cell_size(&self, column: usize, cell: &Cell<'_>) -> Result<u64, MdsError> {
        let encoding = &self.encodings[column];
        let name = || self.names[column].clone();
        let size = cell
            .encoded_size(encoding)
            .map_err(|what| MdsError::Array {
                column: name(),
                what,
            })?;
        match encoding.fixed_size() {
            Some(expected) if expected != size => Err(MdsError::ValueSize {
                column: name(),
                expected,
                actual: size,
            }),
            _ if size > u32::MAX.into() => Err(MdsError::TooLarge {
                what: "a value",
                bytes: size,
            }),
            _ => Ok(size),
        }
    }

    /// Bytes before the first row of a shard of `rows`.
    #[must_use]
    pub fn head_size(&self, rows: usize) -> u64 {
        4 + 4 * (rows as u64 + 1) + self.config.len() as u64
    }

    /// What the index and the shards say of the schema.
    pub(crate) fn describe(&self) -> Config<'_> {
        Config {
            column_encodings: self.encodings.iter().map(Encoding::name).collect(),
            column_names: &self.names,
            column_sizes: self.encodings.iter().map(Encoding::fixed_size).collect(),
            compression: self.compression.as_ref().map(Compression::name),
            format: "mds",
            hashes: self.digests.iter().map(|digest| digest.name()).collect(),
            size_limit: self.size_limit,
            version: 2,
        }
    }
}
