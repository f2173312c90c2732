//! Column encodings by the names that MDS gives them.

use crate::ndarray::{ArrayEncoding, Dtype};

/// How a column stores its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes as they are; images and pickles too, which are neither made nor opened here.
    Bytes,
    /// UTF-8 text: `str`, and the numbers and JSON that MDS stores as text.
    Text,
    /// One number.
    Scalar(Dtype),
    /// An array.
    Array(ArrayEncoding),
}

/// An encoding: its name as written, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    name: String,
    kind: Kind,
}

impl Encoding {
    /// The encoding of this name, such as `str`, `int`, `ndarray:uint32` or `ndarray:float16:3,224,224`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let kind = match name.split_once(':') {
            Some(("ndarray", config)) => Kind::Array(ArrayEncoding::parse(config)?),
            Some(_) => return None,
            None => Self::simple(name)?,
        };
        Some(Self {
            name: name.to_owned(),
            kind,
        })
    }

    fn simple(name: &str) -> Option<Kind> {
        Some(match name {
            "bytes" | "pil" | "jpeg" | "jpeg_array" | "jpegarray" | "png" | "list[pil]"
            | "list[jpeg]" | "list[png]" | "pkl" => Kind::Bytes,
            "str" | "str_int" | "str_float" | "str_decimal" | "json" => Kind::Text,
            "int" => Kind::Scalar(Dtype::Int64),
            "ndarray" => Kind::Array(ArrayEncoding::parse("")?),
            other => Kind::Scalar(Dtype::from_name(other)?),
        })
    }

    /// The name as written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How values are stored.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Bytes of every value, if they are always as many.
    #[must_use]
    pub fn fixed_size(&self) -> Option<u64> {
        match &self.kind {
            Kind::Bytes | Kind::Text => None,
            Kind::Scalar(dtype) => Some(dtype.width()),
            Kind::Array(array) => array.fixed_size(),
        }
    }
}
