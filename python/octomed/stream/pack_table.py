"""What each pack of a run holds, out of its provenance, and kept in the cache: no shard is read for it."""

from __future__ import annotations

import contextlib
import io
import zipfile
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed.errors import DataError, StorageError
from octomed.storage import make_folder, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from octomed.stream.costs import Costs
    from octomed.stream.run import Run

    Numbers = NDArray[np.int64]

_FILE = "packs-1.npz"
"""The name has a version: what is kept changes with it."""


@dataclass(frozen=True)
class PackTable:
    """What each pack of a stream holds, in the order of its packs.

    Attributes
    ----------
    traces, tokens
        Of each pack.
    squares
        Sum of its traces' squared lengths.
    images
        Distinct ones.
    patches, patch_squares
        Of those, and the sum of their squares; 0 where the provenance does not say them.
    """

    traces: Numbers
    tokens: Numbers
    squares: Numbers
    images: Numbers
    patches: Numbers
    patch_squares: Numbers

    def costs(self, costs: Costs) -> NDArray[np.float64]:
        """Return what a training step spends on each pack."""
        spent: NDArray[np.float64] = (
            costs.token * self.tokens
            + costs.square * self.squares
            + costs.patch * self.patches
            + costs.patch_square * self.patch_squares
        )
        return spent


def pack_tables(run: Run, cache: Path | None = None) -> dict[str, PackTable]:
    """Return the table of each stream of a run, from the cache if it was made before.

    Parameters
    ----------
    run
        The finished run.
    cache
        Folder of the run's cached shards.

    Raises
    ------
    DataError
        When the run lists no provenance.
    StorageError
        When its tables cannot be read, or do not cover its packs.
    """
    path = None if cache is None else cache / _FILE
    if path is None:
        return _made(run)
    kept = _kept(path, run)
    if kept is None:
        kept = _made(run)
        with contextlib.suppress(OSError, StorageError):  # a cache that takes nothing costs time alone
            make_folder(path.parent)
            write_atomically(path, _written(kept), sync=False)
    return kept


def provenance_files(run: Run) -> list[str]:
    """Name a run's tables of provenance.

    Raises
    ------
    DataError
        When it has none.
    """
    names = [name for name in run.content.run.files or () if name.startswith("provenance/")]
    if not names:
        raise DataError(f"`{run.location}` lists no provenance tables", "pack it with a newer octomed")
    return names


def _made(run: Run) -> dict[str, PackTable]:
    packs = {name: stream.packs for name, stream in run.content.streams.items()}
    names = [field.name for field in fields(PackTable)]
    found = {name: {one: np.zeros(count, np.int64) for one in names} for name, count in packs.items()}
    for file in provenance_files(run):
        try:
            _add(found, run.source.read(file))
        except (pa.ArrowException, KeyError, ValueError, IndexError) as error:
            message = f"`{run.source.address(file)}` is not a provenance table of this run: {error}"
            raise StorageError(message, f"`{run.rebuild}` writes it again") from error
        except FileNotFoundError as error:
            message = f"`{run.source.address(file)}` is missing"
            raise StorageError(message, f"`{run.rebuild}` writes it again") from error
    for name, columns in found.items():
        if columns["traces"].any() and not columns["traces"].all():  # one that nobody chooses may have none
            message = f"the provenance of `{run.location}` lacks packs of stream `{name}`"
            raise StorageError(message, f"`{run.rebuild}` writes it again")
    return {name: PackTable(**columns) for name, columns in found.items()}


def _add(found: dict[str, dict[str, Numbers]], data: bytes) -> None:
    """Add what a table says; a pack stands in one table, whole."""
    reader = pa.BufferReader(data)
    names = {"stream", "pack", "length", "images", "image_patches"} & set(pq.read_schema(reader).names)
    table = pq.read_table(pa.BufferReader(data), columns=sorted(names))
    streams = table["stream"].cast(pa.string())
    for name in pc.unique(streams).to_pylist():
        rows = table.filter(pc.equal(streams, name))
        columns = found[name]
        pack, length = (rows[one].to_numpy().astype(np.int64) for one in ("pack", "length"))
        np.add.at(columns["traces"], pack, 1)
        np.add.at(columns["tokens"], pack, length)
        np.add.at(columns["squares"], pack, length**2)
        if "images" in names:
            _add_images(columns, pack, rows)


def _add_images(columns: dict[str, Numbers], pack: Numbers, rows: pa.Table) -> None:
    """Count each image of a pack once, however many of its traces show it."""
    images = rows["images"].combine_chunks()
    packs = np.repeat(pack, pc.list_value_length(images).to_numpy(zero_copy_only=False))
    hashes = images.flatten().to_numpy()
    order = np.lexsort((hashes, packs))
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(packs[order]) != 0) | (np.diff(hashes[order]) != 0)
    first = order[fresh]
    np.add.at(columns["images"], packs[first], 1)
    if "image_patches" in rows.schema.names:
        listed = rows["image_patches"].combine_chunks().flatten()
        patches = listed.to_numpy().astype(np.int64)[first]
        np.add.at(columns["patches"], packs[first], patches)
        np.add.at(columns["patch_squares"], packs[first], patches**2)


def _written(tables: dict[str, PackTable]) -> bytes:
    arrays = {
        f"{name}/{field.name}": getattr(table, field.name)
        for name, table in tables.items()
        for field in fields(PackTable)
    }
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _kept(path: Path, run: Run) -> dict[str, PackTable] | None:
    """Return what is in the cache, unless it is not there, damaged, or of other streams."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            kept = {
                name: PackTable(**{field.name: arrays[f"{name}/{field.name}"] for field in fields(PackTable)})
                for name in run.content.streams
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    packs = {name: stream.packs for name, stream in run.content.streams.items()}
    lengths = {
        (name, len(getattr(table, one.name))) for name, table in kept.items() for one in fields(PackTable)
    }
    return kept if lengths <= packs.items() else None
