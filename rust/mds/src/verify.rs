//! Looks for damage: every file, digest, offset and row against the index.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rayon::prelude::*;

use crate::encoding::{Encoding, Kind};
use crate::layout::{split_row, word};
use crate::shard_file::{decompress_file, differences};
use crate::{FileInfo, Index, MdsError, Schema, ShardInfo};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Number of the shard; `None` for a file that belongs to no shard.
    pub shard: Option<usize>,
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// Defects in the rows of one shard that are listed one by one; the rest is counted.
const MOST_ROWS: usize = 20;

/// Checks the dataset in `directory` with `threads` threads and lists all that is wrong, in shard order.
///
/// Sizes and digests of files, decompression, the configuration in each shard, offsets, and the sizes,
/// text and array headers of every row. A changed byte inside a value shows only in a digest, so a
/// dataset written without any is checked less.
///
/// # Errors
/// Only if there is no index that can be read: [`MdsError::Io`], [`MdsError::Index`].
pub fn verify(directory: &Path, threads: usize) -> Result<Vec<Defect>, MdsError> {
    let index = Index::read(directory)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.clamp(1, index.shards.len().max(1)))
        .build()
        .map_err(|_| MdsError::Worker)?;
    let check = |(shard, info)| check_shard(directory, shard, info);
    let found: Vec<Vec<Defect>> =
        pool.install(|| index.shards.par_iter().enumerate().map(check).collect());
    let mut found = found.concat();
    found.extend(find_strays(directory, &index));
    Ok(found)
}

/// Files that look like shards and are in no index.
fn find_strays(directory: &Path, index: &Index) -> Vec<Defect> {
    let files =
        |info: &ShardInfo| [Some(&info.raw_data), info.zip_data.as_ref()].map(|file| file.cloned());
    let known = index
        .shards
        .iter()
        .flat_map(files)
        .flatten()
        .map(|file| file.basename);
    let known: BTreeSet<String> = known.collect();
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names: BTreeSet<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let strays = names
        .difference(&known)
        .filter(|name| name.starts_with("shard."));
    let what = "the index does not list it";
    strays
        .map(|file| Defect {
            shard: None,
            file: file.clone(),
            what: what.to_owned(),
        })
        .collect()
}

/// Defects of one shard.
struct Defects {
    shard: usize,
    found: Vec<Defect>,
}

impl Defects {
    fn add(&mut self, file: &FileInfo, what: impl Into<String>) {
        let (file, what) = (file.basename.clone(), what.into());
        self.found.push(Defect {
            shard: Some(self.shard),
            file,
            what,
        });
    }

    /// Reads a file and compares its size and digests.
    fn read(&mut self, directory: &Path, file: &FileInfo) -> Option<Vec<u8>> {
        match fs::read(directory.join(&file.basename)) {
            Ok(bytes) => {
                self.compare(file, &bytes);
                Some(bytes)
            }
            Err(error) => {
                self.add(file, error.to_string());
                None
            }
        }
    }

    fn compare(&mut self, file: &FileInfo, bytes: &[u8]) {
        for what in differences(file, bytes) {
            self.add(file, what);
        }
    }
}

fn check_shard(directory: &Path, shard: usize, info: &ShardInfo) -> Vec<Defect> {
    let mut defects = Defects {
        shard,
        found: Vec::new(),
    };
    if let Some(raw) = raw_shard(&mut defects, directory, info) {
        match info.schema() {
            Ok(schema) => check_raw(&mut defects, info, &schema, &raw),
            Err(error) => defects.add(&info.raw_data, error.to_string()),
        }
    }
    defects.found
}

/// The raw shard, from its own file or from the compressed one; both are checked where both are there.
fn raw_shard(defects: &mut Defects, directory: &Path, info: &ShardInfo) -> Option<Vec<u8>> {
    let (Some(zip), Some(compression)) = (&info.zip_data, &info.compression) else {
        return defects.read(directory, &info.raw_data);
    };
    let path = directory.join(&zip.basename);
    let plain = directory.join(&info.raw_data.basename).exists();
    if plain && !path.exists() {
        return defects.read(directory, &info.raw_data);
    }
    defects.read(directory, zip)?;
    let unpacked = match plain {
        true => Some(defects.read(directory, &info.raw_data)?),
        false => None,
    };
    if unpacked.is_some() && !info.raw_data.hashes.is_empty() {
        return unpacked;
    }
    match decompress_file(&path, compression, info.raw_data.bytes) {
        Ok(raw) => {
            if unpacked.is_some_and(|unpacked| unpacked != raw) {
                defects.add(&info.raw_data, "it is not what its compressed shard holds");
            }
            defects.compare(&info.raw_data, &raw);
            Some(raw)
        }
        Err(MdsError::Damaged { what, .. }) => {
            defects.add(zip, what);
            None
        }
        Err(error) => {
            defects.add(zip, error.to_string());
            None
        }
    }
}

/// Head, offsets and rows of a raw shard.
fn check_raw(defects: &mut Defects, info: &ShardInfo, schema: &Schema, raw: &[u8]) {
    let file = &info.raw_data;
    let rows = word(raw, 0).map_or(0, u64::from);
    if rows != info.samples {
        defects.add(
            file,
            format!("it has {rows} rows, and the index says {}", info.samples),
        );
    }
    let offsets: Option<Vec<u64>> = (0..=rows)
        .map(|row| Some(u64::from(word(raw, usize::try_from(row).ok()? + 1)?)))
        .collect();
    let Some(offsets) = offsets else {
        return defects.add(file, "its offsets are cut off");
    };
    check_head(defects, file, schema, raw, &offsets);
    let broken = |row: usize| {
        Some(format!(
            "row {row}: {}",
            row_fault(schema, raw, &offsets, row)?
        ))
    };
    let mut faults = (0..offsets.len() - 1).filter_map(broken);
    for fault in faults.by_ref().take(MOST_ROWS) {
        defects.add(file, fault);
    }
    match faults.count() {
        0 => {}
        more => defects.add(file, format!("and {more} more broken rows")),
    }
}

fn check_head(
    defects: &mut Defects,
    file: &FileInfo,
    schema: &Schema,
    raw: &[u8],
    offsets: &[u64],
) {
    let rows = offsets.len() - 1;
    let head = schema.head_size(rows);
    let config = usize::try_from(head)
        .ok()
        .and_then(|head| raw.get(8 + 4 * rows..head));
    if config != Some(schema.config()) {
        defects.add(file, "its configuration is not the one in the index");
    }
    if offsets.first() != Some(&head) {
        defects.add(file, "its first row does not follow its head");
    }
    if offsets.last() != Some(&(raw.len() as u64)) {
        defects.add(file, "its last row does not end where the file ends");
    }
}

/// What is wrong with a row.
fn row_fault(schema: &Schema, raw: &[u8], offsets: &[u64], row: usize) -> Option<String> {
    let start = usize::try_from(offsets[row]).ok()?;
    let end = usize::try_from(offsets[row + 1]).ok()?;
    let Some(bytes) = raw.get(start..end) else {
        return Some(format!(
            "it goes from byte {start} to byte {end} of {}",
            raw.len()
        ));
    };
    let columns = match split_row(schema, bytes) {
        Ok(columns) => columns,
        Err(what) => return Some(what),
    };
    let named = schema.names().iter().zip(schema.encodings()).zip(columns);
    named.into_iter().find_map(|((name, encoding), bytes)| {
        Some(format!(
            "column `{name}`: {}",
            value_fault(encoding, bytes)?
        ))
    })
}

/// What is wrong with a value.
fn value_fault(encoding: &Encoding, bytes: &[u8]) -> Option<String> {
    match encoding.kind() {
        Kind::Bytes | Kind::Scalar(_) => None,
        Kind::Text => std::str::from_utf8(bytes)
            .err()
            .map(|error| error.to_string()),
        Kind::Array(array) => array.decode(bytes).err(),
    }
}
