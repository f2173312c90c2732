//! The bytes of a row's images: what a row says is read as a path, a data URL or base64, and a path is looked up in a
//! folder or an archive.
//!
//! Rows come from elsewhere. So a path never leaves its root unless the recipe allows it, nothing but regular files is
//! opened, no size that a file claims is believed before it is bounded, and nothing is fetched from a network.

mod archive;
mod base64;
mod error;
mod folder;
mod names;
mod path;
mod read;
mod root;
mod tar;
mod value;
mod zip;
mod zip_directory;

pub use error::{FileFault, FilesError};
pub use path::Outside;
pub use read::{FileStamp, Found};
pub use root::ImageRoot;
pub use value::is_web_address;
