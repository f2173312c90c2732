//! Reads rows back, from plain and compressed shards.

use std::borrow::Cow;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::encoding::Kind;
use crate::layout::{split_row, word};
use crate::ndarray::ArrayView;
use crate::shard_file::{decompress_file, differences};
use crate::{INDEX_NAME, Index, MdsError, Schema, ShardInfo};

/// A dataset that lies in a folder.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
    index: Index,
    starts: Vec<usize>,
}

/// One shard, ready to give rows.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    schema: Schema,
    rows: usize,
    bytes: Bytes,
}

/// A plain shard is read row by row; a compressed one lies decompressed in memory, never on the disk.
#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

/// A row of a shard.
#[derive(Clone, Debug)]
pub struct RowBytes<'a> {
    shard: &'a Shard,
    bytes: Cow<'a, [u8]>,
}

impl Reader {
    /// Reads the index of the dataset in `directory`.
    ///
    /// # Errors
    /// As [`Index::read`].
    pub fn open(directory: &Path) -> Result<Self, MdsError> {
        let index = Index::read(directory)?;
        let mut starts = vec![0];
        let mut rows = 0_usize;
        for shard in &index.shards {
            let more = number_of_rows(directory, shard)?;
            rows = rows
                .checked_add(more)
                .ok_or_else(|| too_many_rows(directory, shard))?;
            starts.push(rows);
        }
        Ok(Self {
            directory: directory.to_owned(),
            index,
            starts,
        })
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the index says of each shard.
    #[must_use]
    pub fn shards(&self) -> &[ShardInfo] {
        &self.index.shards
    }

    /// The shard of row `row` of the dataset, and the row's number in it.
    ///
    /// # Errors
    /// [`MdsError::NoRow`].
    pub fn locate(&self, row: usize) -> Result<(usize, usize), MdsError> {
        if row >= self.len() {
            return Err(MdsError::NoRow {
                row,
                rows: self.len(),
            });
        }
        let shard = self.starts.partition_point(|&start| start <= row) - 1;
        Ok((shard, row - self.starts[shard]))
    }

    /// Opens shard `shard`; a compressed one is decompressed into memory, unless it lies there unpacked.
    ///
    /// # Errors
    /// [`MdsError::NoRow`] if there is no such shard, [`MdsError::Io`], [`MdsError::Damaged`].
    pub fn shard(&self, shard: usize) -> Result<Shard, MdsError> {
        let info = self.info(shard)?;
        let unpacked = self.directory.join(&info.raw_data.basename).exists();
        Shard::open(&self.directory, info, unpacked)
    }

    /// Opens shard `shard` from the file that was written, whatever was unpacked next to it since.
    ///
    /// # Errors
    /// As [`Self::shard`].
    pub fn written_shard(&self, shard: usize) -> Result<Shard, MdsError> {
        Shard::open(&self.directory, self.info(shard)?, false)
    }

    /// Compares size and digests of the file that was written with the index.
    ///
    /// # Errors
    /// As [`Self::shard`].
    pub fn check_written(&self, shard: usize) -> Result<(), MdsError> {
        let file = self.info(shard)?.file();
        let path = self.directory.join(&file.basename);
        let bytes = fs::read(&path).map_err(|source| MdsError::io(&path, source))?;
        match differences(file, &bytes).into_iter().next() {
            Some(what) => Err(MdsError::Damaged { path, what }),
            None => Ok(()),
        }
    }

    fn info(&self, shard: usize) -> Result<&ShardInfo, MdsError> {
        let rows = self.index.shards.len();
        let info = self.index.shards.get(shard);
        info.ok_or(MdsError::NoRow { row: shard, rows })
    }
}

fn number_of_rows(directory: &Path, info: &ShardInfo) -> Result<usize, MdsError> {
    usize::try_from(info.samples).map_err(|_| too_many_rows(directory, info))
}

fn too_many_rows(directory: &Path, info: &ShardInfo) -> MdsError {
    MdsError::Index {
        path: directory.join(INDEX_NAME),
        what: format!(
            "with the {} rows of `{}` it has more than can be counted",
            info.samples, info.raw_data.basename
        ),
    }
}

impl Shard {
    fn open(directory: &Path, info: &ShardInfo, unpacked: bool) -> Result<Self, MdsError> {
        let raw = directory.join(&info.raw_data.basename);
        let (path, bytes) = match (&info.zip_data, &info.compression) {
            (Some(zip), Some(compression)) if !unpacked => {
                let path = directory.join(&zip.basename);
                let bytes = decompress_file(&path, compression, info.raw_data.bytes)?;
                (path, Bytes::Memory(bytes))
            }
            _ => {
                let file = File::open(&raw).map_err(|source| MdsError::io(&raw, source))?;
                (raw, Bytes::File(file))
            }
        };
        let rows = number_of_rows(directory, info)?;
        Ok(Self {
            path,
            schema: info.schema()?,
            rows,
            bytes,
        })
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Columns and settings.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Row `row` of the shard.
    ///
    /// # Errors
    /// [`MdsError::NoRow`], [`MdsError::Io`], [`MdsError::Damaged`].
    pub fn row(&self, row: usize) -> Result<RowBytes<'_>, MdsError> {
        if row >= self.rows {
            return Err(MdsError::NoRow {
                row,
                rows: self.rows,
            });
        }
        let offsets = self.bytes((row as u64 + 1) * 4, 8)?;
        let start = u64::from(word(&offsets, 0).unwrap_or(0));
        let end = u64::from(word(&offsets, 1).unwrap_or(0));
        let length = end
            .checked_sub(start)
            .ok_or_else(|| self.damaged("offsets descend".to_owned()))?;
        Ok(RowBytes {
            shard: self,
            bytes: self.bytes(start, length)?,
        })
    }

    fn bytes(&self, start: u64, length: u64) -> Result<Cow<'_, [u8]>, MdsError> {
        let end = start + length;
        let beyond = || self.damaged(format!("it ends before byte {end}"));
        match &self.bytes {
            Bytes::Memory(bytes) => {
                let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
                let found = range.and_then(|(start, end)| bytes.get(start..end));
                found.map(Cow::Borrowed).ok_or_else(beyond)
            }
            Bytes::File(file) => {
                let size = file
                    .metadata()
                    .map_err(|source| MdsError::io(&self.path, source))?
                    .len();
                if end > size {
                    return Err(beyond());
                }
                let mut bytes = vec![0; usize::try_from(length).map_err(|_| beyond())?];
                read_at(file, &mut bytes, start)
                    .map_err(|source| MdsError::io(&self.path, source))?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    fn damaged(&self, what: String) -> MdsError {
        MdsError::Damaged {
            path: self.path.clone(),
            what,
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(not(unix))]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(bytes)
}

impl RowBytes<'_> {
    /// The bytes of every column, in the order of [`Schema::names`].
    ///
    /// # Errors
    /// [`MdsError::Damaged`] if the sizes in the row do not add up.
    pub fn columns(&self) -> Result<Vec<&[u8]>, MdsError> {
        split_row(&self.shard.schema, &self.bytes)
            .map_err(|what| self.shard.damaged(format!("a row is broken: {what}")))
    }

    /// The array in column `name`.
    ///
    /// # Errors
    /// [`MdsError::Array`] if there is no such column, or no array in it.
    pub fn array(&self, name: &str) -> Result<ArrayView<'_>, MdsError> {
        let refuse = |what: &str| refused(name, what);
        let column = self.column(name)?;
        let Kind::Array(encoding) = self.shard.schema.encodings()[column].kind() else {
            return Err(refuse("the column holds no arrays"));
        };
        encoding
            .decode(self.columns()?[column])
            .map_err(|what| refuse(&what))
    }

    /// The bytes in column `name`, as they are stored.
    ///
    /// # Errors
    /// [`MdsError::Array`] if there is no such column.
    pub fn bytes(&self, name: &str) -> Result<&[u8], MdsError> {
        let column = self.column(name)?;
        Ok(self.columns()?[column])
    }

    fn column(&self, name: &str) -> Result<usize, MdsError> {
        let names = self.shard.schema.names();
        let found = names.binary_search_by(|known| known.as_str().cmp(name));
        found.map_err(|_| refused(name, "there is no such column"))
    }
}

fn refused(column: &str, what: &str) -> MdsError {
    MdsError::Array {
        column: column.to_owned(),
        what: what.to_owned(),
    }
}
