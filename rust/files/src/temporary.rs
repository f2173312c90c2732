//! A file under a temporary name.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Access, Sync, sync_folder};

/// Bytes of a target's name that its temporary name repeats: a file system takes 255, and the rest is 22.
const LONGEST: usize = 200;
/// A name of 64 random bits is taken once, if ever.
const ATTEMPTS: usize = 64;

/// Those that this process is writing.
static BEING_WRITTEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn being_written() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    BEING_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary files of calls that still run: for a process that ends before they do.
pub fn remove_temporaries() {
    for path in &*being_written() {
        // One that is gone was renamed a moment ago.
        let _ = std::fs::remove_file(path);
    }
}

/// A file under a temporary name: it is removed unless it is renamed into place.
///
/// It is locked for as long as it is open, so that others can tell what a dead process left.
#[derive(Debug)]
pub struct Temporary {
    file: File,
    path: PathBuf,
    target: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Makes the file that will be `target`.
    ///
    /// # Errors
    /// When it cannot be made, or a link is where the target is to be: what it leads to is somebody else's.
    pub fn beside(target: &Path, access: Access) -> io::Result<Self> {
        if target
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink())
        {
            return Err(is_a_link());
        }
        for _ in 0..ATTEMPTS {
            let path = target.with_file_name(temporary_name(target));
            match create(&path, access) {
                // Between the two calls somebody may have taken it for a dead process's.
                Ok(file) if !hold(&file)? => {}
                Ok(file) => {
                    let (target, renamed) = (target.to_owned(), false);
                    being_written().insert(path.clone());
                    let temporary = Self {
                        file,
                        path,
                        target,
                        renamed,
                    };
                    access.settle(&temporary.file)?;
                    return Ok(temporary);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// What to write to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Asks the system to write back what it holds of the file, without waiting: a sync then finds little to do.
    pub fn begin_write_back(&self) {
        begin_write_back(&self.file);
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When it does not reach the disk, or cannot be renamed; it is removed then.
    pub fn rename(mut self, sync: Sync) -> io::Result<()> {
        if sync == Sync::Now {
            self.file.sync_all()?;
        } else {
            self.begin_write_back();
        }
        std::fs::rename(&self.path, &self.target)?;
        self.renamed = true;
        match self.target.parent() {
            Some(folder) if sync == Sync::Now => sync_folder(folder),
            _ => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        being_written().remove(&self.path);
        if !self.renamed {
            // What went wrong is told already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn create(path: &Path, access: Access) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(access.mode())
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)
}

/// Locks the file, and tells whether it still has its name. Where there are no locks nobody looks for any.
fn hold(file: &File) -> io::Result<bool> {
    // SAFETY: a lock on a file that is open here; it ends when the file is closed.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) };
    Ok(file.metadata()?.nlink() > 0)
}

/// `.<name>.tmp-<16 hexadecimal digits>`, of 64 bits that the system's random numbers decide.
fn temporary_name(target: &Path) -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let random = RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    let name = target.file_name().unwrap_or_default().as_bytes();
    let mut whole = OsString::from(".");
    whole.push(OsStr::from_bytes(&name[..name.len().min(LONGEST)]));
    whole.push(format!(".tmp-{random:016x}"));
    whole
}

/// A link where a file is to be written. The system's error, whose number callers look for, is its source.
#[derive(Debug)]
struct IsALink(io::Error);

impl fmt::Display for IsALink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = libc::ELOOP;
        write!(
            formatter,
            "there is a link, which is not followed (os error {number})"
        )
    }
}

impl Error for IsALink {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn is_a_link() -> io::Error {
    io::Error::other(IsALink(io::Error::from_raw_os_error(libc::ELOOP)))
}

#[cfg_attr(
    not(target_os = "linux"),
    allow(unused_variables, reason = "no such call")
)]
fn begin_write_back(file: &File) {
    #[cfg(target_os = "linux")]
    // SAFETY: it changes no content, and its failure does not matter: the sync says what is wrong.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::write_file;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_and_what_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let mut temporary = Temporary::beside(&target, Access::Umask).unwrap();
        temporary.file().write_all(b"half").unwrap();
        assert!(names(folder.path())[0].starts_with(".a.tmp-"));
        drop(temporary);
        assert_eq!(names(folder.path()), Vec::<String>::new());
        for sync in [Sync::Now, Sync::Later] {
            write_file(&target, b"whole", Access::Umask, sync).unwrap();
            assert_eq!(std::fs::read(&target).unwrap(), b"whole");
        }
        assert_eq!(names(folder.path()), ["a"]);
        let large = vec![7; crate::STRIDE + 1];
        write_file(&target, &large, Access::Umask, Sync::Now).unwrap();
        assert!(std::fs::read(&target).unwrap() == large);
    }

    #[test]
    fn a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, target) = (folder.path().join("theirs"), folder.path().join("a"));
        std::fs::write(&theirs, "theirs").unwrap();
        symlink(&theirs, &target).unwrap();
        let refused = write_file(&target, b"ours", Access::Umask, Sync::Now).unwrap_err();
        assert!(refused.to_string().contains("there is a link"));
        assert_eq!(std::fs::read(&theirs).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["a", "theirs"]);
    }

    #[test]
    fn names_differ_and_fit() {
        let long = "n".repeat(255);
        let path = Path::new(&long);
        let (one, two) = (temporary_name(path), temporary_name(path));
        assert_ne!(one, two);
        assert!(one.len() <= 255, "{}", one.len());
    }

    #[test]
    fn a_file_has_the_mode_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        for (access, mode) in [(Access::Owner, 0o600), (Access::Group, 0o640)] {
            let mut temporary = Temporary::beside(&folder.path().join("a"), access).unwrap();
            let found = temporary.file().metadata().unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode);
        }
        for name in ["owner", "group", "umask"] {
            assert!(Access::from_name(name).is_some());
        }
        assert_eq!(Access::from_name("all"), None);
    }
}
