//! Columns in files of their own: what few decisions need, and what would make every reading of the index longer.

use std::path::{Path, PathBuf};

use octomed_files::{Access, Temporary};
use xxhash_rust::xxh3::xxh3_64;

use crate::IndexError;
use crate::question_table::checked_bytes;

/// A column of values of one width, in the order of the index, in `<number>.<extension>`: the values on end, then their
/// hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideColumn {
    /// What the name of its file ends with.
    pub extension: &'static str,
    /// Bytes of a trace's value.
    pub width: usize,
}

/// The hash of the gradients of each image of a block, in the order of its table: a value for each image, not for each
/// trace.
pub(crate) const DHASHES: SideColumn = SideColumn {
    extension: "dhashes",
    width: 8,
};

impl SideColumn {
    /// The file of the block `stem`.
    #[must_use]
    pub fn path(self, stem: &Path) -> PathBuf {
        stem.with_extension(self.extension)
    }

    /// Writes the values, of which `order` says which comes first; the file gets its name when it is renamed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(
        self,
        stem: &Path,
        values: &[u8],
        order: &[u32],
        access: Access,
    ) -> Result<Temporary, IndexError> {
        let mut bytes = Vec::with_capacity(values.len() + 8);
        for &row in order {
            bytes.extend_from_slice(self.value(values, row as usize));
        }
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        let path = self.path(stem);
        let write = || {
            let mut file = Temporary::beside(&path, access)?;
            std::io::Write::write_all(file.file(), &bytes)?;
            Ok(file)
        };
        write().map_err(IndexError::file("write", &path))
    }

    /// Reads the values of a block of `traces` traces.
    ///
    /// # Errors
    /// When the file is missing, or does not have a value for each trace as it was written.
    pub(crate) fn read(self, stem: &Path, traces: usize) -> Result<Vec<u8>, IndexError> {
        let path = self.path(stem);
        let values = checked_bytes(&path)?;
        if values.len() != self.width * traces {
            let message = format!("{} bytes for {traces} traces", values.len());
            return Err(IndexError::damaged(&path, message));
        }
        Ok(values)
    }

    /// Bytes of the file of a block of `traces` traces.
    pub(crate) fn file_bytes(self, traces: usize) -> u64 {
        (self.width * traces + size_of::<u64>()) as u64
    }

    /// The value of the trace in row `row`.
    #[must_use]
    pub fn value(self, values: &[u8], row: usize) -> &[u8] {
        &values[self.width * row..self.width * (row + 1)]
    }
}
