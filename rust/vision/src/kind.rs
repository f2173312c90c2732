//! What a file is that is no image of a format that is read.

use crate::bytes::{contains, slice};
use crate::error::{Fault, ImageError};

/// Names by the bytes at a place.
const MAGIC: [(usize, &[u8], &str); 28] = [
    (0, b"II+\0", "BigTIFF"),
    (0, b"MM\0+", "BigTIFF"),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\0", "NIfTI"),
    (344, b"ni1\0", "NIfTI"),
    (4, b"n+2\0", "NIfTI"),
    (4, b"ni2\0", "NIfTI"),
    (0, b"%PDF", "PDF"),
    (0, b"\x1F\x8B", "gzip (NIfTI is often stored so)"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"PK\x05\x06", "a zip archive"),
    (0, b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\x28\xB5\x2F\xFD", "Zstandard"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x1A\x45\xDF\xA3", "a video (WebM or Matroska)"),
    (0, b"OggS", "audio or video (Ogg)"),
    (0, b"\x00\x00\x01\xBA", "a video (MPEG)"),
    (0, b"\x00\x00\x00\x0CjP  ", "JPEG 2000"),
    (0, b"\xFF\x4F\xFF\x51", "JPEG 2000"),
    (0, b"\xFF\x0A", "JPEG XL"),
    (0, b"\x00\x00\x00\x0CJXL ", "JPEG XL"),
    (0, b"\x00\x00\x01\x00", "an icon (ICO)"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"\x76\x2F\x31\x01", "OpenEXR"),
    (0, b"\x89HDF\r\n", "HDF5"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
    ),
];

/// The refusal of a file that is no image of a format that is read, by name where it has one.
pub(crate) fn refusal(bytes: &[u8]) -> ImageError {
    let detail = match name_of(bytes) {
        Some(name) => format!("not an image that is read: {name}"),
        None => "not an image that is read".to_owned(),
    };
    ImageError::new(Fault::Kind, detail)
}

fn name_of(bytes: &[u8]) -> Option<&'static str> {
    MAGIC
        .iter()
        .find(|(at, magic, _)| slice(bytes, *at, magic.len()) == Some(magic))
        .map(|(_, _, name)| *name)
        .or_else(|| in_box(bytes))
        .or_else(|| in_riff(bytes))
        .or_else(|| in_text(bytes))
}

/// Files of the ISO base media format, by brand.
fn in_box(bytes: &[u8]) -> Option<&'static str> {
    if slice(bytes, 4, 4)? != b"ftyp" {
        return None;
    }
    Some(match slice(bytes, 8, 4)? {
        b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => "HEIC",
        b"avif" | b"avis" => "AVIF",
        _ => "a video (MP4 or QuickTime)",
    })
}

fn in_riff(bytes: &[u8]) -> Option<&'static str> {
    if slice(bytes, 0, 4)? != b"RIFF" {
        return None;
    }
    match slice(bytes, 8, 4)? {
        b"AVI " => Some("a video (AVI)"),
        b"WAVE" => Some("audio (WAV)"),
        _ => None,
    }
}

/// Text files, by how they begin.
fn in_text(bytes: &[u8]) -> Option<&'static str> {
    let head = bytes.get(..bytes.len().min(1024))?;
    let head = head
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(head)
        .trim_ascii_start();
    if head.first()? != &b'<' {
        return None;
    }
    let head = head.to_ascii_lowercase();
    if contains(&head, b"<svg") {
        Some("SVG")
    } else if contains(&head, b"<html") || head.starts_with(b"<!doctype html") {
        Some("a page of HTML")
    } else {
        Some("XML")
    }
}
