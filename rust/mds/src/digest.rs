//! Digests of whole files, by the names and in the hexadecimal that Python's hashlib and xxhash use.

use std::fmt::Write as _;

use sha2::Digest as _;
use thiserror::Error;
use xxhash_rust::{xxh3, xxh32, xxh64};

/// A digest of `hashlib` or `xxhash` that readers of MDS know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in Python")]
pub enum Digest {
    Blake2b,
    Blake2s,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    Sha512,
    Xxh128,
    Xxh32,
    Xxh3_128,
    Xxh3_64,
    Xxh64,
}

/// Every digest with its name, sorted by name.
const DIGESTS: [(Digest, &str); 17] = [
    (Digest::Blake2b, "blake2b"),
    (Digest::Blake2s, "blake2s"),
    (Digest::Md5, "md5"),
    (Digest::Sha1, "sha1"),
    (Digest::Sha224, "sha224"),
    (Digest::Sha256, "sha256"),
    (Digest::Sha384, "sha384"),
    (Digest::Sha3_224, "sha3_224"),
    (Digest::Sha3_256, "sha3_256"),
    (Digest::Sha3_384, "sha3_384"),
    (Digest::Sha3_512, "sha3_512"),
    (Digest::Sha512, "sha512"),
    (Digest::Xxh128, "xxh128"),
    (Digest::Xxh32, "xxh32"),
    (Digest::Xxh3_128, "xxh3_128"),
    (Digest::Xxh3_64, "xxh3_64"),
    (Digest::Xxh64, "xxh64"),
];

/// A name that no digest has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown hash `{name}`: choose one of {}", Digest::names().join(", "))]
pub struct UnknownDigest {
    /// The digest asked for.
    pub name: String,
}

impl Digest {
    /// The digest of this name.
    ///
    /// # Errors
    /// [`UnknownDigest`] if there is none.
    pub fn parse(name: &str) -> Result<Self, UnknownDigest> {
        let found = DIGESTS.iter().find(|(_, known)| *known == name);
        found
            .map(|(digest, _)| *digest)
            .ok_or_else(|| UnknownDigest {
                name: name.to_owned(),
            })
    }

    /// Every name, sorted.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        DIGESTS.iter().map(|(_, name)| *name).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        DIGESTS
            .iter()
            .find(|(digest, _)| *digest == self)
            .map_or("", |(_, name)| name)
    }

    /// The digest of `data` in hexadecimal.
    #[must_use]
    pub fn hex(self, data: &[u8]) -> String {
        match self {
            Self::Blake2b => hex(&blake2::Blake2b512::digest(data)),
            Self::Blake2s => hex(&blake2::Blake2s256::digest(data)),
            Self::Md5 => hex(&md5::Md5::digest(data)),
            Self::Sha1 => hex(&sha1::Sha1::digest(data)),
            Self::Sha224 => hex(&sha2::Sha224::digest(data)),
            Self::Sha256 => hex(&sha2::Sha256::digest(data)),
            Self::Sha384 => hex(&sha2::Sha384::digest(data)),
            Self::Sha512 => hex(&sha2::Sha512::digest(data)),
            Self::Sha3_224 => hex(&sha3::Sha3_224::digest(data)),
            Self::Sha3_256 => hex(&sha3::Sha3_256::digest(data)),
            Self::Sha3_384 => hex(&sha3::Sha3_384::digest(data)),
            Self::Sha3_512 => hex(&sha3::Sha3_512::digest(data)),
            Self::Xxh128 | Self::Xxh3_128 => format!("{:032x}", xxh3::xxh3_128(data)),
            Self::Xxh32 => format!("{:08x}", xxh32::xxh32(data, 0)),
            Self::Xxh3_64 => format!("{:016x}", xxh3::xxh3_64(data)),
            Self::Xxh64 => format!("{:016x}", xxh64::xxh64(data, 0)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
