"""Tables as pyarrow, pandas, polars and `datasets` write them, and as `datasets` reads them back."""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from octomed import _octomed
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.recipe import InputFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
datasets = pytest.importorskip("datasets")
datasets.disable_progress_bars()
datasets.config.HF_HUB_OFFLINE = True

AS_LISTED = pandas.__version__.startswith("3.1.") and polars.__version__.startswith("2.1.")
"""Whether the writers are those whose ways the tests list one by one; Python 3.10 has only older ones."""

Rows = list[dict[str, Any]]


def written(value: Any) -> Any:
    """Return what JSON has for a value of Python's: a map is an object, the rest its text."""
    if isinstance(value, dict):
        return {key: written(entry) for key, entry in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(entry, tuple) for entry in value):
            return {key: written(entry) for key, entry in value}
        return [written(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def as_lines(rows: Rows) -> bytes:
    return "".join(json.dumps(written(row)) + "\n" for row in rows).encode()


def flat(table: pa.Table) -> pa.Table:
    """Return the table with lists and objects as JSON: as people write CSV without a form for them."""
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns[name] = column
        if pa.types.is_nested(column.type):
            values = [value if value is None else json.dumps(written(value)) for value in column.to_pylist()]
            columns[name] = pa.array(values, pa.string())
    return pa.table(columns)


def frame(table: pa.Table) -> Any:
    """Return a frame that is built from rows: lists are lists, integers with a gap are floats."""
    return pandas.DataFrame(table.to_pylist(), columns=table.column_names)


def by_hand(table: pa.Table, path: str) -> None:
    with open(path, "wb") as file:
        file.write(as_lines(table.to_pylist()))


def small_groups(table: pa.Table, path: str) -> None:
    pyarrow.parquet.write_table(
        table, path, row_group_size=2, data_page_version="2.0", use_dictionary=False, compression="zstd"
    )


WRITERS: dict[str, tuple[str, Callable[[pa.Table, str], object]]] = {
    "pyarrow.parquet": ("parquet", pyarrow.parquet.write_table),
    "pyarrow.parquet/small groups": ("parquet", small_groups),
    "pyarrow.json.dumps": ("jsonl", by_hand),
    "pyarrow.csv": ("csv", lambda table, path: pyarrow.csv.write_csv(flat(table), path)),
    "pandas.parquet/rows": ("parquet", lambda table, path: frame(table).to_parquet(path)),
    "pandas.parquet/index": ("parquet", lambda table, path: table.to_pandas().to_parquet(path, index=True)),
    "pandas.parquet/types of Arrow's": (
        "parquet",
        lambda table, path: table.to_pandas(types_mapper=pandas.ArrowDtype).to_parquet(path, index=False),
    ),
    "pandas.json/lines": (
        "jsonl",
        lambda table, path: frame(table).to_json(path, orient="records", lines=True),
    ),
    "pandas.json/lines, iso": (
        "jsonl",
        lambda table, path: table.to_pandas().to_json(
            path, orient="records", lines=True, force_ascii=False, date_format="iso"
        ),
    ),
    "pandas.json/array": ("json", lambda table, path: frame(table).to_json(path, orient="records", indent=2)),
    "pandas.csv/rows": ("csv", lambda table, path: frame(table).to_csv(path, index=False)),
    "pandas.csv/index": ("csv", lambda table, path: table.to_pandas().to_csv(path)),
    "polars.parquet": ("parquet", lambda table, path: polars.from_arrow(table).write_parquet(path)),
    "polars.ipc": ("arrow", lambda table, path: polars.from_arrow(table).write_ipc(path)),
    "polars.ndjson": ("jsonl", lambda table, path: polars.from_arrow(table).write_ndjson(path)),
    "polars.json": ("json", lambda table, path: polars.from_arrow(table).write_json(path)),
    "polars.csv": ("csv", lambda table, path: polars.from_arrow(flat(table)).write_csv(path)),
    "datasets.parquet": ("parquet", lambda table, path: datasets.Dataset(table).to_parquet(path)),
    "datasets.json": ("jsonl", lambda table, path: datasets.Dataset(table).to_json(path)),
    "datasets.json/unescaped": (
        "jsonl",
        lambda table, path: datasets.Dataset(table).to_json(path, force_ascii=False),
    ),
    "datasets.csv": ("csv", lambda table, path: datasets.Dataset(table).to_csv(path)),
}
"""Of each writer the kind of its files, and how it writes a table into one."""


def ours(path: str, kind: str, mapping: _octomed.Mapping) -> Rows:
    """Read a file as a scan does; of a row that is refused the reason alone."""
    size = os.path.getsize(path)
    file = InputFile("s", 0, path, os.path.basename(path), size, 0, kind, None)  # type: ignore[arg-type]
    blocks = [block for task in tasks_of(file, mapping, "key") for block in blocks_of(task, mapping)]
    return parts(row for block in blocks for row in _octomed.preview(block, mapping, 10**6))


def parts(previews: Iterable[dict[str, Any]]) -> Rows:
    """Return what traces are made of, without the rows' places."""
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


def theirs(path: str, kind: str) -> Rows:
    """Read a file with `datasets`, in a cache that is gone afterwards; of CSV every value is its text."""
    options: dict[str, Any] = {}
    if kind == "csv":
        names = pandas.read_csv(path, nrows=0).columns
        features = {name: datasets.Value("string") for name in names}
        options = {"keep_default_na": False, "na_values": [""], "features": datasets.Features(features)}
    loader = "json" if kind == "jsonl" else kind
    with tempfile.TemporaryDirectory() as cache:
        read = datasets.load_dataset(
            loader, data_files=path, split="train", cache_dir=cache, keep_in_memory=True, **options
        )
        rows: Rows = read.to_list()
        return rows
