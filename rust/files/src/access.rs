//! Who may read what is written.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

/// Who may read a file: rows of patients are for their owner, unless somebody decides otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone.
    Owner,
    /// Its owner, and whoever is of its group.
    Group,
    /// Whoever the process's umask lets.
    #[default]
    Umask,
}

impl Access {
    /// The access of a name, as recipes write it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "owner" => Some(Self::Owner),
            "group" => Some(Self::Group),
            "umask" => Some(Self::Umask),
            _ => None,
        }
    }

    /// The mode that a file is made with: never more than it ends with.
    pub(crate) fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Group => 0o640,
            Self::Umask => 0o666,
        }
    }

    /// Gives a new file what the umask took from it.
    pub(crate) fn settle(self, file: &File) -> io::Result<()> {
        match self {
            Self::Owner | Self::Group => file.set_permissions(Permissions::from_mode(self.mode())),
            Self::Umask => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_umask_took_is_given_back() {
        for (access, mode) in [
            (Access::Owner, 0o600),
            (Access::Group, 0o640),
            (Access::Umask, 0),
        ] {
            let file = tempfile::tempfile().unwrap();
            file.set_permissions(Permissions::from_mode(0o000)).unwrap();
            access.settle(&file).unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
    }
}
