//! A raw shard becomes a file: digest, compress, digest, write, rename.

use std::path::Path;
use std::sync::Arc;

use octomed_files::{Access, Sync};

use crate::{Codec, Digest, FileInfo, MdsError, Schema, ShardInfo};

/// Name of raw shard number `shard`, without the extension of a compression.
#[must_use]
pub fn shard_basename(shard: usize) -> String {
    format!("shard.{shard:05}.mds")
}

/// Turns raw shards into files; keeps codec and buffer from one to the next.
pub struct Finisher {
    schema: Arc<Schema>,
    codec: Option<Codec>,
    compressed: Vec<u8>,
    access: Access,
    sync: Sync,
}

impl Finisher {
    /// A finisher for shards of `schema`; one a thread.
    ///
    /// # Errors
    /// [`MdsError::Codec`] if the compression cannot be set up.
    pub fn new(schema: &Arc<Schema>) -> Result<Self, MdsError> {
        let codec = schema.compression().map(Codec::new).transpose()?;
        Ok(Self {
            schema: Arc::clone(schema),
            codec,
            compressed: Vec::new(),
            access: Access::Umask,
            sync: Sync::Later,
        })
    }

    /// Who may read the files, and whether each is on the disk before it has its name.
    #[must_use]
    pub fn files(mut self, access: Access, sync: Sync) -> Self {
        (self.access, self.sync) = (access, sync);
        self
    }

    /// Writes the raw shard `raw` into `directory` under `basename` ([`shard_basename`]), plus the
    /// extension of the compression.
    ///
    /// The file appears whole under its name, or not at all: it is written beside it first.
    ///
    /// # Errors
    /// [`MdsError::Io`] and [`MdsError::Codec`].
    pub fn finish(
        &mut self,
        raw: &[u8],
        directory: &Path,
        basename: &str,
    ) -> Result<ShardInfo, MdsError> {
        let raw_info = self.describe(raw, basename.to_owned());
        let rows = raw
            .first_chunk()
            .map_or(0, |rows| u32::from_le_bytes(*rows));
        let (file, zip_info) = match (&mut self.codec, self.schema.compression()) {
            (Some(codec), Some(compression)) => {
                codec.compress(raw, &mut self.compressed)?;
                let name = format!("{basename}.{}", compression.extension());
                (
                    &self.compressed[..],
                    Some(self.describe(&self.compressed, name)),
                )
            }
            _ => (raw, None),
        };
        let name = zip_info.as_ref().map_or(basename, |info| &info.basename);
        let path = directory.join(name);
        octomed_files::write_file(&path, file, self.access, self.sync)
            .map_err(|source| MdsError::io(&path, source))?;
        Ok(ShardInfo::new(
            &self.schema,
            rows.into(),
            raw_info,
            zip_info,
        ))
    }

    /// The bytes of the file that the last [`Self::finish`], of the raw shard `raw`, wrote.
    #[must_use]
    pub fn written<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        if self.codec.is_some() {
            &self.compressed
        } else {
            raw
        }
    }

    fn describe(&self, data: &[u8], basename: String) -> FileInfo {
        let named = |digest: &Digest| (digest.name().to_owned(), digest.hex(data));
        let hashes = self.schema.digests().iter().map(named).collect();
        FileInfo {
            basename,
            bytes: data.len() as u64,
            hashes,
        }
    }
}
