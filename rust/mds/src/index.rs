//! `index.json`: what shards a dataset has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use octomed_files::{Access, Sync};
use serde::{Deserialize, Serialize};

use crate::{MdsError, Schema};

/// Name of the index in a dataset's folder.
pub const INDEX_NAME: &str = "index.json";

/// Bytes of the longest name that file systems take.
const LONGEST_NAME: usize = 255;

/// A file of a shard; fields in the order in which Python sorts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Name in the folder.
    pub basename: String,
    /// Its size.
    pub bytes: u64,
    /// Digests in hexadecimal, by name.
    pub hashes: BTreeMap<String, String>,
}

/// A shard as the index lists it; fields in the order in which Python sorts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardInfo {
    /// Encodings of the columns.
    pub column_encodings: Vec<String>,
    /// Names of the columns, sorted.
    pub column_names: Vec<String>,
    /// Fixed sizes of the columns.
    pub column_sizes: Vec<Option<u64>>,
    /// Compression, if any.
    pub compression: Option<String>,
    /// `mds`.
    pub format: String,
    /// Names of the digests.
    pub hashes: Vec<String>,
    /// The shard itself.
    pub raw_data: FileInfo,
    /// Rows in it.
    pub samples: u64,
    /// Bytes after which a shard closes.
    pub size_limit: Option<u64>,
    /// 2.
    pub version: u8,
    /// The compressed shard, if any.
    pub zip_data: Option<FileInfo>,
}

/// The index of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Index {
    /// The shards in order.
    pub shards: Vec<ShardInfo>,
    /// 2.
    pub version: u8,
}

#[derive(Serialize)]
struct IndexFile<'a> {
    shards: &'a [ShardInfo],
    version: u8,
}

/// The bytes of `index.json`, as `MDSWriter` writes them.
#[must_use]
pub fn index_json(shards: &[ShardInfo]) -> Vec<u8> {
    crate::json::to_python_json(&IndexFile { shards, version: 2 })
}

impl ShardInfo {
    /// A shard of `schema` with `samples` rows in these files.
    pub(crate) fn new(schema: &Schema, samples: u64, raw: FileInfo, zip: Option<FileInfo>) -> Self {
        let config = schema.describe();
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        Self {
            column_encodings: owned(config.column_encodings),
            column_names: config.column_names.to_vec(),
            column_sizes: config.column_sizes,
            compression: config.compression.map(str::to_owned),
            format: config.format.to_owned(),
            hashes: owned(config.hashes),
            raw_data: raw,
            samples,
            size_limit: config.size_limit,
            version: config.version,
            zip_data: zip,
        }
    }

    /// The file that the writer has written.
    #[must_use]
    pub fn file(&self) -> &FileInfo {
        self.zip_data.as_ref().unwrap_or(&self.raw_data)
    }

    /// The schema that the shard was written with.
    ///
    /// # Errors
    /// As [`crate::SchemaBuilder::build`], for a shard that another program wrote.
    pub fn schema(&self) -> Result<Schema, MdsError> {
        let columns: Vec<_> = self
            .column_names
            .iter()
            .zip(&self.column_encodings)
            .collect();
        let mut builder = Schema::of(&columns)
            .hashes(&self.hashes)
            .size_limit(self.size_limit);
        if let Some(compression) = &self.compression {
            builder = builder.compression(compression);
        }
        builder.build()
    }

    /// What makes this no shard that can be read.
    fn fault(&self) -> Option<String> {
        let columns = self.column_names.len();
        let files = [Some(&self.raw_data), self.zip_data.as_ref()];
        let outside = |file: &&FileInfo| !is_basename(&file.basename);
        if self.version != 2 || self.format != "mds" {
            Some(format!(
                "version {} of format `{}`",
                self.version, self.format
            ))
        } else if self.column_encodings.len() != columns || self.column_sizes.len() != columns {
            Some("names, encodings and sizes of the columns differ in number".to_owned())
        } else if !self.column_names.is_sorted() {
            Some("the columns are not sorted by name".to_owned())
        } else if self.zip_data.is_some() != self.compression.is_some() {
            Some("`zip_data` and `compression` contradict each other".to_owned())
        } else {
            let stray = files.into_iter().flatten().find(outside)?;
            Some(format!(
                "`{}` is not the name of a file in the folder",
                stray.basename
            ))
        }
    }
}

/// Whether `name` stays in its folder: an index from elsewhere must not lead out of it.
///
/// The rules are those of `octomed.plain_names`: a backslash leads out of a folder elsewhere, and a control
/// character is obeyed by a terminal.
fn is_basename(name: &str) -> bool {
    let obeyed = |character: char| {
        character.is_control() || matches!(character, '\\' | '\u{2028}' | '\u{2029}')
    };
    name.len() <= LONGEST_NAME
        && !name.contains(obeyed)
        && Path::new(name).file_name().is_some_and(|last| last == name)
}

impl Index {
    /// Reads the index of the dataset in `directory`.
    ///
    /// # Errors
    /// [`MdsError::Io`] if there is none, [`MdsError::Index`] if it is no index of MDS shards.
    pub fn read(directory: &Path) -> Result<Self, MdsError> {
        let path = directory.join(INDEX_NAME);
        let bytes = std::fs::read(&path).map_err(|source| MdsError::io(&path, source))?;
        Self::parse(&bytes).map_err(|what| MdsError::Index { path, what })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let index: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if index.version != 2 {
            return Err(format!("version {}", index.version));
        }
        let faults = index.shards.iter().map(ShardInfo::fault);
        match faults
            .enumerate()
            .find_map(|(shard, fault)| Some((shard, fault?)))
        {
            Some((shard, fault)) => Err(format!("shard {shard}: {fault}")),
            None => Ok(index),
        }
    }

    /// Writes the index of `shards` into `directory`, whole or not at all.
    ///
    /// # Errors
    /// [`MdsError::Io`].
    pub fn write(directory: &Path, shards: &[ShardInfo]) -> Result<PathBuf, MdsError> {
        let path = directory.join(INDEX_NAME);
        octomed_files::write_file(&path, &index_json(shards), Access::Umask, Sync::Now)
            .map_err(|source| MdsError::io(&path, source))?;
        Ok(path)
    }
}
