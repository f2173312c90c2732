//! Whether a block is finished, from a look at its sizes to every byte of it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use octomed_trace::Reason;

use crate::image_files::read_list;
use crate::question_table::questions_path;
use crate::side_column::DHASHES;
use crate::{Header, IndexError, IndexFile, QuestionTable, checksum, read_index};

/// Reads the header of a block that may be used again: its whole index is looked at, the sizes of its ids and its
/// images, and its list of files.
///
/// # Errors
/// As [`read_index`], and when ids or images are not as long as the index says.
pub fn read_header(path: &Path) -> Result<Header, IndexError> {
    Ok(read_checked(path)?.header)
}

/// Reads an index, and looks at the files next to it but for the bytes of traces and images.
fn read_checked(path: &Path) -> Result<IndexFile, IndexError> {
    let index = read_index(path)?;
    check_files(path, &index)?;
    read_list(path, index.header.image_files)?;
    Ok(index)
}

/// Reads every byte of a block: its index, each trace's ids, each image, its side columns and its questions.
///
/// # Errors
/// As [`read_header`], and when the bytes of a trace or an image are not those written.
pub fn verify_block(path: &Path) -> Result<Header, IndexError> {
    let index = read_checked(path)?;
    let (traces, images) = (&index.traces, &index.images.table);
    verify_pieces(
        &path.with_extension("ids"),
        &traces.stored,
        &traces.checksum,
        "a trace",
    )?;
    if !images.is_empty() {
        verify_pieces(
            &images_path(path),
            &images.bytes,
            &images.checksum,
            "an image",
        )?;
    }
    for column in index.header.side_columns() {
        column.read(path, traces.len())?;
    }
    if index.header.dhashes {
        DHASHES.read(path, images.len())?;
    }
    if let Some(lines) = index.header.questions {
        QuestionTable::read(path, lines)?;
    }
    Ok(index.header)
}

/// Reads a file of pieces on end, and compares the checksum of each.
fn verify_pieces(
    path: &Path,
    lengths: &[u32],
    checksums: &[u32],
    what: &str,
) -> Result<(), IndexError> {
    let file = File::open(path).map_err(IndexError::of_block(path))?;
    let mut file = BufReader::new(file);
    let mut piece = Vec::new();
    for (&length, &expected) in lengths.iter().zip(checksums) {
        piece.clear();
        let read = (&mut file).take(u64::from(length)).read_to_end(&mut piece);
        if read.map_err(IndexError::of_block(path))? != length as usize {
            return Err(IndexError::damaged(path, "its end is missing"));
        }
        if checksum(&piece) != expected {
            let message = format!("{what}'s bytes are not those written");
            return Err(IndexError::damaged(path, message));
        }
    }
    Ok(())
}

/// The file with the images of a block.
pub(crate) fn images_path(stem: &Path) -> PathBuf {
    stem.with_extension("images")
}

/// Whether ids, images and side columns are as long as the index says, and the questions are there: a power cut can leave a renamed index next to files that
/// never reached the disk.
pub(crate) fn check_files(path: &Path, index: &IndexFile) -> Result<(), IndexError> {
    let stored = index.traces.stored.iter();
    let ids = stored.map(|&bytes| u64::from(bytes)).sum();
    check_size(&path.with_extension("ids"), ids)?;
    for column in index.header.side_columns() {
        check_size(&column.path(path), column.file_bytes(index.traces.len()))?;
    }
    if index.header.dhashes {
        let bytes = DHASHES.file_bytes(index.images.table.len());
        check_size(&DHASHES.path(path), bytes)?;
    }
    if index.header.questions.is_some() {
        let table = questions_path(path);
        std::fs::metadata(&table).map_err(IndexError::of_block(&table))?;
    }
    if index.images.table.is_empty() {
        return Ok(());
    }
    check_size(&images_path(path), index.images.table.file_bytes())
}

fn check_size(path: &Path, expected: u64) -> Result<(), IndexError> {
    let bytes = std::fs::metadata(path)
        .map_err(IndexError::of_block(path))?
        .len();
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
    let refusals = read_index(path)?.refusals;
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
