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

/// How many values stand in the lists, maps and structs of a column, dictionaries aside: no row has more.
pub(super) fn values_held(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::List(_) => held_in(array.as_list::<i32>().values().as_ref()),
        DataType::LargeList(_) => held_in(array.as_list::<i64>().values().as_ref()),
        DataType::FixedSizeList(_, _) => held_in(array.as_fixed_size_list().values().as_ref()),
        DataType::Map(_, _) => held_in(array.as_map().entries()),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            columns.iter().map(|column| held_in(column.as_ref())).sum()
        }
        // A value of a dictionary may stand in many rows; it is counted in each of them.
        DataType::Dictionary(_, _) => match array.as_any_dictionary_opt() {
            Some(dictionary) => {
                values_held(dictionary.values().as_ref()).saturating_mul(array.len())
            }
            None => 0,
        },
        _ => 0,
    }
}

fn held_in(values: &dyn Array) -> usize {
    values.len().saturating_add(values_held(values))
}

/// Adds to each row how many values stand in it.
pub(super) fn add_values(array: &dyn Array, counts: &mut [u64]) {
    match array.data_type() {
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            add_counts(lists.value_offsets(), lists.values().as_ref(), counts);
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            add_counts(lists.value_offsets(), lists.values().as_ref(), counts);
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            add_counts(map.value_offsets(), map.entries(), counts);
        }
        DataType::FixedSizeList(_, width) => {
            let lists = array.as_fixed_size_list();
            let width = width.as_usize().max(1);
            let values = lists
                .values()
                .slice(lists.value_offset_at(0), lists.len() * width);
            for (count, elements) in counts.iter_mut().zip(counts_of(&values).chunks(width)) {
                *count += elements.iter().map(|inside| inside + 1).sum::<u64>();
            }
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            for column in columns {
                counts.iter_mut().for_each(|count| *count += 1);
                add_values(column.as_ref(), counts);
            }
        }
        DataType::Dictionary(_, _) => add_values_of_dictionary(array, counts),
        _ => {}
    }
}

fn add_values_of_dictionary(array: &dyn Array, counts: &mut [u64]) {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return;
    };
    let inside = counts_of(dictionary.values());
    if inside.is_empty() {
        return;
    }
    let keys = dictionary.normalized_keys();
    for (row, (count, key)) in counts.iter_mut().zip(keys).enumerate() {
        *count += if array.is_null(row) { 0 } else { inside[key] };
    }
}

fn counts_of(array: &dyn Array) -> Vec<u64> {
    let mut counts = vec![0; array.len()];
    add_values(array, &mut counts);
    counts
}

fn add_counts<O: ArrowNativeType>(offsets: &[O], values: &dyn Array, counts: &mut [u64]) {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return;
    };
    let first = first.as_usize();
    let inside = counts_of(&values.slice(first, last.as_usize() - first));
    for (count, pair) in counts.iter_mut().zip(offsets.windows(2)) {
        let elements = &inside[pair[0].as_usize() - first..pair[1].as_usize() - first];
        *count += elements.iter().map(|inside| inside + 1).sum::<u64>();
    }
}
