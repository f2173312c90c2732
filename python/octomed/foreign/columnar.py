"""How much of a Parquet or Arrow file is read at once, by what its pages and batches say of themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from octomed import _octomed
from octomed.foreign.broken import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow.parquet as pq

LARGEST_PAGES = 384 * 2**20
"""Bytes of the largest pages of the columns that are read. A reader holds a page of each column whole, and
what it was compressed to. pyarrow looks at a page's size once in 1,024 rows: a row group of large images is
one page. It is the same on every machine, since what is refused here may be left out (`on_bad_file`)."""

LARGEST_BATCH = 512 * 2**20
"""Bytes of a record batch of an Arrow file, which its reader holds whole."""

LARGEST_DICTIONARIES = 256 * 2**20
"""Bytes of all dictionaries of an Arrow file, which are held as long as it is open."""

_MOST_VALUES = 2**24
"""Values of a page of a list column: its reader allocates for all, and they may take no byte at all."""

_BATCH_BYTES = 64 * 2**20
"""What the rows that are decoded at once may take."""

_LARGEST_LISTS = 256 * 2**20
"""What the values of a page of a list column may be decoded to, if they are."""

_INDEX_BYTES = 8


def rows_at_once(
    parquet: pq.ParquetFile, path: str, groups: Sequence[int], columns: Sequence[str], most: int
) -> tuple[int, list[str]]:
    """Return how many rows of a Parquet file may be decoded at once, and what must stay in its dictionaries.

    A text in a dictionary takes a few bits per row, and its whole length once it is decoded; so the pages are
    looked at, not what the footer says of their sum.

    Parameters
    ----------
    parquet, path
        The file.
    groups, columns
        Row groups and columns that are read.
    most
        Rows otherwise.

    Raises
    ------
    BrokenFileError
        When pages are larger than may be held.
    """
    tops = {name.split(".")[0] for name in columns}
    schema = parquet.metadata.schema
    leaves = [
        leaf for leaf in range(parquet.metadata.num_columns) if schema.column(leaf).path.split(".")[0] in tops
    ]
    kept: set[str] = set()
    for number in groups:
        group = parquet.metadata.row_group(number)
        chunks = [group.column(leaf) for leaf in leaves]
        pages = _octomed.parquet_pages(path, [(_begin(chunk), chunk.num_values) for chunk in chunks])
        _refuse_large(number, sum(page[0] for page in pages))
        bytes_a_row = 1
        for leaf, chunk, (_, values, each, dictionary) in zip(leaves, chunks, pages, strict=True):
            is_list = schema.column(leaf).max_repetition_level > 0
            if is_list and values > _MOST_VALUES:
                raise BrokenFileError(
                    f"row group {number}: a page of `{chunk.path_in_schema}` has {values:,} values; "
                    f"{_MOST_VALUES:,} are read at most"
                )
            of_dictionary = 0 if dictionary is None else dictionary[2]
            if dictionary is not None and of_dictionary * (values if is_list else most) > _BATCH_BYTES:
                of_dictionary = _longest(path, chunk, dictionary)
            if is_list and of_dictionary * values > _LARGEST_LISTS:
                kept.add(chunk.path_in_schema)  # one row may have all of them
                of_dictionary = _INDEX_BYTES
            values_a_row = -(-chunk.num_values // max(1, group.num_rows)) if is_list else 1
            bytes_a_row += max(each, of_dictionary) * values_a_row
        most = max(1, min(most, _BATCH_BYTES // bytes_a_row))
    return most, sorted(kept)


def _begin(chunk: Any) -> int:  # noqa: ANN401 pyarrow's
    first, dictionary = int(chunk.data_page_offset), chunk.dictionary_page_offset
    return first if not dictionary else min(first, int(dictionary))


def _refuse_large(group: int, size: int) -> None:
    if size > LARGEST_PAGES:
        raise BrokenFileError(
            f"row group {group}: the largest pages of its columns have {size:,} bytes together; "
            f"{LARGEST_PAGES:,} are read at most: write the file again with smaller row groups "
            "(`row_group_size`) or pages (`data_page_size`, `write_batch_size`)"
        )


def _longest(path: str, chunk: Any, dictionary: list[int]) -> int:  # noqa: ANN401 pyarrow's
    """Return the length of the longest text in a dictionary, or its size, where it cannot be read here."""
    begin, stored, size = dictionary
    if chunk.physical_type != "BYTE_ARRAY":
        return 0 if chunk.physical_type != "FIXED_LEN_BYTE_ARRAY" else size
    try:
        with pa.OSFile(os.fsencode(path)) as stream:
            stream.seek(begin)
            data = stream.read(min(stored, LARGEST_PAGES))
        if chunk.compression != "UNCOMPRESSED":
            codec = {"LZ4": "lz4_raw"}.get(chunk.compression, chunk.compression.lower())
            data = pa.Codec(codec).decompress(data, size).to_pybytes()
    except (OSError, pa.ArrowException, ValueError):
        return size
    return int(_octomed.longest_of_dictionary(data))


def refuse_large_batches(path: str) -> int:
    """Refuse an Arrow file whose batches cannot be held, and return its rows.

    Raises
    ------
    BrokenFileError
        When a batch, or all dictionaries, are larger than may be held.
    """
    largest, dictionaries, rows = _octomed.arrow_sizes(path)
    for what, size, most in (
        ("its largest record batch has", largest, LARGEST_BATCH),
        ("its dictionaries have", dictionaries, LARGEST_DICTIONARIES),
    ):
        if size > most:
            raise BrokenFileError(
                f"{what} {size:,} bytes; {most:,} are read at most: write the file again in smaller batches "
                "(`max_chunksize`), or as Parquet"
            )
    return int(rows)


def slices(batch: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces of so many rows.

    Parameters
    ----------
    batch
        The columns that are read.
    most
        Rows of a piece.
    """
    if _has_run_ends(batch.schema):
        # What is run-end encoded takes its whole length in every row once it is decoded.
        most = max(1, min(most, _BATCH_BYTES // max(1, batch.nbytes)))
    for begin in range(0, batch.num_rows, most):
        yield batch.slice(begin, most)


def _has_run_ends(schema: pa.Schema) -> bool:
    def has(kind: pa.DataType) -> bool:
        if isinstance(kind, pa.BaseExtensionType):
            return has(kind.storage_type)
        nested = [kind.field(index).type for index in range(kind.num_fields)]
        return pa.types.is_run_end_encoded(kind) or any(map(has, nested))

    return any(has(field.type) for field in schema)
