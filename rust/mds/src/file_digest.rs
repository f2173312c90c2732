//! Size and digest of a file of a run, whatever it holds.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::MdsError;

/// Bytes read at once: a file may be larger than the memory.
const CHUNK: usize = 1 << 20;

/// What tells a file from a damaged one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// Its size.
    pub bytes: u64,
    /// [`xxh3_hex`] of its content.
    pub digest: String,
}

/// `xxh3_64` of `data` in hexadecimal, as Python's xxhash writes it.
#[must_use]
pub fn xxh3_hex(data: &[u8]) -> String {
    format!("{:016x}", xxh3_64(data))
}

/// Reads a file from its beginning to its end.
///
/// # Errors
/// [`MdsError::Io`].
pub fn file_digest(path: &Path) -> Result<FileDigest, MdsError> {
    let io = |source| MdsError::io(path, source);
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = Xxh3::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&chunk[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io(error)),
        }
    }
    Ok(FileDigest {
        bytes,
        digest: format!("{:016x}", hasher.digest()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_in_chunks_has_the_digest_of_its_bytes() {
        let folder = std::env::temp_dir().join(format!("octomed-digest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for size in [0, 1, 239, CHUNK - 1, CHUNK, 2 * CHUNK + 17] {
            let data: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
            let path = folder.join("file");
            std::fs::write(&path, &data).unwrap();
            let digest = xxh3_hex(&data);
            let bytes = size as u64;
            assert_eq!(file_digest(&path).unwrap(), FileDigest { bytes, digest });
        }
        assert!(file_digest(&folder.join("none")).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
