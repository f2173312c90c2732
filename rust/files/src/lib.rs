//! Files that appear whole or not at all, and are there after a power cut.
//!
//! A file is written next to its target under a name that nobody can guess, reaches the disk, and is renamed; then
//! its folder reaches the disk. `octomed.storage` does the same in Python, under names of the same form.

mod access;
mod temporary;

pub use access::Access;
pub use temporary::{Temporary, remove_temporaries};

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Bytes after which the system is asked to begin with the disk's work.
const STRIDE: usize = 8 << 20;

/// Whether a file waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It is on the disk when the call returns.
    Now,
    /// Its write-back begins; the caller syncs it, or can do without.
    Later,
}

/// Writes `data` next to `path`, then renames; a write that fails leaves nothing behind.
///
/// # Errors
/// When the file cannot be written, or a link is in its place.
pub fn write_file(path: &Path, data: &[u8], access: Access, sync: Sync) -> io::Result<()> {
    let mut temporary = Temporary::beside(path, access)?;
    for part in data.chunks(STRIDE) {
        temporary.file().write_all(part)?;
        // A small file is synced sooner than its write-back is asked for.
        if data.len() > STRIDE {
            temporary.begin_write_back();
        }
    }
    temporary.rename(sync)
}

/// Waits until a file that was written before is on the disk.
///
/// # Errors
/// When it cannot be opened, or did not get there.
pub fn sync_file(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Waits until the names in a folder are on the disk.
///
/// # Errors
/// When it cannot be opened, or they did not get there. A file system that syncs no folders is none.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    match File::open(path)?.sync_all() {
        Err(error) if is_refusal(&error) => Ok(()),
        done => done,
    }
}

fn is_refusal(error: &io::Error) -> bool {
    let unknown = error.raw_os_error() == Some(libc::EINVAL);
    unknown || error.kind() == ErrorKind::Unsupported
}
