"""Sound files of many writers, a few dozen rows each, for tests that damage them."""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROWS = 60
GROUP = 25
MAPPING = {"question": "question", "options": "options", "responses": {"response": "responses"}}


def rows(count: int = ROWS) -> list[dict[str, Any]]:
    """Rows with texts, lists, numbers and few distinct words."""
    return [
        {
            "id": number,
            "topic": ["cardiology", "oncology", "surgery"][number % 3],
            "question": f"{number}? what of {number * 7919 % 1000} beats a minute",
            "options": [f"choice {letter} of {number}" for letter in "ab"],
            "responses": [
                f"answer {number} {sample} " + "because " * (number % 5) for sample in range(1 + number % 3)
            ],
            "score": number / 7,
        }
        for number in range(count)
    ]


def table(count: int = ROWS) -> pa.Table:
    """The rows as a table of plain types."""
    return pa.Table.from_pylist(rows(count))


def _pyarrow(**options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        pq.write_table(table(), path, row_group_size=GROUP, **options)

    return write


def _arrow(kind: str, **options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        held = table()
        if options.get("dictionary"):
            held = held.set_column(1, "topic", held["topic"].dictionary_encode())
        settings = pa.ipc.IpcWriteOptions(compression=options.get("compression"))
        with new(str(path), held.schema, options=settings) as writer:
            writer.write_table(held, max_chunksize=GROUP)

    return write


def _dictionaries(path: Path) -> None:
    held = table()
    held = held.set_column(1, "topic", held["topic"].dictionary_encode())
    pq.write_table(held, path, row_group_size=GROUP, compression="none")


def _polars(path: Path) -> None:
    import polars

    polars.from_arrow(table()).write_parquet(path, row_group_size=GROUP, compression="zstd")


def _duckdb(path: Path) -> None:
    import duckdb

    held = table()  # noqa: F841 named in the query
    duckdb.sql(f"copy (select * from held) to '{path}' (format parquet, row_group_size {GROUP})")


def _fastparquet(path: Path) -> None:
    import fastparquet

    frame = table().select(["id", "topic", "question", "score"]).to_pandas()
    frame["responses"] = frame["question"]
    fastparquet.write(str(path), frame, row_group_offsets=GROUP, compression="GZIP")


def _pandas_feather(path: Path) -> None:
    import polars

    polars.from_arrow(table()).write_ipc(path, compression="lz4")


WRITERS: dict[str, Callable[[Path], None]] = {
    "snappy.parquet": _pyarrow(compression="snappy"),
    "zstd.parquet": _pyarrow(compression="zstd", write_page_index=True),
    "gzip.parquet": _pyarrow(compression="gzip", data_page_version="2.0"),
    "plain.parquet": _pyarrow(compression="none", use_dictionary=False),
    "plain_v2.parquet": _pyarrow(compression="none", data_page_version="2.0", use_dictionary=False),
    "small_pages.parquet": _pyarrow(compression="snappy", data_page_size=256, write_batch_size=8),
    "checksums.parquet": _pyarrow(compression="none", write_page_checksum=True),
    "dictionaries.parquet": _dictionaries,
    "delta.parquet": _pyarrow(
        compression="none",
        use_dictionary=False,
        column_encoding={
            "id": "DELTA_BINARY_PACKED",
            "question": "DELTA_BYTE_ARRAY",
            "topic": "DELTA_LENGTH_BYTE_ARRAY",
            "score": "BYTE_STREAM_SPLIT",
        },
    ),
    "file.arrow": _arrow("file"),
    "file_zstd.arrow": _arrow("file", compression="zstd"),
    "file_dictionary.arrow": _arrow("file", dictionary=True),
    "stream.arrow": _arrow("stream"),
    "stream_lz4.arrow": _arrow("stream", compression="lz4"),
}
"""What this project's own dependencies write."""

_OTHERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "polars.parquet": ("polars", _polars),
    "duckdb.parquet": ("duckdb", _duckdb),
    "fastparquet.parquet": ("fastparquet", _fastparquet),
    "polars.arrow": ("polars", _pandas_feather),
}


def write_all(folder: Path) -> Iterator[Path]:
    """Write a file of each writer that is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    others = {name: write for name, (package, write) in _OTHERS.items() if importlib.util.find_spec(package)}
    for name, write in (WRITERS | others).items():
        write(folder / name)
        yield folder / name


def in_memory(held: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    file = io.BytesIO()
    pq.write_table(held, file)
    return file.getvalue()
