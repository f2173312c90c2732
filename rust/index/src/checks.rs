//! Whether a block is finished, from a look at its sizes to every byte of it.

use std::path::{Path, PathBuf};

use octomed_trace::Reason;

use crate::{Header, IndexError, checksum, read_index};

/// Reads the header of a block that may be used again: its whole index is looked at, and the size of its ids.
///
/// # Errors
/// As [`read_index`], and when the ids are not as long as the index says.
pub fn read_header(path: &Path) -> Result<Header, IndexError> {
    let (header, traces, _) = read_index(path)?;
    check_ids_file(&path.with_extension("ids"), &traces.stored)?;
    Ok(header)
}

/// Reads every byte of a block: its index, and each trace's ids.
///
/// # Errors
/// As [`read_header`], and when a trace's bytes are not those written.
pub fn verify_block(path: &Path) -> Result<Header, IndexError> {
    let (header, traces, _) = read_index(path)?;
    let path = path.with_extension("ids");
    check_ids_file(&path, &traces.stored)?;
    let bytes = std::fs::read(&path).map_err(IndexError::of_block(&path))?;
    let mut rest = &bytes[..];
    for (&stored, &expected) in traces.stored.iter().zip(&traces.checksum) {
        let (trace, behind) = rest
            .split_at_checked(stored as usize)
            .ok_or_else(|| IndexError::damaged(&path, "its end is missing"))?;
        if checksum(trace) != expected {
            return Err(IndexError::damaged(
                &path,
                "a trace's bytes are not those written",
            ));
        }
        rest = behind;
    }
    Ok(header)
}

/// A power cut can leave a renamed index next to ids that never reached the disk.
///
/// # Errors
/// When the ids are missing, or not as long as the index says.
pub(crate) fn check_ids_file(path: &Path, stored: &[u32]) -> Result<(), IndexError> {
    let bytes = std::fs::metadata(path)
        .map_err(IndexError::of_block(path))?
        .len();
    let expected: u64 = stored.iter().map(|&bytes| u64::from(bytes)).sum();
    if bytes == expected {
        return Ok(());
    }
    Err(IndexError::damaged(
        path,
        format!("{bytes} bytes, the index counts {expected}"),
    ))
}

/// Row number in the task, reason and detail of the first unreadable row.
///
/// # Errors
/// As [`read_index`].
pub fn first_refusal(path: &Path) -> Result<Option<(u32, String, String)>, IndexError> {
    let (_, _, refusals) = read_index(path)?;
    let unreadable = |code: &u8| Reason::from_code(*code).is_some_and(Reason::is_unreadable);
    let first = refusals.reason.iter().position(unreadable);
    Ok(first.map(|row| {
        (
            refusals.ordinal[row],
            refusals.reason_of(row).to_owned(),
            refusals.detail_of(row).to_owned(),
        )
    }))
}

/// The headers of all parts of a finished block, of which [`verify_block`] looks at every byte if that is
/// asked; none of one that is not there whole.
///
/// # Errors
/// As [`read_index`].
pub fn read_parts(stem: &Path, every_byte: bool) -> Result<Option<Vec<Header>>, IndexError> {
    let mut headers = Vec::new();
    loop {
        let path = part_path(stem, headers.len() as u32).with_extension("index");
        if !path.exists() {
            return Ok(None);
        }
        let header = if every_byte {
            verify_block(&path)?
        } else {
            read_header(&path)?
        };
        let is_last = header.is_last;
        headers.push(header);
        if is_last {
            return Ok(Some(headers));
        }
    }
}

/// The path, without extension, of a part of the block that is called `stem`.
pub fn part_path(stem: &Path, part: u32) -> PathBuf {
    if part == 0 {
        return stem.to_owned();
    }
    let mut name = stem.as_os_str().to_owned();
    name.push(format!("-{part}"));
    PathBuf::from(name)
}
