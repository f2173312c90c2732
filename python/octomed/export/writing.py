"""An export as a folder that appears whole or not at all: rows, images, and the other trainer's settings."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed.errors import RecipeError
from octomed.export.columns import schema_of
from octomed.export.formats import Layout, fault_of, loses_mask, row_of
from octomed.export.settings import settings_of
from octomed.names import shown
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.inspect_packs import mode_of
from octomed.storage import FILE_MODES, locked, make_folder, storage_error, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from octomed.export.trace import ExportedTrace
    from octomed.storage import Mode

MARKER = "octomed-export.json"
"""What an export says of itself; a folder with one may be replaced."""
_BATCH_ROWS = 512
_BATCH_BYTES = 64 * 2**20


@dataclass
class Exported:
    """What was written.

    Attributes
    ----------
    rows
        By the name of the file without its ending: `train`, `validation`.
    images
        Distinct images written as files.
    left_out
        Traces that the format cannot say, by reason.
    masks_lost
        Traces with turns of the assistant that are not learned here, which the format cannot say.
    """

    rows: Counter[str] = field(default_factory=Counter)
    images: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    masks_lost: int = 0


def write_export(  # noqa: PLR0913 what is written where, and how
    folder: Path,
    traces: Iterable[ExportedTrace],
    target: Path,
    layout: Layout,
    *,
    copies: bool = False,
    force: bool = False,
) -> Exported:
    """Write traces into a folder.

    It is written beside its place, under a hidden name, and renamed when it is whole; what a killed export
    left there is removed by the next one.

    Parameters
    ----------
    folder
        The run that they are of.
    traces
        The traces.
    target
        The folder to write.
    layout
        The format.
    copies
        Whether a trace that `mix` packed several times is written as often.
    force
        Whether an export that is there is replaced.

    Raises
    ------
    RecipeError
        When something stands in its place, or another export is writing there.
    StorageError
        When it cannot be written.
    """
    refuse_existing(target, force=force)
    mode = mode_of(folder)
    partial = target.with_name(f".{target.name}.octomed-export")
    make_folder(target.parent)
    with locked(
        target.with_name(f".{target.name}.lock"),
        exclusive=True,
        busy=f"another export is writing `{shown(str(target))}`",
        mode=mode,
    ):
        with _errors(partial):
            shutil.rmtree(partial, ignore_errors=True)
            make_folder(partial, mode)
            written = _written(traces, partial, layout, mode, copies=copies)
            for name, text in settings_of(target.name, layout, sorted(written.rows)).items():
                _write_text(partial / name, text, mode)
            run = read_run(folder)
            write_json(partial / MARKER, _about(run.name, layout, written), mode=mode)
            if target.exists():
                shutil.rmtree(target)
            partial.rename(target)
        target.with_name(f".{target.name}.lock").unlink(missing_ok=True)
    return written


def refuse_existing(target: Path, *, force: bool) -> None:
    """Refuse a place where something stands that may not be replaced.

    Raises
    ------
    RecipeError
        With what may be done.
    """
    if not (target.exists() or target.is_symlink()):
        return
    if (target / MARKER).is_file() and not target.is_symlink():
        if force:
            return
        raise RecipeError(f"`{shown(str(target))}` is an export already", "`--force` replaces it")
    if target.is_dir() and not target.is_symlink() and not any(target.iterdir()):
        return
    raise RecipeError(
        f"`{shown(str(target))}` exists already", "name another folder: only exports are replaced"
    )


@contextlib.contextmanager
def _errors(partial: Path) -> Iterator[None]:
    """Name the folder in errors of the system, and leave no half one behind."""
    try:
        yield
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise storage_error("write", partial, error) from error
        raise


def _written(
    traces: Iterable[ExportedTrace], partial: Path, layout: Layout, mode: Mode, *, copies: bool
) -> Exported:
    exported = Exported()
    images: set[str] = set()
    with contextlib.ExitStack() as files:
        tables: dict[str, _Table] = {}
        for trace in traces:
            fault = fault_of(trace, layout)
            if fault is not None:
                exported.left_out[fault] += 1
                continue
            name = "validation" if trace.is_validation else "train"
            if name not in tables:
                path = partial / f"{name}.{layout.file_type}"
                tables[name] = files.enter_context(_Table.opened(path, layout, mode))
            if layout.images == "files":
                _write_images(trace, partial, images, mode)
            row = row_of(trace, layout)
            for _ in range(trace.copies if copies else 1):
                tables[name].write(row, sum(len(image.data) for image in trace.images))
                exported.rows[name] += 1
            exported.masks_lost += loses_mask(trace, layout)
    exported.images = len(images)
    return exported


def _write_images(trace: ExportedTrace, partial: Path, written: set[str], mode: Mode) -> None:
    for image in trace.shown:
        if image.name in written:
            continue
        written.add(image.name)
        make_folder(partial / "images", mode)
        with _open(partial / "images" / image.name, mode) as file:
            file.write(image.data)


def _write_text(path: Path, text: str, mode: Mode) -> None:
    with _open(path, mode) as file:
        file.write(text.encode())


def _open(path: Path, mode: Mode) -> BinaryIO:
    """Open a new file, which only those may read whom the run lets."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODES[mode] or 0o666)
    return open(descriptor, "wb")  # noqa: PTH123 it is open already


class _Table:
    """A file of rows that grows."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self.schema = schema_of(layout)
        self.file = file
        self.parquet = (
            pq.ParquetWriter(file, self.schema, compression="zstd") if layout.file_type == "parquet" else None
        )
        self.rows: list[dict[str, Any]] = []
        self.bytes = 0

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path, layout: Layout, mode: Mode) -> Iterator[_Table]:
        """Have a new file of rows while the block runs."""
        with _open(path, mode) as file:
            table = cls(file, layout)
            yield table
            table.flush()
            if table.parquet is not None:
                table.parquet.close()

    def write(self, row: dict[str, Any], image_bytes: int) -> None:
        """Write a row, after those before it."""
        if self.parquet is None:
            self.file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            return
        self.rows.append(row)
        self.bytes += image_bytes
        if len(self.rows) >= _BATCH_ROWS or self.bytes >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait, as a row group."""
        if self.parquet is not None and self.rows:
            self.parquet.write_table(pa.Table.from_pylist(self.rows, self.schema))
        self.rows, self.bytes = [], 0


def _about(run: str, layout: Layout, written: Exported) -> dict[str, Any]:
    return {
        "run": run,
        "format": layout.format,
        "file_type": layout.file_type,
        "images": layout.images if layout.has_images else None,
        "order": "source order: the recipe's sources, their files bytewise, rows, responses",
        "rows": dict(written.rows),
        "image_files": written.images,
        "left_out": dict(written.left_out),
        "masks_lost": written.masks_lost,
    }
