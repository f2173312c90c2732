"""Tables as pyarrow, pandas, polars and `datasets` write them, and as `datasets` reads them back."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from octomed import _octomed
from octomed.pipeline.read import blocks_of
from octomed.pipeline.tasks import tasks_of
from octomed.recipe import InputFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read when `datasets` is imported
pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
datasets = pytest.importorskip("datasets")

Rows = list[dict[str, Any]]
Writer = Callable[[pa.Table, str], None] if TYPE_CHECKING else Any


def written(value: Any) -> Any:
    """Return what JSON has for a value of Python's: a map is an object, the rest its text."""
    if isinstance(value, dict):
        return {key: written(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        pairs = [entry for entry in value if isinstance(entry, tuple)]
        return dict(written(pair) for pair in pairs) if pairs else [written(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def as_lines(rows: Rows) -> bytes:
    return "".join(json.dumps(written(row)) + "\n" for row in rows).encode()


def flat(table: pa.Table) -> pa.Table:
    """Return the table with what CSV cannot hold written as JSON, as people do before they write CSV."""
    columns = {
        name: pa.array([None if value is None else json.dumps(written(value)) for value in column.to_pylist()])
        if pa.types.is_nested(column.type)
        else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(columns)


def frame(table: pa.Table) -> Any:
    """Return a frame as one has it that builds it from rows: lists are lists, an integer's gap makes floats."""
    return pandas.DataFrame(table.to_pylist())


def _lines_by_hand(table: pa.Table, path: str) -> None:
    with open(path, "wb") as file:
        file.write(as_lines(table.to_pylist()))


def _arrow_csv(table: pa.Table, path: str) -> None:
    pyarrow.csv.write_csv(flat(table), path)


def _datasets(table: pa.Table) -> Any:
    return datasets.Dataset(table)


WRITERS: dict[str, tuple[str, Callable[[pa.Table, str], object]]] = {
    "pyarrow.parquet": ("parquet", pyarrow.parquet.write_table),
    "pyarrow.parquet 2.0, small groups": (
        "parquet",
        lambda table, path: pyarrow.parquet.write_table(
            table, path, row_group_size=2, data_page_version="2.0", use_dictionary=False
        ),
    ),
    "json.dumps": ("jsonl", _lines_by_hand),
    "pyarrow.csv": ("csv", _arrow_csv),
    "pandas.to_parquet": ("parquet", lambda table, path: frame(table).to_parquet(path)),
    "pandas.to_parquet of Arrow's": ("parquet", lambda table, path: table.to_pandas().to_parquet(path, index=True)),
    "pandas.to_json": (
        "jsonl",
        lambda table, path: frame(table).to_json(path, orient="records", lines=True),
    ),
    "pandas.to_json of Arrow's, unescaped": (
        "jsonl",
        lambda table, path: table.to_pandas().to_json(
            path, orient="records", lines=True, force_ascii=False, date_format="iso"
        ),
    ),
    "pandas.to_json of an array": (
        "json",
        lambda table, path: frame(table).to_json(path, orient="records", indent=2, date_format="iso"),
    ),
    "pandas.to_csv": ("csv", lambda table, path: frame(table).to_csv(path, index=False)),
    "pandas.to_csv of Arrow's, with an index": ("csv", lambda table, path: table.to_pandas().to_csv(path)),
    "polars.write_parquet": ("parquet", lambda table, path: polars.from_arrow(table).write_parquet(path)),
    "polars.write_ndjson": ("jsonl", lambda table, path: polars.from_arrow(table).write_ndjson(path)),
    "polars.write_csv": ("csv", lambda table, path: polars.from_arrow(flat(table)).write_csv(path)),
    "datasets.to_parquet": ("parquet", lambda table, path: _datasets(table).to_parquet(path)),
    "datasets.to_json": ("jsonl", lambda table, path: _datasets(table).to_json(path)),
    "datasets.to_json, unescaped": (
        "jsonl",
        lambda table, path: _datasets(table).to_json(path, force_ascii=False),
    ),
    "datasets.to_csv": ("csv", lambda table, path: _datasets(table).to_csv(path)),
}


def ours(path: str, kind: str, mapping: _octomed.Mapping) -> Rows:
    """Read a file as a scan does; of a row that is refused the reason alone."""
    file = InputFile("s", 0, path, os.path.basename(path), os.path.getsize(path), 0, kind, None)  # type: ignore[arg-type]
    blocks = [block for task in tasks_of(file, mapping, "key") for block in blocks_of(task, mapping)]
    return parts(row for block in blocks for row in _octomed.preview(block, mapping, 10**6))


def parts(previews: Any) -> Rows:
    """Return what traces are made of, without the row's place."""
    return [
        {"reason": row["reason"]}
        if "reason" in row
        else {key: value for key, value in row.items() if key not in {"position", "ordinal"}}
        for row in previews
    ]


def from_rows(rows: Rows, mapping: _octomed.Mapping) -> Rows:
    """Return the parts of rows of Python's, by way of JSON Lines."""
    cutter = _octomed.JsonLinesCutter(by_offset=False, target=10**6)
    blocks = [*cutter.feed(as_lines(rows)), *cutter.finish()]
    return parts(row for block in blocks for row in _octomed.preview(block, mapping, 10**6))


def theirs(path: str, kind: str, columns: list[str]) -> Rows:
    """Read a file with `datasets`, in a cache that is gone afterwards; of CSV all as text."""
    options: dict[str, Any] = {}
    if kind == "csv":
        with open(path, encoding="utf-8", newline="") as file:
            names = pandas.read_csv(file, nrows=0).columns
        options = {
            "features": datasets.Features({name: datasets.Value("string") for name in names}),
            "keep_default_na": False,
            "na_values": [""],
        }
    loader = "parquet" if kind == "parquet" else "csv" if kind == "csv" else "json"
    with tempfile.TemporaryDirectory() as cache, contextlib.ExitStack():
        read = datasets.load_dataset(
            loader, data_files=path, split="train", cache_dir=cache, keep_in_memory=True, **options
        )
        return [{name: row.get(name) for name in row} for row in read.to_list()]
