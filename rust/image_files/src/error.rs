//! What can be wrong with a root of images, and with what a row says.

use std::io;
use std::path::PathBuf;

/// Why a row's image cannot be had. The words hold no bytes of an image, and of a path its first characters.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// There is no such file.
    #[error("{0}")]
    Missing(String),
    /// The path leaves the root.
    #[error("{0}")]
    OutsideRoot(String),
    /// It is an address in a network.
    #[error("{0}")]
    Url(String),
    /// The file has more bytes than are allowed.
    #[error("the file has {0} bytes, more than are read")]
    TooLarge(u64),
    /// It is there, and cannot be read as it says it can.
    #[error("{0}")]
    Damaged(String),
    /// The system fails to read it.
    #[error("{0}")]
    Io(io::Error),
}

/// Why a root of images cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is nothing at this path.
    #[error("there is no folder or archive `{}`", .0.display())]
    NotThere(PathBuf),
    /// It is neither a folder nor an archive that is read.
    #[error("`{}` is {what}, and images are read from a folder, a .zip or a .tar", .path.display())]
    Kind {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// An archive is cut, or contradicts itself.
    #[error("the archive `{}` is damaged: {detail}", .path.display())]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The system fails to read it.
    #[error("cannot read `{}`: {error}", .path.display())]
    Io {
        /// What is read.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl FilesError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotThere(_) => Some("name the folder or archive that the rows' paths begin in"),
            Self::Kind { what, .. } if what.contains("compressed") => Some(
                "unpack it, and name the folder; or pack it as a .zip, or a .tar that is not compressed: images are \
                 compressed already",
            ),
            Self::Kind { .. } => Some("unpack it, and name the folder"),
            Self::Damaged { .. } => Some("fetch or make the archive again"),
            Self::Io { .. } => None,
        }
    }
}

/// How many characters of what a row says are repeated in words.
const SHOWN: usize = 120;

/// What a row says, for words, where it reads as a file's name: a column of a patient's text may be mapped by mistake.
pub(crate) fn shown(value: &str) -> String {
    if !is_name(value) {
        return format!("<a text of {} characters>", value.chars().count());
    }
    let mut characters = value.chars();
    let mut text: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

/// Whether this is one word, or a few that end as files do.
fn is_name(value: &str) -> bool {
    let has_ending = value.rsplit_once('.').is_some_and(|(_, ending)| {
        (2..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    !value.contains(char::is_control) && (has_ending || !value.contains(char::is_whitespace))
}

/// The fault of a path at which there is nothing.
pub(crate) fn missing(value: &str) -> FileFault {
    FileFault::Missing(format!("there is no file `{}`", shown(value)))
}

/// The fault of a path that leads out of its root.
pub(crate) fn outside(value: &str) -> FileFault {
    FileFault::OutsideRoot(format!(
        "`{}` leads out of the folder of images",
        shown(value)
    ))
}

/// The fault of a path that ends as only a folder's may.
pub(crate) fn names_a_folder(value: &str) -> FileFault {
    FileFault::Missing(format!("`{}` names a folder", shown(value)))
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn only_what_reads_as_a_name_is_repeated() {
        for name in [
            "a.jpg",
            "scans/CT 12 (left).png",
            "train_0422",
            "a/b.dcm.gz",
            "ä",
        ] {
            assert_eq!(shown(name), name);
        }
        for text in [
            "Mrs Miller has pain in her leg.",
            "born 3. 4. 1950",
            "a.jpg\nand more",
            "a\u{1b}[2J.png",
        ] {
            let length = text.chars().count();
            assert_eq!(shown(text), format!("<a text of {length} characters>"));
        }
    }
}
