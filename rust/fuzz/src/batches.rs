//! Record batches of any schema, made of a fuzzer's bytes.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Decimal128Array, DictionaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    LargeBinaryArray, LargeListArray, LargeStringArray, ListArray, MapArray, NullArray,
    RecordBatch, RecordBatchOptions, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, Schema};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Names that mappings ask for, and some that nobody does.
const NAMES: [&str; 22] = [
    "question",
    "options",
    "answer",
    "responses",
    "system",
    "conversations",
    "messages",
    "from",
    "value",
    "role",
    "content",
    "q",
    "t",
    "r",
    "A",
    "B",
    "n",
    "history",
    "id",
    "image",
    "weight",
    "chosen",
];
const TEXTS: [&str; 14] = [
    "",
    " ",
    "user",
    "assistant",
    "human",
    "gpt",
    "A",
    "0",
    "Why?",
    "A. x\nB. y",
    "{\"A\": \"x\"}",
    "[\"a\", \"b\"]",
    "[{'from': 'human', 'value': 'q'}, {'from': 'gpt', 'value': 'a'}]",
    "b.png",
];
const DEPTH: u8 = 4;

/// A batch of a few rows and columns, its columns nested up to [`DEPTH`].
pub fn batch(bytes: &mut Unstructured<'_>) -> Result<RecordBatch> {
    let rows = bytes.int_in_range(0..=6)?;
    let columns = bytes.int_in_range(0..=6)?;
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for _ in 0..columns {
        let array = array(bytes, rows, DEPTH)?;
        fields.push(Field::new(
            *bytes.choose(&NAMES)?,
            array.data_type().clone(),
            true,
        ));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .expect("columns of one length");
    let from = bytes.int_in_range(0..=rows)?;
    Ok(batch.slice(from, rows - from))
}

fn array(bytes: &mut Unstructured<'_>, rows: usize, depth: u8) -> Result<ArrayRef> {
    let nested = depth > 0;
    Ok(
        match bytes.int_in_range(0..=if nested { 23 } else { 16 })? {
            0 => Arc::new(
                values(bytes, rows, text)?
                    .iter()
                    .map(|text| text.as_deref())
                    .collect::<StringArray>(),
            ),
            1 => Arc::new(
                values(bytes, rows, text)?
                    .into_iter()
                    .collect::<LargeStringArray>(),
            ),
            2 => Arc::new(
                values(bytes, rows, text)?
                    .into_iter()
                    .collect::<StringViewArray>(),
            ),
            3 => Arc::new(optional(&values(bytes, rows, blob)?).collect::<BinaryArray>()),
            4 => Arc::new(optional(&values(bytes, rows, blob)?).collect::<LargeBinaryArray>()),
            5 => Arc::new(optional(&values(bytes, rows, blob)?).collect::<BinaryViewArray>()),
            6 => Arc::new(Int64Array::from(values(bytes, rows, plain)?)),
            7 => Arc::new(UInt64Array::from(values(bytes, rows, plain)?)),
            8 => Arc::new(Int8Array::from(values(bytes, rows, plain)?)),
            9 => Arc::new(Float64Array::from(values(bytes, rows, plain)?)),
            10 => Arc::new(Float32Array::from(values(bytes, rows, plain)?)),
            11 => Arc::new(BooleanArray::from(values(bytes, rows, plain)?)),
            12 => Arc::new(NullArray::new(rows)),
            13 => Arc::new(TimestampMicrosecondArray::from(values(bytes, rows, plain)?)),
            14 => Arc::new(Decimal128Array::from(values(bytes, rows, plain)?)),
            15 | 16 => dictionary(bytes, rows)?,
            17 | 18 => list(bytes, rows, depth)?,
            19 => large_list(bytes, rows, depth)?,
            20 => fixed_list(bytes, rows, depth)?,
            21 => map(bytes, rows, depth)?,
            _ => Arc::new(structure(bytes, rows, depth)?),
        },
    )
}

fn values<'a, T>(
    bytes: &mut Unstructured<'a>,
    rows: usize,
    mut one: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<Option<T>>> {
    (0..rows)
        .map(|_| {
            Ok(if bytes.ratio(1, 8)? {
                None
            } else {
                Some(one(bytes)?)
            })
        })
        .collect()
}

fn plain<'a, T: libfuzzer_sys::arbitrary::Arbitrary<'a>>(
    bytes: &mut Unstructured<'a>,
) -> Result<T> {
    T::arbitrary(bytes)
}

fn text(bytes: &mut Unstructured<'_>) -> Result<String> {
    if bytes.ratio(1, 2)? {
        return Ok((*bytes.choose(&TEXTS)?).to_owned());
    }
    Ok(String::from_utf8_lossy(&blob(bytes)?).into_owned())
}

fn blob(bytes: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = bytes.int_in_range(0..=24)?.min(bytes.len());
    Ok(bytes.bytes(length)?.to_vec())
}

fn optional(values: &[Option<Vec<u8>>]) -> impl Iterator<Item = Option<&[u8]>> {
    values.iter().map(Option::as_deref)
}

fn nulls(bytes: &mut Unstructured<'_>, rows: usize) -> Result<Option<NullBuffer>> {
    if !bytes.ratio(1, 2)? {
        return Ok(None);
    }
    let valid: Result<Vec<bool>> = (0..rows).map(|_| Ok(!bytes.ratio(1, 4)?)).collect();
    Ok(Some(NullBuffer::from(valid?)))
}

fn lengths(bytes: &mut Unstructured<'_>, rows: usize) -> Result<Vec<usize>> {
    (0..rows).map(|_| bytes.int_in_range(0..=3)).collect()
}

fn item(values: &ArrayRef) -> Arc<Field> {
    Arc::new(Field::new("item", values.data_type().clone(), true))
}

fn dictionary(bytes: &mut Unstructured<'_>, rows: usize) -> Result<ArrayRef> {
    let words = bytes.int_in_range(1..=4_usize)?;
    let words = array(bytes, words, 0)?;
    let last = words.len() as i32 - 1;
    let keys = values(bytes, rows, |bytes| bytes.int_in_range(0..=last))?;
    let made = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), words);
    Ok(Arc::new(made.expect("keys below the number of values")))
}

fn list(bytes: &mut Unstructured<'_>, rows: usize, depth: u8) -> Result<ArrayRef> {
    let lengths = lengths(bytes, rows)?;
    let values = array(bytes, lengths.iter().sum(), depth - 1)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let made = ListArray::try_new(item(&values), offsets, values, nulls(bytes, rows)?);
    Ok(Arc::new(made.expect("lengths that add up")))
}

fn large_list(bytes: &mut Unstructured<'_>, rows: usize, depth: u8) -> Result<ArrayRef> {
    let lengths = lengths(bytes, rows)?;
    let values = array(bytes, lengths.iter().sum(), depth - 1)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let made = LargeListArray::try_new(item(&values), offsets, values, nulls(bytes, rows)?);
    Ok(Arc::new(made.expect("lengths that add up")))
}

fn fixed_list(bytes: &mut Unstructured<'_>, rows: usize, depth: u8) -> Result<ArrayRef> {
    let width = bytes.int_in_range(1..=3_usize)?;
    let values = array(bytes, rows * width, depth - 1)?;
    let made =
        FixedSizeListArray::try_new(item(&values), width as i32, values, nulls(bytes, rows)?);
    Ok(Arc::new(made.expect("values for every row")))
}

fn structure(bytes: &mut Unstructured<'_>, rows: usize, depth: u8) -> Result<StructArray> {
    let columns = bytes.int_in_range(1..=4)?;
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for _ in 0..columns {
        let column = array(bytes, rows, depth - 1)?;
        fields.push(Field::new(
            *bytes.choose(&NAMES)?,
            column.data_type().clone(),
            true,
        ));
        arrays.push(column);
    }
    let made = StructArray::try_new(Fields::from(fields), arrays, nulls(bytes, rows)?);
    Ok(made.expect("columns of one length"))
}

fn map(bytes: &mut Unstructured<'_>, rows: usize, depth: u8) -> Result<ArrayRef> {
    let lengths = lengths(bytes, rows)?;
    let entries = lengths.iter().sum();
    let keys: Result<Vec<String>> = (0..entries)
        .map(|_| Ok((*bytes.choose(&NAMES)?).to_owned()))
        .collect();
    let keys: ArrayRef = Arc::new(StringArray::from(keys?));
    let values = array(bytes, entries, depth - 1)?;
    let fields = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", values.data_type().clone(), true),
    ]);
    let entries =
        StructArray::try_new(fields, vec![keys, values], None).expect("keys and values in pairs");
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let made = MapArray::try_new(field, offsets, entries, nulls(bytes, rows)?, false);
    Ok(Arc::new(made.expect("lengths that add up")))
}
