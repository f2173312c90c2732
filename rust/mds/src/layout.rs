//! Where things lie in a raw shard and in a row.

use crate::Schema;

/// Little-endian words: the `index`-th of `bytes`.
pub(crate) fn word(bytes: &[u8], index: usize) -> Option<u32> {
    let start = index.checked_mul(4)?;
    let word = bytes.get(start..start.checked_add(4)?)?;
    word.first_chunk().map(|word| u32::from_le_bytes(*word))
}

/// Splits a row into its columns.
pub(crate) fn split_row<'a>(schema: &Schema, row: &'a [u8]) -> Result<Vec<&'a [u8]>, String> {
    let fixed: Vec<Option<u64>> = schema
        .encodings()
        .iter()
        .map(|encoding| encoding.fixed_size())
        .collect();
    let variable = fixed.iter().filter(|size| size.is_none()).count();
    let (sizes, mut rest) = row
        .split_at_checked(variable * 4)
        .ok_or("its sizes are cut off")?;
    let mut sizes = sizes
        .as_chunks()
        .0
        .iter()
        .map(|size| u64::from(u32::from_le_bytes(*size)));
    let mut columns = Vec::with_capacity(fixed.len());
    for (name, size) in schema.names().iter().zip(fixed) {
        let size = size.or_else(|| sizes.next()).unwrap_or(0);
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= rest.len());
        let size = size.ok_or_else(|| format!("column `{name}` goes beyond its end"))?;
        let (column, after) = rest.split_at(size);
        columns.push(column);
        rest = after;
    }
    if rest.is_empty() {
        Ok(columns)
    } else {
        Err(format!("{} bytes belong to no column", rest.len()))
    }
}
