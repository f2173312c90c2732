//! A raw shard becomes the bytes of a file and its entry of the index; another step puts them where they stay.

use std::path::Path;
use std::sync::Arc;

use octomed_files::{Access, Sync};

use crate::{Codec, Digest, FileInfo, MdsError, Schema, ShardInfo};

/// Name of raw shard number `shard`, without the extension of a compression.
#[must_use]
pub fn shard_basename(shard: usize) -> String {
    format!("shard.{shard:05}.mds")
}

/// Compresses raw shards and computes their digests; keeps codec and buffer from one to the next.
pub struct ShardEncoder {
    schema: Arc<Schema>,
    codec: Option<Codec>,
    compressed: Vec<u8>,
}

/// A shard as its file has it. Nothing is written yet.
#[derive(Debug)]
pub struct EncodedShard<'a> {
    /// The bytes of the file.
    pub bytes: &'a [u8],
    /// What the index says of it, the file's name among it.
    pub info: ShardInfo,
}

impl ShardEncoder {
    /// An encoder for shards of `schema`; one per thread.
    ///
    /// # Errors
    /// [`MdsError::Codec`] if the compression cannot be set up.
    pub fn new(schema: &Arc<Schema>) -> Result<Self, MdsError> {
        let codec = schema.compression().map(Codec::new).transpose()?;
        Ok(Self {
            schema: Arc::clone(schema),
            codec,
            compressed: Vec::new(),
        })
    }

    /// The file of the raw shard `raw`, named `basename` ([`shard_basename`]) plus the extension of the compression.
    ///
    /// # Errors
    /// [`MdsError::Codec`].
    pub fn encode<'a>(
        &'a mut self,
        raw: &'a [u8],
        basename: &str,
    ) -> Result<EncodedShard<'a>, MdsError> {
        let raw_info = describe(&self.schema, raw, basename.to_owned());
        let rows = raw
            .first_chunk()
            .map_or(0, |rows| u32::from_le_bytes(*rows));
        let (bytes, zip_info) = match (&mut self.codec, self.schema.compression()) {
            (Some(codec), Some(compression)) => {
                codec.compress(raw, &mut self.compressed)?;
                let name = format!("{basename}.{}", compression.extension());
                let info = describe(&self.schema, &self.compressed, name);
                (&self.compressed[..], Some(info))
            }
            _ => (raw, None),
        };
        Ok(EncodedShard {
            bytes,
            info: ShardInfo::new(&self.schema, rows.into(), raw_info, zip_info),
        })
    }
}

impl EncodedShard<'_> {
    /// Writes the file into `directory`. It appears whole under its name, or not at all.
    ///
    /// # Errors
    /// [`MdsError::Io`].
    pub fn put(&self, directory: &Path, access: Access, sync: Sync) -> Result<(), MdsError> {
        let path = directory.join(&self.info.file().basename);
        octomed_files::write_file(&path, self.bytes, access, sync)
            .map_err(|source| MdsError::io(&path, source))
    }
}

/// Size and digests of a file.
fn describe(schema: &Schema, data: &[u8], basename: String) -> FileInfo {
    let named = |digest: &Digest| (digest.name().to_owned(), digest.hex(data));
    FileInfo {
        basename,
        bytes: data.len() as u64,
        hashes: schema.digests().iter().map(named).collect(),
    }
}
