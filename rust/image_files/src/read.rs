//! Reading one regular file, of as many bytes as it says and no more.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{FileFault, missing, shown};

/// What a file of a folder was when it was read: if it is the same later, so are its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// The path below the root, or as the row has it where that is elsewhere.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// An image's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The bytes of the file, as they are.
    pub bytes: Vec<u8>,
    /// The file they are of; none for bytes that the row has itself, and for a member of an archive, see
    /// [`crate::ImageRoot::fingerprint`].
    pub file: Option<FileStamp>,
}

impl FileStamp {
    pub(crate) fn new(path: &str, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: metadata.size(),
            mtime_ns: changed_at(metadata),
        }
    }
}

/// When a file was changed, in nanoseconds since 1970; the first or last moment that has a number where it is beyond.
pub(crate) fn changed_at(metadata: &Metadata) -> i64 {
    let seconds = metadata.mtime().saturating_mul(1_000_000_000);
    seconds.saturating_add(metadata.mtime_nsec())
}

/// What is known of a regular file, links followed, before it is opened: to open a device may do something.
pub(crate) fn regular(path: &Path, written: &str) -> Result<Metadata, FileFault> {
    let metadata = fs::metadata(path).map_err(|error| fault(error, written))?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    let what = if metadata.is_dir() {
        "a folder"
    } else {
        "no regular file"
    };
    Err(FileFault::Missing(format!(
        "`{}` is {what}",
        shown(written)
    )))
}

/// The bytes of a regular file; `written` is its path as the row has it.
pub(crate) fn file(
    path: &Path,
    written: &str,
    most_bytes: u64,
) -> Result<(Vec<u8>, FileStamp), FileFault> {
    regular(path, written)?;
    // It may have become a pipe since, which would wait for a writer.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| fault(error, written))?;
    let before = file.metadata().map_err(FileFault::Io)?;
    if !before.is_file() {
        return Err(missing(written));
    }
    if before.size() > most_bytes {
        return Err(FileFault::TooLarge(before.size()));
    }
    let bytes = all(&file, before.size()).map_err(FileFault::Io)?;
    let stamp = FileStamp::new(written, &before);
    let after = FileStamp::new(written, &file.metadata().map_err(FileFault::Io)?);
    if bytes.len() as u64 != stamp.size || after != stamp {
        let path = shown(written);
        return Err(FileFault::Damaged(format!(
            "`{path}` was changed while it was read"
        )));
    }
    Ok((bytes, stamp))
}

/// All of a file that says it has `size` bytes, or one byte more.
fn all(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size + 1).map_err(io::Error::other)?);
    file.take(size + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A row's fault where its path leads nowhere; the system's else.
pub(crate) fn fault(error: io::Error, written: &str) -> FileFault {
    let of_path = [
        libc::ENOENT,
        libc::ENOTDIR,
        libc::ENAMETOOLONG,
        libc::ELOOP,
        libc::ENXIO,
    ];
    match error.raw_os_error() {
        Some(number) if of_path.contains(&number) => missing(written),
        _ if error.kind() == io::ErrorKind::InvalidInput => missing(written),
        _ => FileFault::Io(error),
    }
}

/// Fills `bytes` from a place of the archive; its end there is damage.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> Result<(), FileFault> {
    file.read_exact_at(bytes, at)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FileFault::Damaged("the archive is cut".to_owned()),
            _ => FileFault::Io(error),
        })
}
