//! A block on its way to the disk: sorted by shuffle key, the ids first, the index last.

use std::io::{ErrorKind, IoSlice, Write};
use std::path::Path;
use std::sync::LazyLock;

use octomed_files::{Access, Sync, Temporary};

use crate::checks::images_path;
use crate::image_files::write_list;
use crate::side_column::DHASHES;
use crate::{
    FilteredColumns, Header, ImageFiles, IndexError, QuestionTable, RefusalColumns, SettledImages,
    SideColumn, TraceColumns, index_bytes,
};

/// All that a block holds, its traces in reading order.
#[derive(Debug)]
pub struct NewBlock<'b> {
    /// What it says of itself.
    pub header: &'b Header,
    /// Its traces.
    pub traces: TraceColumns,
    /// The rows that gave none.
    pub refusals: RefusalColumns,
    /// The stored bytes of the traces, one after the other.
    pub stored: &'b [u8],
    /// Columns that get files of their own, with a value for each trace.
    pub side: &'b [(SideColumn, Vec<u8>)],
    /// The images that its traces show.
    pub images: &'b SettledImages,
    /// The files in which images were looked for.
    pub files: &'b ImageFiles,
    /// The questions of its rows, where a rule reads them.
    pub questions: Option<&'b QuestionTable>,
    /// The traces that filters left out.
    pub filtered: FilteredColumns,
}

static NO_IMAGES: LazyLock<SettledImages> = LazyLock::new(SettledImages::default);
static NO_FILES: ImageFiles = ImageFiles::new();

impl<'b> NewBlock<'b> {
    /// A block that holds nothing yet.
    #[must_use]
    pub fn new(header: &'b Header) -> Self {
        Self {
            header,
            traces: TraceColumns::default(),
            refusals: RefusalColumns::default(),
            stored: &[],
            side: &[],
            images: &NO_IMAGES,
            files: &NO_FILES,
            questions: None,
            filtered: FilteredColumns::default(),
        }
    }

    /// Writes `<stem>.ids`, a file for each side column, `<stem>.images`, `<stem>.dhashes`, `<stem>.image_files`
    /// and `<stem>.questions` where there are any, and `<stem>.index`.
    ///
    /// The disk begins with its work and is not waited for: whoever calls the task finished syncs its files first.
    ///
    /// # Errors
    /// When a file cannot be written; no half file is left.
    pub fn write(self, stem: &Path, access: Access) -> Result<(), IndexError> {
        let order = self.traces.shuffled_order();
        let ids_path = stem.with_extension("ids");
        let mut files = vec![(self.write_ids(&ids_path, &order, access)?, ids_path)];
        for (column, values) in self.side {
            let file = column.write(stem, values, &order, access)?;
            files.push((file, column.path(stem)));
        }
        if !self.images.images().is_empty() {
            let path = images_path(stem);
            files.push((self.write_images(&path, access)?, path));
        }
        if self.header.dhashes {
            let numbers: Vec<u32> = (0..self.images.images().len() as u32).collect();
            let file = DHASHES.write(stem, &self.images.dhashes(), &numbers, access)?;
            files.push((file, DHASHES.path(stem)));
        }
        if !self.files.is_empty() {
            files.push(write_list(stem, self.files, access)?);
        }
        if let Some(questions) = self.questions {
            files.push(questions.write(stem, access)?);
        }
        let images = self.images.table(&self.traces.images, &order);
        let traces = self.traces.reordered(&order);
        let bytes = index_bytes(self.header, traces, self.refusals, images, &self.filtered)?;
        let index_path = stem.with_extension("index");
        let write_index = || {
            let mut index = Temporary::beside(&index_path, access)?;
            index.file().write_all(&bytes)?;
            Ok(index)
        };
        let index = write_index().map_err(IndexError::file("write", &index_path))?;
        files.push((index, index_path));
        for (file, path) in files {
            file.rename(Sync::Later)
                .map_err(IndexError::file("write", &path))?;
        }
        Ok(())
    }

    fn write_ids(
        &self,
        path: &Path,
        order: &[u32],
        access: Access,
    ) -> Result<Temporary, IndexError> {
        let lengths = self.traces.stored.iter().map(|&bytes| bytes as usize);
        let starts: Vec<usize> = lengths
            .scan(0, |end, length| {
                let start = *end;
                *end += length;
                Some(start)
            })
            .collect();
        write_pieces(path, order, access, |&row| {
            let row = row as usize;
            &self.stored[starts[row]..][..self.traces.stored[row] as usize]
        })
    }

    fn write_images(&self, path: &Path, access: Access) -> Result<Temporary, IndexError> {
        write_pieces(path, self.images.images(), access, |image| &image.stored)
    }
}

/// Writes pieces of memory on end; the file gets its name when it is renamed.
fn write_pieces<'p, T>(
    path: &Path,
    values: &'p [T],
    access: Access,
    piece: impl Fn(&'p T) -> &'p [u8],
) -> Result<Temporary, IndexError> {
    let slice = |value| IoSlice::new(piece(value));
    let write = || {
        let mut temporary = Temporary::beside(path, access)?;
        for values in values.chunks(SLICES_PER_WRITE) {
            let mut slices: Vec<IoSlice<'_>> = values.iter().map(slice).collect();
            write_slices(temporary.file(), &mut slices)?;
        }
        Ok(temporary)
    };
    write().map_err(IndexError::file("write", path))
}

/// As many as the system takes at once.
const SLICES_PER_WRITE: usize = 1024;

/// Writes all of the slices, from where they lie.
fn write_slices(file: &mut impl Write, mut slices: &mut [IoSlice<'_>]) -> std::io::Result<()> {
    // Empty slices alone would look like a file that takes no more.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Takes a few bytes at a time, as a disk that fills up or a signal make a file do.
    struct Reluctant {
        taken: Vec<u8>,
        room: usize,
        interrupt: bool,
    }

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.interrupt = !self.interrupt;
            if self.interrupt {
                return Err(ErrorKind::Interrupted.into());
            }
            let taken = bytes.len().min(7).min(self.room - self.taken.len());
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(parts: &[&[u8]], room: usize) -> std::io::Result<Vec<u8>> {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let (taken, interrupt) = (Vec::new(), false);
        let mut file = Reluctant {
            taken,
            room,
            interrupt,
        };
        write_slices(&mut file, &mut slices)?;
        Ok(file.taken)
    }

    #[test]
    fn slices_are_written_whole_and_in_order() {
        let long = [b'x'; 100];
        let parts: [&[u8]; 6] = [b"", b"ab", b"", &long, b"c", b""];
        assert_eq!(written(&parts, 1000).unwrap(), parts.concat());
        assert_eq!(written(&[b"", b""], 0).unwrap(), b"");
        assert_eq!(written(&[], 0).unwrap(), b"");
    }

    #[test]
    fn a_file_that_takes_no_more_is_an_error() {
        let error = written(&[b"abc", b"def"], 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }
}
