//! How many bytes a value takes, by its offsets alone.

use arrow_array::cast::AsArray;
use arrow_array::{Array, GenericListArray, MapArray, OffsetSizeTrait};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

/// What a number or another value of fixed width counts.
const FIXED: u64 = 8;

/// Adds the bytes of the values of `array` to `sizes`, row by row.
pub(super) fn add(array: &dyn Array, sizes: &mut [u64]) {
    match array.data_type() {
        DataType::Null => {}
        DataType::Utf8 => add_lengths(array.as_string::<i32>().value_offsets(), sizes),
        DataType::LargeUtf8 => add_lengths(array.as_string::<i64>().value_offsets(), sizes),
        DataType::Binary => add_lengths(array.as_binary::<i32>().value_offsets(), sizes),
        DataType::LargeBinary => add_lengths(array.as_binary::<i64>().value_offsets(), sizes),
        DataType::Utf8View => add_view_lengths(array.as_string_view().views(), sizes),
        DataType::BinaryView => add_view_lengths(array.as_binary_view().views(), sizes),
        DataType::List(_) => add_lists(array.as_list::<i32>(), sizes),
        DataType::LargeList(_) => add_lists(array.as_list::<i64>(), sizes),
        DataType::FixedSizeList(_, width) => {
            let lists = array.as_fixed_size_list();
            let width = width.as_usize().max(1);
            let start = lists.value_offset_at(0);
            let values = lists.values().slice(start, lists.len() * width);
            for (size, elements) in sizes.iter_mut().zip(sizes_of(&values).chunks(width)) {
                *size += elements.iter().sum::<u64>();
            }
        }
        DataType::Map(_, _) => add_map(array.as_map(), sizes),
        DataType::Struct(_) => {
            array
                .as_struct()
                .columns()
                .iter()
                .for_each(|column| add(column.as_ref(), sizes));
        }
        DataType::Dictionary(_, _) => add_dictionary(array, sizes),
        _ => sizes.iter_mut().for_each(|size| *size += FIXED),
    }
}

fn sizes_of(array: &dyn Array) -> Vec<u64> {
    let mut sizes = vec![0; array.len()];
    add(array, &mut sizes);
    sizes
}

fn add_lengths<O: ArrowNativeType>(offsets: &[O], sizes: &mut [u64]) {
    for (size, pair) in sizes.iter_mut().zip(offsets.windows(2)) {
        *size += (pair[1].as_usize() - pair[0].as_usize()) as u64;
    }
}

/// The low half of a view's first word is its length.
fn add_view_lengths(views: &[u128], sizes: &mut [u64]) {
    for (size, view) in sizes.iter_mut().zip(views) {
        *size += (view & u128::from(u32::MAX)) as u64;
    }
}

fn add_lists<O: OffsetSizeTrait>(lists: &GenericListArray<O>, sizes: &mut [u64]) {
    add_ranges(lists.value_offsets(), lists.values().as_ref(), sizes);
}

fn add_map(map: &MapArray, sizes: &mut [u64]) {
    add_ranges(map.value_offsets(), map.entries(), sizes);
}

/// Adds to each row the bytes of its range of `values`.
fn add_ranges<O: ArrowNativeType>(offsets: &[O], values: &dyn Array, sizes: &mut [u64]) {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return;
    };
    let first = first.as_usize();
    // Only the elements of these rows: a batch may be a slice of a far larger one.
    let elements = sizes_of(&values.slice(first, last.as_usize() - first));
    for (size, pair) in sizes.iter_mut().zip(offsets.windows(2)) {
        *size += elements[pair[0].as_usize() - first..pair[1].as_usize() - first]
            .iter()
            .sum::<u64>();
    }
}

/// As if the values stood in the rows, so that the cut does not depend on the encoding.
fn add_dictionary(array: &dyn Array, sizes: &mut [u64]) {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return;
    };
    let values = sizes_of(dictionary.values());
    if values.is_empty() {
        return;
    }
    for (row, (size, key)) in sizes
        .iter_mut()
        .zip(dictionary.normalized_keys())
        .enumerate()
    {
        if !array.is_null(row) {
            *size += values[key];
        }
    }
}
