//! Arrays in a column: a short header, then the values in C order, little endian.
//!
//! The header holds what the encoding leaves open: one byte for the data type, and for the shape one
//! byte with the number of axes and the width of an axis, then the axes.

use crate::MdsError;

/// Data types that MDS stores, with the numbers it gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in NumPy")]
#[repr(u8)]
pub enum Dtype {
    Uint8 = 8,
    Int8 = 9,
    Uint16 = 16,
    Int16 = 17,
    Float16 = 18,
    Uint32 = 32,
    Int32 = 33,
    Float32 = 34,
    Uint64 = 64,
    Int64 = 65,
    Float64 = 66,
}

/// Every data type with its NumPy name.
const DTYPES: [(Dtype, &str); 11] = [
    (Dtype::Uint8, "uint8"),
    (Dtype::Int8, "int8"),
    (Dtype::Uint16, "uint16"),
    (Dtype::Int16, "int16"),
    (Dtype::Float16, "float16"),
    (Dtype::Uint32, "uint32"),
    (Dtype::Int32, "int32"),
    (Dtype::Float32, "float32"),
    (Dtype::Uint64, "uint64"),
    (Dtype::Int64, "int64"),
    (Dtype::Float64, "float64"),
];

impl Dtype {
    /// The data type that NumPy calls `name`, if MDS stores it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        DTYPES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(dtype, _)| *dtype)
    }

    /// The data type that MDS numbers `code`.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        DTYPES
            .iter()
            .find(|(dtype, _)| *dtype as u8 == code)
            .map(|(dtype, _)| *dtype)
    }

    /// What NumPy calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        DTYPES
            .iter()
            .find(|(dtype, _)| *dtype == self)
            .map_or("", |(_, name)| name)
    }

    /// Bytes of one value.
    #[must_use]
    pub fn width(self) -> u64 {
        u64::from(self as u8 / 8)
    }
}

/// What the encoding of an array column fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayEncoding {
    /// The data type of every value, or one in each header.
    pub dtype: Option<Dtype>,
    /// The shape of every value, or one in each header.
    pub shape: Option<Vec<u64>>,
}

impl ArrayEncoding {
    /// Reads `dtype:shape` with the shape, or both, left out.
    pub(crate) fn parse(config: &str) -> Option<Self> {
        if config.is_empty() {
            return Some(Self {
                dtype: None,
                shape: None,
            });
        }
        let (dtype, shape) = match config.split_once(':') {
            Some((dtype, shape)) => (dtype, Some(shape)),
            None => (config, None),
        };
        let dtype = Some(Dtype::from_name(dtype)?);
        let axis = |text: &str| text.trim().parse().ok().filter(|&axis: &u64| axis > 0);
        let shape = match shape {
            Some(shape) => Some(shape.split(',').map(axis).collect::<Option<Vec<u64>>>()?),
            None => None,
        };
        // A size that no shard holds would be no size.
        let encoding = Self { dtype, shape };
        let fits = encoding.shape.is_none() || encoding.fixed_size().is_some();
        fits.then_some(encoding)
    }

    /// Bytes of every value, if both data type and shape are fixed.
    pub(crate) fn fixed_size(&self) -> Option<u64> {
        data_bytes(self.dtype?, self.shape.as_ref()?)
    }

    /// Bytes of a value with its header.
    pub(crate) fn encoded_size(&self, dtype: Dtype, shape: &[u64]) -> Result<u64, String> {
        self.check(dtype, shape)?;
        let data = data_bytes(dtype, shape).ok_or("the array is too large")?;
        let dtype_bytes = u64::from(self.dtype.is_none());
        let shape_bytes = match self.shape {
            Some(_) => 0,
            None => 1 + ((shape.len() as u64) << axis_width_code(shape)),
        };
        Ok(dtype_bytes + shape_bytes + data)
    }

    /// Writes the header of a value that [`Self::encoded_size`] accepted.
    pub(crate) fn write_header(&self, dtype: Dtype, shape: &[u64], out: &mut Vec<u8>) {
        if self.dtype.is_none() {
            out.push(dtype as u8);
        }
        if self.shape.is_none() {
            let code = axis_width_code(shape);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "at most 63 axes and a code of 3"
            )]
            out.push((shape.len() as u8) << 2 | code as u8);
            for axis in shape {
                out.extend_from_slice(&axis.to_le_bytes()[..1 << code]);
            }
        }
    }

    fn check(&self, dtype: Dtype, shape: &[u64]) -> Result<(), String> {
        match self.dtype {
            Some(expected) if expected != dtype => {
                return Err(format!("it has {}, not {}", dtype.name(), expected.name()));
            }
            _ => {}
        }
        if shape.contains(&0) {
            return Err("it has no elements, and MDS stores none".to_owned());
        }
        match &self.shape {
            Some(expected) if expected != shape => {
                Err(format!("it has shape {shape:?}, not {expected:?}"))
            }
            Some(_) => Ok(()),
            None if shape.is_empty() => Err("it has no axes; use a scalar encoding".to_owned()),
            None if shape.len() > 63 => Err(format!("it has {} axes, more than 63", shape.len())),
            None => Ok(()),
        }
    }

    /// Splits a stored value into data type, shape and values.
    pub(crate) fn decode<'a>(&self, bytes: &'a [u8]) -> Result<ArrayView<'a>, String> {
        let mut rest = bytes;
        let dtype = match self.dtype {
            Some(dtype) => dtype,
            None => {
                let code = take(&mut rest, 1)?[0];
                Dtype::from_code(code).ok_or(format!("no data type has number {code}"))?
            }
        };
        let shape = match &self.shape {
            Some(shape) => shape.clone(),
            None => read_shape(&mut rest)?,
        };
        if data_bytes(dtype, &shape) != Some(rest.len() as u64) {
            let name = dtype.name();
            return Err(format!(
                "{} bytes hold no {name} array of shape {shape:?}",
                rest.len()
            ));
        }
        Ok(ArrayView {
            dtype,
            shape,
            data: rest,
        })
    }
}

/// The first `count` bytes of `rest`, which moves on.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (head, tail) = rest
        .split_at_checked(count)
        .ok_or("its header is cut off")?;
    *rest = tail;
    Ok(head)
}

fn read_shape(rest: &mut &[u8]) -> Result<Vec<u64>, String> {
    let first = take(rest, 1)?[0];
    let width = 1_usize << (first & 3);
    let axes = take(rest, usize::from(first >> 2) * width)?;
    let axis = |bytes: &[u8]| {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(bytes);
        u64::from_le_bytes(wide)
    };
    Ok(axes.chunks_exact(width).map(axis).collect())
}

/// 0 to 3 for axes of 1, 2, 4 or 8 bytes: the narrowest that holds the longest axis.
fn axis_width_code(shape: &[u64]) -> u32 {
    match shape.iter().max().copied().unwrap_or(0) {
        0..=0xFF => 0,
        0x100..=0xFFFF => 1,
        0x1_0000..=0xFFFF_FFFF => 2,
        _ => 3,
    }
}

/// Bytes of the values, unless 64 bits do not hold the number.
pub(crate) fn data_bytes(dtype: Dtype, shape: &[u64]) -> Option<u64> {
    shape
        .iter()
        .try_fold(dtype.width(), |bytes, &axis| bytes.checked_mul(axis))
}

/// A stored array: data type, shape, and its values in C order, little endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayView<'a> {
    /// Data type of the values.
    pub dtype: Dtype,
    /// Length of each axis.
    pub shape: Vec<u64>,
    /// The values; not aligned.
    pub data: &'a [u8],
}

impl ArrayView<'_> {
    /// The values as `u32`, if that is what they are.
    ///
    /// # Errors
    /// [`MdsError::Array`] if the data type is another.
    pub fn to_u32(&self) -> Result<Vec<u32>, MdsError> {
        self.expect(Dtype::Uint32)?;
        Ok(self
            .data
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| u32::from_le_bytes(bytes))
            .collect())
    }

    /// The values as `u64`, if that is what they are.
    ///
    /// # Errors
    /// [`MdsError::Array`] if the data type is another.
    pub fn to_u64(&self) -> Result<Vec<u64>, MdsError> {
        self.expect(Dtype::Uint64)?;
        Ok(self
            .data
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| u64::from_le_bytes(bytes))
            .collect())
    }

    fn expect(&self, dtype: Dtype) -> Result<(), MdsError> {
        if self.dtype == dtype {
            return Ok(());
        }
        let what = format!("it has {}, not {}", self.dtype.name(), dtype.name());
        Err(MdsError::Array {
            column: String::new(),
            what,
        })
    }
}
