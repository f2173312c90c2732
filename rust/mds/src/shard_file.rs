//! The file of a shard against what the index says of it.

use std::fs;
use std::path::Path;

use crate::{Codec, Compression, Digest, FileInfo, MdsError};

/// How size and digests of a file differ from what the index says of it.
pub(crate) fn differences(file: &FileInfo, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if bytes.len() as u64 != file.bytes {
        found.push(format!(
            "it has {} bytes, and the index says {}",
            bytes.len(),
            file.bytes
        ));
    }
    for (name, expected) in &file.hashes {
        match Digest::parse(name) {
            Ok(digest) if digest.hex(bytes) == *expected => {}
            Ok(_) => found.push(format!("its {name} is not the one in the index")),
            Err(error) => found.push(error.to_string()),
        }
    }
    found
}

/// The raw shard in the compressed file `path`, which must have `bytes` bytes.
pub(crate) fn decompress_file(
    path: &Path,
    compression: &str,
    bytes: u64,
) -> Result<Vec<u8>, MdsError> {
    let codec = Codec::new(&Compression::parse(compression)?)?;
    let zip = fs::read(path).map_err(|source| MdsError::io(path, source))?;
    let damaged = |what| MdsError::Damaged {
        path: path.to_owned(),
        what,
    };
    let raw = codec
        .decompress(&zip, bytes)
        .map_err(|error| damaged(error.to_string()))?;
    if raw.len() as u64 == bytes {
        Ok(raw)
    } else {
        Err(damaged(format!(
            "it holds {} bytes, and the index says {bytes}",
            raw.len()
        )))
    }
}
