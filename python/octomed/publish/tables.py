"""Tables of a run without the names of its sources' files: each file has a number instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import RawIOBase
    from pathlib import Path

    from octomed.run_file import RunFile

_FILE, _DETAIL, _SOURCE = "file", "detail", "source"


def file_numbers(run: RunFile) -> dict[tuple[str, str], str]:
    """Return what each file of a run's sources is called where its name is not published.

    Parameters
    ----------
    run
        The run file; `run.inputs` has the files, whose order by name gives their numbers: who holds the run
        can find them again, and nobody else.

    Examples
    --------
    >>> from octomed.run_file import Making, RunFile
    >>> run = RunFile(streams={}, run=Making(inputs={"films": {"b.jsonl": "", "a.jsonl": ""}}))
    >>> file_numbers(run)["films", "b.jsonl"]
    'file-00001'
    """
    return {
        (source, name): f"file-{number:05d}"
        for source, files in (run.run.inputs or {}).items()
        for number, name in enumerate(sorted(files))
    }


def write_without_files(table: RawIOBase, path: Path, numbers: Mapping[tuple[str, str], str]) -> None:
    """Write a table of provenance or rejects again, without names of files, and details, which hold some.

    Parameters
    ----------
    table
        The table.
    path
        Where it goes.
    numbers
        As :func:`file_numbers` has them; a file that it does not know is called `file`.

    Raises
    ------
    OSError, pyarrow.ArrowException
        When the table cannot be read.
    """
    with (
        pq.ParquetFile(table) as file,
        pq.ParquetWriter(path, file.schema_arrow, compression="zstd") as writer,
    ):
        for batch in file.iter_batches():
            writer.write_batch(_without(batch, numbers))


def _without(batch: pa.RecordBatch, numbers: Mapping[tuple[str, str], str]) -> pa.RecordBatch:
    sources = batch.column(_SOURCE).to_pylist()
    files = batch.column(_FILE).to_pylist()
    public = [numbers.get(place, _FILE) for place in zip(sources, files, strict=True)]
    for name, values in ((_FILE, public), (_DETAIL, [""] * batch.num_rows)):
        position = batch.schema.get_field_index(name)
        if position >= 0:
            field = batch.schema.field(position)
            batch = batch.set_column(position, field, pa.array(values, pa.string()).cast(field.type))
    return batch
