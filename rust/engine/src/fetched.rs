//! Images that were fetched from the web: what the working store keeps of each address.
//!
//! Nothing is fetched here. Before a block is scanned, what comes of each address is written below one folder, under
//! a name that is a hash of the address: an image that came, or why none did.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use octomed_trace::Reason;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Bytes of the digest behind an image.
const DIGEST: usize = 32;

/// Where fetched images are kept.
#[derive(Debug)]
pub struct FetchedImages {
    folder: PathBuf,
}

/// What came of an address.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The bytes that were sent.
    Image(Vec<u8>),
    /// They are more than are read.
    TooLarge,
    /// None, and why.
    Fault(Reason, String),
}

/// Why an address gave no image, as it is written.
#[derive(Deserialize)]
struct Fault {
    reason: String,
    detail: String,
}

impl FetchedImages {
    /// Those below a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The path, without ending, under which what comes of an address is kept.
    pub fn place_of(&self, address: &str) -> PathBuf {
        let name = hexadecimal(&Sha256::digest(address.as_bytes()));
        self.folder.join(&name[..2]).join(&name[2..])
    }

    /// What came of an address.
    ///
    /// # Errors
    /// When the system fails to read it, or it is not what was written.
    pub fn read(&self, address: &str, most_bytes: u64) -> io::Result<Fetched> {
        let place = self.place_of(address);
        match image(&place.with_extension("image"), most_bytes)? {
            Some(found) => Ok(found),
            None => fault(&place.with_extension("fault")),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The image of this path; nothing where there is none.
fn image(path: &Path, most_bytes: u64) -> io::Result<Option<Fetched>> {
    let Some(size) = there(fs::metadata(path))? else {
        return Ok(None);
    };
    if size.len().saturating_sub(DIGEST as u64) > most_bytes {
        return Ok(Some(Fetched::TooLarge));
    }
    let Some(mut bytes) = there(fs::read(path))? else {
        return Ok(None);
    };
    let digest = bytes.split_off(bytes.len().saturating_sub(DIGEST));
    if Sha256::digest(&bytes)[..] != digest[..] {
        return Err(damaged("is not what was written"));
    }
    Ok(Some(Fetched::Image(bytes)))
}

fn fault(path: &Path) -> io::Result<Fetched> {
    let Some(text) = there(fs::read(path))? else {
        let detail = "it is not fetched yet: only packing asks the web".to_owned();
        return Ok(Fetched::Fault(Reason::ImageUnreachable, detail));
    };
    let fault: Fault =
        serde_json::from_slice(&text).map_err(|_| damaged("is not what was written"))?;
    let reason = Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == fault.reason);
    let reason = reason.ok_or_else(|| damaged("is not what was written"))?;
    Ok(Fetched::Fault(reason, fault.detail))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ADDRESS: &str = "https://example.org/a.png?key=1";

    fn keep(fetched: &FetchedImages, ending: &str, bytes: &[u8]) {
        let path = fetched.place_of(ADDRESS).with_extension(ending);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn what_came_of_an_address_is_found_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let fetched = FetchedImages::new(folder.path().to_owned());
        let reason = |most| match fetched.read(ADDRESS, most).unwrap() {
            Fetched::Fault(reason, detail) => (reason, detail),
            other => (Reason::WrongType, format!("{other:?}")),
        };
        assert!(reason(9).1.contains("not fetched yet"));
        keep(
            &fetched,
            "fault",
            br#"{"reason": "image_kind", "detail": "a web page"}"#,
        );
        assert_eq!(reason(9), (Reason::ImageKind, "a web page".to_owned()));
        let whole = [&b"bytes"[..], &Sha256::digest(b"bytes")].concat();
        keep(&fetched, "image", &whole);
        let image = Fetched::Image(b"bytes".to_vec());
        assert_eq!(fetched.read(ADDRESS, 5).unwrap(), image);
        assert_eq!(fetched.read(ADDRESS, 4).unwrap(), Fetched::TooLarge);
        assert_ne!(
            fetched.place_of("https://example.org/a.png?key=2"),
            fetched.place_of(ADDRESS)
        );
    }

    #[test]
    fn what_is_not_what_was_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let fetched = FetchedImages::new(folder.path().to_owned());
        for fault in [
            &b""[..],
            b"{",
            br#"{"reason": "none", "detail": ""}"#,
            b"[]",
        ] {
            keep(&fetched, "fault", fault);
            assert!(fetched.read(ADDRESS, 9).is_err());
        }
        let whole = [&b"bytes"[..], &Sha256::digest(b"bytes")].concat();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            keep(&fetched, "image", &changed);
            assert!(fetched.read(ADDRESS, 99).is_err());
            keep(&fetched, "image", &whole[..at]);
            assert!(fetched.read(ADDRESS, 99).is_err());
        }
    }
}
