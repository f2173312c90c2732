//! Values of Arrow arrays, borrowed from their buffers.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ByteArrayType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, GenericByteArray, GenericListArray, OffsetSizeTrait};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

use crate::picture;
use crate::reason::Reason;
use crate::value::{Fault, Value, utf8};

/// What becomes of binary values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    /// They are texts: files from elsewhere do not always say that a text is one.
    Text,
    /// They are texts where they can be, and bytes of images elsewhere and under a key `bytes`.
    TextOrImage,
    /// The same in a column of images: an empty one is a file of no bytes there, and not an empty text.
    ImageOrText,
    /// They are the bytes of images.
    Image,
}

/// The value of `array` at `row`.
///
/// Texts are checked to be UTF-8 whatever their type says: Parquet files from elsewhere lie, and nobody
/// before us has looked.
pub(crate) fn value_at<'a>(
    array: &'a dyn Array,
    row: usize,
    binary: Binary,
) -> Result<Value<'a>, Fault> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::List(_) => list(array.as_list::<i32>(), row, binary)?,
        DataType::LargeList(_) => list(array.as_list::<i64>(), row, binary)?,
        DataType::FixedSizeList(_, _) => {
            let lists = array.as_fixed_size_list();
            let start = lists.value_offset_at(row);
            range(
                lists.values(),
                start,
                start + lists.value_length().as_usize(),
                binary,
            )?
        }
        DataType::Struct(_) => fields(array, row, binary)?,
        DataType::Map(_, _) => entries(array, row, binary)?,
        DataType::Dictionary(_, _) => match array.as_any_dictionary_opt() {
            Some(dictionary) => {
                match integer_at(dictionary.keys(), row).and_then(|key| usize::try_from(key).ok()) {
                    Some(key) => value_at(dictionary.values().as_ref(), key, binary)?,
                    None => Value::Other,
                }
            }
            None => Value::Other,
        },
        _ => match bytes_at(array, row) {
            Some(bytes) => text_or_image(array, bytes, binary)?,
            None => integer_at(array, row).map_or(Value::Other, |value| {
                Value::Integer(value.to_string().into())
            }),
        },
    })
}

/// A number in its shortest digits; one that is none is null, as pandas writes a missing value.
fn float<N: std::fmt::Debug + PartialEq>(number: N) -> Value<'static> {
    let digits = format!("{number:?}");
    match digits.as_str() {
        "NaN" => Value::Null,
        _ => Value::Float(Cow::Owned(with_exponent(
            &digits.replace("inf", "Infinity"),
        ))),
    }
}

/// Digits with their exponent as Python writes it: `1e+20`, `1e-07`.
fn with_exponent(digits: &str) -> String {
    match digits.split_once('e') {
        None => digits.to_owned(),
        Some((mantissa, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{exponent:0>2}")
        }
    }
}

/// A hash of the pictures that a column called so holds at `row`, none where there are none.
pub(crate) fn picture_at(array: &dyn Array, row: usize, in_picture_column: bool) -> Option<u64> {
    let mut found = None;
    collect_pictures(array, row, in_picture_column, &mut found);
    found
}

fn collect_pictures(array: &dyn Array, row: usize, in_column: bool, found: &mut Option<u64>) {
    if array.is_null(row) {
        return;
    }
    if let Some(bytes) = bytes_at(array, row) {
        let is_picture = match utf8(bytes) {
            Ok(text) => picture::is_picture_text(text, in_column),
            Err(_) => picture::is_picture_bytes(bytes, in_column),
        };
        if is_picture {
            *found = Some(picture::hash(found.unwrap_or(0), bytes));
        }
        return;
    }
    match array.data_type() {
        DataType::Struct(_) => {
            let array = array.as_struct();
            let has = |name: &str| array.column_by_name(name).is_some();
            let is_feature = has("bytes") && has("path");
            for (field, column) in array.fields().iter().zip(array.columns()) {
                let in_column = in_column || is_feature || picture::is_column_name(field.name());
                collect_pictures(column, row, in_column, found);
            }
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
            if holds_text(item.data_type()) =>
        {
            let values = match array.data_type() {
                DataType::List(_) => array.as_list::<i32>().value(row),
                DataType::LargeList(_) => array.as_list::<i64>().value(row),
                _ => array.as_fixed_size_list().value(row),
            };
            (0..values.len()).for_each(|row| collect_pictures(&values, row, in_column, found));
        }
        DataType::Dictionary(_, _) => {
            if let Some(dictionary) = array.as_any_dictionary_opt()
                && let Some(key) = integer_at(dictionary.keys(), row)
                && let Ok(key) = usize::try_from(key)
            {
                collect_pictures(dictionary.values().as_ref(), key, in_column, found);
            }
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            for (column, _) in entries.columns().iter().zip(0..2) {
                (0..column.len()).for_each(|row| collect_pictures(column, row, in_column, found));
            }
        }
        // Numbers in a column of pictures are pixels.
        _ => {
            if (in_column || holds_text(array.data_type()))
                && let Ok(value) = value_at(array, row, Binary::Text)
                && let Some(hash) = picture::search(&value, in_column, &[])
            {
                *found = Some(picture::hash(found.unwrap_or(0), &hash.to_le_bytes()));
            }
        }
    }
}

/// Whether texts or bytes can be in a value of this type, in which a picture may be.
pub(crate) fn holds_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => holds_text(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_text(field.data_type())),
        DataType::Dictionary(_, values) => holds_text(values),
        _ => false,
    }
}

/// The value of a text's or a binary value's bytes.
fn text_or_image<'a>(
    array: &dyn Array,
    bytes: &'a [u8],
    binary: Binary,
) -> Result<Value<'a>, Fault> {
    let is_binary = matches!(
        array.data_type(),
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    );
    let text = text(bytes);
    let is_image = match binary {
        Binary::Text => false,
        Binary::TextOrImage => text.is_err(),
        Binary::ImageOrText => text.is_err() || bytes.is_empty(),
        Binary::Image => true,
    };
    if is_binary && is_image {
        return Ok(Value::Bytes(Cow::Borrowed(bytes)));
    }
    text
}

fn text(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    match utf8(bytes) {
        Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
        Err(at) => Err(Fault::new(
            Reason::InvalidUtf8,
            format!("byte {at} of the value"),
        )),
    }
}

/// The bytes of a text or binary value.
fn bytes_at(array: &dyn Array, row: usize) -> Option<&[u8]> {
    Some(match array.data_type() {
        DataType::Utf8 => stored(array.as_string::<i32>(), row),
        DataType::LargeUtf8 => stored(array.as_string::<i64>(), row),
        DataType::Binary => stored(array.as_binary::<i32>(), row),
        DataType::LargeBinary => stored(array.as_binary::<i64>(), row),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
        DataType::Utf8View => array.as_string_view().value(row).as_bytes(),
        DataType::BinaryView => array.as_binary_view().value(row),
        _ => return None,
    })
}

/// The bytes of a value by its offsets, without taking them for text.
fn stored<T: ByteArrayType>(array: &GenericByteArray<T>, row: usize) -> &[u8] {
    let offsets = array.value_offsets();
    &array.value_data()[offsets[row].as_usize()..offsets[row + 1].as_usize()]
}

fn integer_at(array: &dyn Array, row: usize) -> Option<i128> {
    Some(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        _ => return None,
    })
}

fn list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
    row: usize,
    binary: Binary,
) -> Result<Value<'_>, Fault> {
    let offsets = array.value_offsets();
    range(
        array.values(),
        offsets[row].as_usize(),
        offsets[row + 1].as_usize(),
        binary,
    )
}

fn range(values: &dyn Array, start: usize, end: usize, binary: Binary) -> Result<Value<'_>, Fault> {
    (start..end)
        .map(|row| value_at(values, row, binary))
        .collect::<Result<_, _>>()
        .map(Value::List)
}

fn fields(array: &dyn Array, row: usize, binary: Binary) -> Result<Value<'_>, Fault> {
    let array = array.as_struct();
    let named = array.fields().iter().zip(array.columns());
    named
        .map(|(field, column)| {
            let name = field.name().as_str();
            let binary = match (binary, name) {
                (Binary::TextOrImage | Binary::ImageOrText, "bytes") => Binary::Image,
                (Binary::ImageOrText, _) => Binary::TextOrImage,
                _ => binary,
            };
            Ok((Cow::Borrowed(name), value_at(column, row, binary)?))
        })
        .collect::<Result<_, _>>()
        .map(Value::Struct)
}

/// A map as an object: of the row's own keys, and of no others, unlike a struct of all keys of a file.
fn entries(array: &dyn Array, row: usize, binary: Binary) -> Result<Value<'_>, Fault> {
    let map = array.as_map();
    let offsets = map.value_offsets();
    (offsets[row].as_usize()..offsets[row + 1].as_usize())
        .map(|entry| {
            let key = match value_at(map.keys().as_ref(), entry, Binary::Text)? {
                Value::Text(key) | Value::Integer(key) => key,
                other => {
                    let detail = format!("{} is the key of a map", other.kind());
                    return Err(Fault::new(Reason::WrongType, detail));
                }
            };
            Ok((key, value_at(map.values().as_ref(), entry, binary)?))
        })
        .collect::<Result<_, _>>()
        .map(Value::Struct)
}
