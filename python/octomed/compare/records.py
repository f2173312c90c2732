"""What became of the traces of a run, as records of 40 bytes on disk, parted by their rows.

Records of a row lie in the same part, whichever run they are of: so two runs of any size are compared part
by part, and memory holds one part of each.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

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

RECORD = np.dtype(
    [
        ("trace_id", np.uint64),
        ("row", np.uint64),
        ("file", np.uint32),
        ("sample", np.uint32),
        ("length", np.uint32),
        ("copies", np.uint32),
        ("reason", np.uint16),
        ("validation", np.uint8),
        ("pad", np.uint8, (5,)),
    ]
)
WHOLE_ROW = np.uint32(2**32 - 1)
"""Stands in `sample` for a row that was refused as a whole."""
PACKED = 0
"""Stands in `reason` for a trace that is packed."""
_PACKED_COLUMNS = ["source", "file", "row", "sample", "trace_id", "length"]
_REJECT_COLUMNS = ["source", "file", "row", "sample", "reason"]
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Names:
    """Files and reasons by number, the same for both runs.

    Attributes
    ----------
    files
        Number of each source and file.
    reasons
        Number of each reason, from 1.
    """

    files: dict[tuple[str, str], int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)

    def reason_of(self, number: int) -> str:
        """Return the reason with a number."""
        return list(self.reasons)[number - 1]

    def file_of(self, number: int) -> tuple[str, str]:
        """Return the source and file with a number."""
        return list(self.files)[number]


@dataclass(frozen=True)
class Parts:
    """The records of a run, parted."""

    folder: Path
    number: int

    def read(self, part: int) -> NDArray[np.void]:
        """Return the records of a part."""
        path = self.folder / str(part)
        return np.fromfile(path, RECORD) if path.exists() else np.empty(0, RECORD)


def write_parts(run: Path, folder: Path, number: int, names: Names) -> Parts:
    """Write the records of a finished run into files, one a part.

    Parameters
    ----------
    run
        The output of ``octomed pack``.
    folder
        An empty folder for the files.
    number
        How many parts.
    names
        Numbers that both runs share; new ones are put to it.

    Raises
    ------
    DataError
        When a table of the run is missing or damaged.
    """
    with contextlib.ExitStack() as files:
        opened: dict[int, BinaryIO] = {}
        for records in _records(run, names):
            mixed = (records["row"] + records["file"].astype(np.uint64) * _MIX) * _MIX
            parts = ((mixed >> np.uint64(32)) % np.uint64(number)).astype(np.int64)
            for part in np.unique(parts).tolist():
                if part not in opened:
                    opened[part] = files.enter_context((folder / str(part)).open("wb"))
                opened[part].write(records[parts == part].tobytes())
    return Parts(folder, number)


def _records(run: Path, names: Names) -> Iterator[NDArray[np.void]]:
    file, store = read_run(run), store_of(run)
    for stream in file.streams:
        for table in table_names(store, file, f"provenance/{stream}-"):
            for batch in batches_of(run, table, _PACKED_COLUMNS):
                records = _placed(batch, names)
                records["trace_id"] = batch.column("trace_id").to_numpy(zero_copy_only=False)
                records["length"] = batch.column("length").to_numpy(zero_copy_only=False)
                records["sample"] = batch.column("sample").to_numpy(zero_copy_only=False)
                records["copies"] = 1
                records["validation"] = stream == VALIDATION
                yield records
    for table in table_names(store, file, "rejects/"):
        for batch in batches_of(run, table, _REJECT_COLUMNS):
            records = _placed(batch, names)
            samples = batch.column("sample").fill_null(int(WHOLE_ROW))
            records["sample"] = samples.to_numpy(zero_copy_only=False)
            codes, reasons = _coded(batch.column("reason"))
            numbers = [names.reasons.setdefault(one, len(names.reasons) + 1) for one in reasons]
            records["reason"] = np.asarray(numbers, np.uint16)[codes] if numbers else 0
            yield records


def _placed(batch: pa.RecordBatch, names: Names) -> NDArray[np.void]:
    """Return records with the place of each row of a table."""
    records = np.zeros(batch.num_rows, RECORD)
    records["row"] = batch.column("row").to_numpy(zero_copy_only=False)
    (sources, source_names), (files, file_names) = (
        _coded(batch.column("source")),
        _coded(batch.column("file")),
    )
    width = max(len(file_names), 1)
    both, places = np.unique(sources * width + files, return_inverse=True)
    found = [(source_names[code // width], file_names[code % width]) for code in both.tolist()]
    numbers = [names.files.setdefault(one, len(names.files)) for one in found]
    records["file"] = np.asarray(numbers, np.uint32)[places] if numbers else 0
    return records


def _coded(array: Any) -> tuple[NDArray[np.int64], list[Any]]:  # noqa: ANN401 an Arrow array
    """Return the number of each value, and the values."""
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    codes: NDArray[np.int64] = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, coded.dictionary.to_pylist()
