//! Values of Arrow arrays, borrowed from their buffers.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ByteArrayType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, GenericByteArray, GenericListArray, OffsetSizeTrait};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

use crate::row::Reason;
use crate::value::{Fault, Value, utf8};

/// The value of `array` at `row`.
///
/// Texts are checked to be UTF-8 whatever their type says: Parquet files from elsewhere lie, and nobody
/// before us has looked.
pub(crate) fn value_at<'a>(array: &'a dyn Array, row: usize) -> Result<Value<'a>, Fault> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Value::Float,
        DataType::List(_) => list(array.as_list::<i32>(), row)?,
        DataType::LargeList(_) => list(array.as_list::<i64>(), row)?,
        DataType::FixedSizeList(_, _) => {
            let lists = array.as_fixed_size_list();
            let start = lists.value_offset_at(row);
            range(
                lists.values(),
                start,
                start + lists.value_length().as_usize(),
            )?
        }
        DataType::Struct(_) => fields(array, row)?,
        DataType::Map(_, _) => entries(array, row)?,
        DataType::Dictionary(_, _) => match array.as_any_dictionary_opt() {
            Some(dictionary) => {
                match integer_at(dictionary.keys(), row).and_then(|key| usize::try_from(key).ok()) {
                    Some(key) => value_at(dictionary.values().as_ref(), key)?,
                    None => Value::Other,
                }
            }
            None => Value::Other,
        },
        _ => match bytes_at(array, row) {
            Some(bytes) => text(bytes)?,
            None => integer_at(array, row).map_or(Value::Other, |value| {
                Value::Integer(value.to_string().into())
            }),
        },
    })
}

/// Whether anything is in `array` at `row`; its bytes need not be text.
pub(crate) fn is_present(array: &dyn Array, row: usize) -> bool {
    if array.is_null(row) {
        return false;
    }
    match bytes_at(array, row) {
        Some(bytes) => !bytes.is_empty(),
        None => match array.data_type() {
            DataType::List(_) => any_present(&array.as_list::<i32>().value(row)),
            DataType::LargeList(_) => any_present(&array.as_list::<i64>().value(row)),
            DataType::FixedSizeList(_, _) => any_present(&array.as_fixed_size_list().value(row)),
            DataType::Map(_, _) => any_present(array.as_map().value(row).column(1)),
            DataType::Struct(_) => array
                .as_struct()
                .columns()
                .iter()
                .any(|column| is_present(column, row)),
            DataType::Dictionary(_, _) => {
                value_at(array, row).map_or(true, |value| value.is_present())
            }
            DataType::Boolean => array.as_boolean().value(row),
            DataType::Null => false,
            _ => true,
        },
    }
}

fn any_present(array: &dyn Array) -> bool {
    (0..array.len()).any(|row| is_present(array, row))
}

fn text(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    match utf8(bytes) {
        Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
        Err(at) => Err(Fault::Row(
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

fn list<O: OffsetSizeTrait>(array: &GenericListArray<O>, row: usize) -> Result<Value<'_>, Fault> {
    let offsets = array.value_offsets();
    range(
        array.values(),
        offsets[row].as_usize(),
        offsets[row + 1].as_usize(),
    )
}

fn range(values: &dyn Array, start: usize, end: usize) -> Result<Value<'_>, Fault> {
    (start..end)
        .map(|row| value_at(values, row))
        .collect::<Result<_, _>>()
        .map(Value::List)
}

fn fields(array: &dyn Array, row: usize) -> Result<Value<'_>, Fault> {
    let array = array.as_struct();
    let named = array.fields().iter().zip(array.columns());
    named
        .map(|(field, column)| Ok((Cow::Borrowed(field.name().as_str()), value_at(column, row)?)))
        .collect::<Result<_, _>>()
        .map(Value::Struct)
}

/// A map as an object: of the row's own keys, and of no others, unlike a struct of all keys of a file.
fn entries(array: &dyn Array, row: usize) -> Result<Value<'_>, Fault> {
    let map = array.as_map();
    let offsets = map.value_offsets();
    (offsets[row].as_usize()..offsets[row + 1].as_usize())
        .map(|entry| {
            let key = match value_at(map.keys().as_ref(), entry)? {
                Value::Text(key) | Value::Integer(key) => key,
                other => {
                    let detail = format!("{} is the key of a map", other.kind());
                    return Err(Fault::Row(Reason::WrongType, detail));
                }
            };
            Ok((key, value_at(map.values().as_ref(), entry)?))
        })
        .collect::<Result<_, _>>()
        .map(Value::Struct)
}
