//! Compressions by the names that MDS gives them.

use std::io::{Read, Write};

use crate::MdsError;

/// A compression and its level, such as `zstd:1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    name: String,
    family: Family,
    level: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Brotli,
    Bzip2,
    Gzip,
    Snappy,
    Zstd,
}

/// The largest window of brotli without its large-window extension.
const BROTLI_WINDOW: u32 = 22;
const BROTLI_BUFFER: usize = 1 << 16;

impl Family {
    /// Extension, default level and levels, as streaming's `compression.py` has them.
    fn describe(self) -> (&'static str, i32, std::ops::RangeInclusive<i32>) {
        match self {
            Self::Brotli => ("br", 11, 0..=11),
            Self::Bzip2 => ("bz2", 9, 1..=9),
            Self::Gzip => ("gz", 9, 0..=9),
            Self::Snappy => ("snappy", 0, 0..=0),
            Self::Zstd => ("zstd", 3, 1..=22),
        }
    }
}

impl Compression {
    /// The compression of this name: a family, or family and level.
    ///
    /// # Errors
    /// [`MdsError::Compression`] for a family or level that readers do not know.
    pub fn parse(name: &str) -> Result<Self, MdsError> {
        Self::find(name).ok_or_else(|| MdsError::Compression {
            name: name.to_owned(),
        })
    }

    fn find(name: &str) -> Option<Self> {
        let (extension, level) = match name.split_once(':') {
            Some((extension, level)) => (extension, Some(level)),
            None => (name, None),
        };
        let families = [
            Family::Brotli,
            Family::Bzip2,
            Family::Gzip,
            Family::Snappy,
            Family::Zstd,
        ];
        let family = families
            .into_iter()
            .find(|family| family.describe().0 == extension)?;
        let (_, default, levels) = family.describe();
        let level = match level {
            None => default,
            Some(_) if family == Family::Snappy => return None,
            // A level is written as Python prints it: `+1` and `01` are other names.
            Some(text) => levels.into_iter().find(|level| level.to_string() == text)?,
        };
        Some(Self {
            name: name.to_owned(),
            family,
            level,
        })
    }

    /// The name as written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What compressed files end in.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        self.family.describe().0
    }
}

/// Compresses and decompresses; keeps its tables from one shard to the next.
pub struct Codec {
    family: Family,
    level: i32,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Codec {
    /// A codec for `compression`.
    ///
    /// # Errors
    /// [`MdsError::Codec`] if it cannot be set up.
    pub fn new(compression: &Compression) -> Result<Self, MdsError> {
        let (family, level) = (compression.family, compression.level);
        let zstd = match family {
            Family::Zstd => Some(zstd::bulk::Compressor::new(level)),
            _ => None,
        };
        let zstd = zstd.transpose().map_err(|source| MdsError::Codec {
            codec: "zstd",
            source,
        })?;
        Ok(Self {
            family,
            level,
            zstd,
        })
    }

    /// Replaces what is in `out` by `data` compressed.
    ///
    /// # Errors
    /// [`MdsError::Codec`] if the codec fails.
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), MdsError> {
        out.clear();
        let codec = self.family.describe().0;
        self.try_compress(data, out)
            .map_err(|source| MdsError::Codec { codec, source })
    }

    fn try_compress(&mut self, data: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        #[expect(clippy::cast_sign_loss, reason = "levels are not negative")]
        let level = self.level as u32;
        match (self.family, &mut self.zstd) {
            (Family::Zstd, Some(zstd)) => {
                // One frame that tells its size: what a streaming encoder writes has none, and
                // readers refuse it.
                octomed_memory::reserve(out, zstd::zstd_safe::compress_bound(data.len()));
                zstd.compress_to_buffer(data, out).map(drop)
            }
            (Family::Zstd, None) => Err(std::io::ErrorKind::Unsupported.into()),
            (Family::Brotli, _) => {
                let mut writer =
                    brotli::CompressorWriter::new(out, BROTLI_BUFFER, level, BROTLI_WINDOW);
                writer.write_all(data)?;
                writer.flush()
            }
            (Family::Bzip2, _) => {
                let mut writer = bzip2::write::BzEncoder::new(out, bzip2::Compression::new(level));
                writer.write_all(data)?;
                writer.finish().map(drop)
            }
            (Family::Gzip, _) => {
                let mut writer =
                    flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
                writer.write_all(data)?;
                writer.finish().map(drop)
            }
            (Family::Snappy, _) => {
                out.resize(snap::raw::max_compress_len(data.len()), 0);
                let length = snap::raw::Encoder::new().compress(data, out)?;
                out.truncate(length);
                Ok(())
            }
        }
    }

    /// `data` decompressed, if that gives at most `limit` bytes.
    ///
    /// # Errors
    /// [`MdsError::Codec`] if the data is damaged or gives more.
    pub fn decompress(&self, data: &[u8], limit: u64) -> Result<Vec<u8>, MdsError> {
        let codec = self.family.describe().0;
        self.try_decompress(data, limit)
            .map_err(|source| MdsError::Codec { codec, source })
    }

    fn try_decompress(&self, data: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
        let reader: Box<dyn Read + '_> = match self.family {
            Family::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(data)?),
            Family::Brotli => Box::new(brotli::Decompressor::new(data, BROTLI_BUFFER)),
            Family::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(data)),
            Family::Gzip => Box::new(flate2::read::MultiGzDecoder::new(data)),
            Family::Snappy => return decompress_snappy(data, limit),
        };
        let expected = limit.min(1 << 28) as usize;
        let mut out = Vec::with_capacity(expected);
        reader.take(limit + 1).read_to_end(&mut out)?;
        if out.len() as u64 > limit {
            Err(longer(limit))
        } else {
            Ok(out)
        }
    }
}

fn decompress_snappy(data: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
    if snap::raw::decompress_len(data)? as u64 > limit {
        return Err(longer(limit));
    }
    Ok(snap::raw::Decoder::new().decompress_vec(data)?)
}

fn longer(limit: u64) -> std::io::Error {
    std::io::Error::other(format!("the data is longer than {limit} bytes"))
}
