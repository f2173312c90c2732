//! What tells the content of an input from that of another one of the same name, size and time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

/// Files up to this size are read whole.
const WHOLE: u64 = 256 << 10;
/// Of larger ones the first piece, the last, and some between: a whole disk would take too long to plan.
const PIECES: u64 = 4;
const PIECE: u64 = 16 << 10;

/// Hashes a file's size and content: all of it up to 256 KiB, and four pieces of 16 KiB of a larger one.
///
/// Archives, copies and links give different files one time; this tells them apart, where the time does not. What it
/// does not see is a change between the pieces of a large file whose time was set back.
///
/// # Errors
/// When the file cannot be read.
pub fn fingerprint(path: &Path) -> io::Result<u128> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut hash = Xxh3::new();
    hash.update(&size.to_le_bytes());
    let mut buffer = Vec::new();
    for (begin, length) in pieces(size) {
        file.seek(SeekFrom::Start(begin))?;
        buffer.clear();
        (&mut file).take(length).read_to_end(&mut buffer)?;
        hash.update(&buffer);
    }
    Ok(hash.digest128())
}

fn pieces(size: u64) -> Vec<(u64, u64)> {
    if size <= WHOLE {
        return vec![(0, size)];
    }
    let step = (size - PIECE) / (PIECES - 1);
    (0..PIECES)
        .map(|piece| {
            let last = piece + 1 == PIECES;
            (if last { size - PIECE } else { piece * step }, PIECE)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn every_byte_of_a_small_file_and_both_ends_of_a_large_one_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [1_usize, 100, 256 << 10, (256 << 10) + 1, 3_000_000] {
            let mut bytes = vec![7; size];
            fs::write(&path, &bytes).unwrap();
            let before = fingerprint(&path).unwrap();
            assert_eq!(before, fingerprint(&path).unwrap());
            let middle = pieces(size as u64)[pieces(size as u64).len() / 2].0;
            for at in [0, usize::try_from(middle).unwrap(), size - 1] {
                bytes[at] ^= 1;
                fs::write(&path, &bytes).unwrap();
                assert_ne!(before, fingerprint(&path).unwrap(), "byte {at} of {size}");
                bytes[at] ^= 1;
            }
        }
        fs::write(&path, []).unwrap();
        assert_ne!(fingerprint(&path).unwrap(), 0);
        assert!(fingerprint(&folder.path().join("none")).is_err());
    }

    #[test]
    fn pieces_lie_inside_the_file_and_do_not_overlap() {
        for size in [WHOLE + 1, WHOLE + 2, 1 << 20, u64::from(u32::MAX) * 1000] {
            let found = pieces(size);
            assert!(found.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0));
            assert_eq!(
                found.last().map(|(begin, length)| begin + length),
                Some(size)
            );
        }
    }
}
