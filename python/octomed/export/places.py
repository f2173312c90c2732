"""Where the packed traces of a run are from, each once, in source order: 32 bytes a trace in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import store_of
from octomed.pipeline.finished.run_tables import batches_of
from octomed.run_file import VALIDATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

COLUMNS = ["source", "file", "row", "sample", "trace_id", "copy", "stream", "pack", "document"]
_ENTRY = np.dtype(
    [
        ("row", np.uint64),
        ("trace_id", np.uint64),
        ("sample", np.uint32),
        ("pack", np.uint32),
        ("document", np.uint32),
        ("copies", np.uint32),
        ("file", np.uint32),
        ("stream", np.uint8),
    ]
)


@dataclass(frozen=True)
class FileTraces:
    """The packed traces of a file.

    Attributes
    ----------
    source, file
        Which file.
    entries
        A structured array, by row and response: `row`, `sample`, `trace_id`, in how many `copies` it is
        packed, and `stream` (a number), `pack` and `document` of the first.
    streams
        Names of the streams, by their numbers.
    """

    source: str
    file: str
    entries: NDArray[np.void]
    streams: tuple[str, ...]

    @property
    def validation(self) -> NDArray[np.bool_]:
        """Which of them are kept out of training."""
        number = self.streams.index(VALIDATION) if VALIDATION in self.streams else len(self.streams)
        found: NDArray[np.bool_] = self.entries["stream"] == number
        return found


def packed_places(folder: Path) -> Iterator[FileTraces]:
    """Yield the packed traces of a finished run, file by file in source order.

    Source order is that of the recipe's sources, then of the files' names bytewise.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    DataError
        When a table of provenance is missing or damaged.
    """
    run = read_run(folder)
    streams = tuple(run.streams)
    names: dict[tuple[str, str], int] = {}
    parts: list[NDArray[np.void]] = []
    for stream, name in enumerate(streams):
        for table in sorted(table_names(store_of(folder), run, f"provenance/{name}-")):
            parts += [_entries(batch, stream, names) for batch in batches_of(folder, table, COLUMNS)]
    entries = np.concatenate(parts) if parts else np.empty(0, _ENTRY)
    parts.clear()
    order = np.lexsort((entries["copies"], entries["sample"], entries["row"], entries["file"]))
    entries = _each_once(entries[order])
    rank = {source: number for number, source in enumerate(run.sources)}
    for (source, file), number in sorted(
        names.items(), key=lambda one: (rank.get(one[0][0], len(rank)), os.fsencode(one[0][1]))
    ):
        begin, end = np.searchsorted(entries["file"], [number, number + 1])
        yield FileTraces(source, file, entries[begin:end], streams)


def _entries(batch: pa.RecordBatch, stream: int, names: dict[tuple[str, str], int]) -> NDArray[np.void]:
    found = np.empty(batch.num_rows, _ENTRY)
    for column in ("row", "sample", "trace_id", "pack", "document"):
        found[column] = batch.column(column).to_numpy(zero_copy_only=False)
    found["copies"] = batch.column("copy").to_numpy(zero_copy_only=False)
    found["file"] = _numbers(batch, names)
    found["stream"] = stream
    return found


def _numbers(batch: pa.RecordBatch, names: dict[tuple[str, str], int]) -> NDArray[np.uint32]:
    """Return the number of each trace's file; a new file gets the next one."""
    codes, values = [], []
    for column in ("source", "file"):
        array = batch.column(column)
        coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        codes.append(coded.indices.to_numpy(zero_copy_only=False).astype(np.int64))
        values.append(coded.dictionary.to_pylist())
    width = max(len(values[1]), 1)
    both, places = np.unique(codes[0] * width + codes[1], return_inverse=True)
    files = [(values[0][code // width], values[1][code % width]) for code in both.tolist()]
    numbers = [names.setdefault(file, len(names)) for file in files]
    return np.asarray(numbers, np.uint32)[places]


def _each_once(entries: NDArray[np.void]) -> NDArray[np.void]:
    """Return the first copy of each trace, with how many there are."""
    if not len(entries):
        return entries
    same = (
        (entries["file"][1:] == entries["file"][:-1])
        & (entries["row"][1:] == entries["row"][:-1])
        & (entries["sample"][1:] == entries["sample"][:-1])
    )
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    counts = np.diff(np.concatenate([first, [len(entries)]]))
    once = entries[first]
    once["copies"] = counts
    return once
