//! What a row holds in one column: announced by size, or given whole.

use crate::encoding::{Encoding, Kind};
use crate::ndarray::{Dtype, data_bytes};

/// What will stand in a column, told before the bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// So many bytes, already encoded; any column takes them.
    Bytes(u64),
    /// An array of this data type and shape; its header is written for it.
    Array(Dtype, &'a [u64]),
}

/// A value of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Bytes, already encoded; any column takes them.
    Bytes(&'a [u8]),
    /// An array: data type, shape, and values in C order, little endian.
    Array(Dtype, &'a [u64], &'a [u8]),
}

impl<'a> Value<'a> {
    /// What the value will take.
    #[must_use]
    pub fn cell(&self) -> Cell<'a> {
        match *self {
            Self::Bytes(bytes) => Cell::Bytes(bytes.len() as u64),
            Self::Array(dtype, shape, _) => Cell::Array(dtype, shape),
        }
    }

    /// How many bytes of data the shape asks for; `None` if 64 bits do not hold the number.
    pub(crate) fn expected(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Array(dtype, shape, _) => data_bytes(*dtype, shape),
        }
    }

    /// The bytes after the header.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        match *self {
            Self::Bytes(bytes) | Self::Array(_, _, bytes) => bytes,
        }
    }
}

impl Cell<'_> {
    /// Bytes in the row, the header of an array included.
    pub(crate) fn encoded_size(&self, encoding: &Encoding) -> Result<u64, String> {
        match (self, encoding.kind()) {
            (Self::Bytes(bytes), _) => Ok(*bytes),
            (Self::Array(dtype, shape), Kind::Array(array)) => array.encoded_size(*dtype, shape),
            (Self::Array(..), _) => Err(format!("its encoding is `{}`", encoding.name())),
        }
    }

    /// Writes what comes before the data.
    pub(crate) fn write_header(&self, encoding: &Encoding, out: &mut Vec<u8>) {
        if let (Self::Array(dtype, shape), Kind::Array(array)) = (self, encoding.kind()) {
            array.write_header(*dtype, shape, out);
        }
    }
}
