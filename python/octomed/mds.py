"""MDS shards from Python: write rows, read them back, look for damage."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed._mds_values import decode, encoder_of
from octomed.errors import DataError, RecipeError
from octomed.machine import cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Finding", "MDSReader", "MDSWriter", "verify"]


class MDSWriter:
    """Write rows as MDS shards, byte-identical to those of mosaicml-streaming 0.13.

    A context manager: on leaving it the last shard and `index.json` are written. When an error leaves
    it there is no index, so that half a dataset is never read as a whole one.

    Rows are laid out by the calling thread; digests, compression and files are the work of others,
    without the GIL. Memory holds at most ``workers + 1`` shards, three without compression.

    Parameters
    ----------
    out : path
        A folder that is empty or missing.
    columns : mapping of str to str
        Name and encoding of each column. Encodings: `bytes`, `str`, `int`, `uint8` … `float64`,
        `str_int`, `str_float`, `str_decimal`, `json`, `ndarray`, `ndarray:uint32`,
        `ndarray:uint32:4,4`; and `jpeg`, `png`, `pil`, `jpeg_array`, `list[…]`, `pkl`, which take bytes.
    compression : str, optional
        `zstd`, `br`, `gz`, `bz2`, each with an optional level (`zstd:1`), or `snappy`.
    hashes : sequence of str
        Digests of each file, sorted: those of `hashlib`, or `xxh32`, `xxh64`, `xxh128`, `xxh3_64`,
        `xxh3_128`.
    size_limit : int or str, optional
        Bytes after which a shard closes, also as `"64mb"`; None puts all rows in one shard of at most
        4 GiB. A first row above the limit gets a shard of its own (`streaming` writes one without rows
        before it).
    workers : int, optional
        Threads that compress and write; as many as there are cores unless told.

    Raises
    ------
    octomed.errors.RecipeError
        If an encoding, compression, digest or limit is none of MDS.
    octomed.errors.StorageError
        If the folder is not empty or cannot be written.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> folder = tempfile.mkdtemp()
    >>> with MDSWriter(folder, {"input_ids": "ndarray:uint32"}, compression="zstd:1") as writer:
    ...     writer.write({"input_ids": np.arange(3, dtype=np.uint32)})
    >>> MDSReader(folder)[0]
    {'input_ids': array([0, 1, 2], dtype=uint32)}
    """

    def __init__(  # noqa: PLR0913
        self,
        out: str | os.PathLike[str],
        columns: Mapping[str, str],
        *,
        compression: str | None = None,
        hashes: Sequence[str] = (),
        size_limit: int | str | None = 1 << 26,
        workers: int | None = None,
    ) -> None:
        self._writer = _octomed.MdsWriter(
            os.fspath(out),
            list(columns.items()),
            compression or None,
            list(hashes),
            _bytes(size_limit),
            workers or cores(),
        )
        self._encoders = [(name, encoder_of(name, encoding)) for name, encoding in self._writer.columns]

    def write(self, row: Mapping[str, Any]) -> None:
        """Write a row.

        Parameters
        ----------
        row : mapping
            A value for each column; bytes are taken as already encoded. Arrays are read in place: no other
            thread may write to them meanwhile.

        Raises
        ------
        octomed.errors.DataError
            If a column is missing or unknown, or a value is not what its column stores; MDS stores
            neither arrays without elements nor arrays without axes. The row is not written.
        octomed.errors.StorageError
            If an earlier shard could not be written.
        """
        if len(row) != len(self._encoders):
            raise self._wrong_columns(row)
        try:
            values = [encode(row[name]) for name, encode in self._encoders]
        except KeyError:
            raise self._wrong_columns(row) from None
        self._writer.write(values)

    def finish(self) -> int:
        """Write the last shard and the index; return the number of shards."""
        return self._writer.finish()

    def __enter__(self) -> Self:
        """Enter the context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish, or give up on an error."""
        if error is None:
            self.finish()
        else:
            self._writer.abandon()

    def _wrong_columns(self, row: Mapping[str, Any]) -> DataError:
        names = {name for name, _ in self._encoders}
        missing, unknown = sorted(names - set(row)), sorted(set(row) - names)
        return DataError(f"the row lacks columns {missing} and has unknown columns {unknown}")


class MDSReader:
    """Read rows of MDS shards, whoever wrote them: a sequence of dicts.

    Plain shards are read row by row. A compressed shard is decompressed into memory, never on the
    disk, and the one used last is kept; so read in order, or shard by shard.

    Parameters
    ----------
    directory : path
        A folder with `index.json`.

    Raises
    ------
    octomed.errors.StorageError
        If there is no index.
    octomed.errors.DataError
        If the index is not one of MDS shards.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with MDSWriter(folder, {"text": "str"}) as writer:
    ...     writer.write({"text": "Fever"})
    ...     writer.write({"text": "Rest"})
    >>> reader = MDSReader(folder)
    >>> len(reader), reader[-1]
    (2, {'text': 'Rest'})
    >>> reader.shards
    [('shard.00000.mds', 2)]
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = os.fspath(directory)
        self._reader = _octomed.MdsReader(self._directory)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._reader)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Return a row; negative numbers count from the end.

        Arrays are read-only; images and pickles are returned as their bytes.
        """
        found = self._reader.read(self._position(row))
        return {name: decode(encoding, stored) for name, encoding, stored in found}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows in order."""
        return (self[row] for row in range(len(self)))

    def locate(self, row: int) -> tuple[int, int]:
        """Return the shard of a row, and the row's number in it."""
        return self._reader.locate(self._position(row))

    @property
    def shards(self) -> list[tuple[str, int]]:
        """File and number of rows of each shard."""
        return self._reader.shards

    def verify(self, workers: int | None = None) -> list[Finding]:
        """List what is wrong with the shards; see `verify`."""
        return verify(self._directory, workers)

    def _position(self, row: int) -> int:
        rows = len(self)
        if not -rows <= row < rows:
            raise IndexError(f"row {row} of {rows}")
        return row % rows


@dataclass(frozen=True)
class Finding:
    """Something in a dataset that is not as it should be.

    Attributes
    ----------
    shard : int or None
        Number of the shard; None for a file that the index does not list.
    file : str
        The file.
    what : str
        What is wrong with it.
    """

    shard: int | None
    file: str
    what: str


def verify(directory: str | os.PathLike[str], workers: int | None = None) -> list[Finding]:
    """Compare every file, digest, offset and row of a dataset with its index.

    Parameters
    ----------
    directory : path
        A folder with `index.json`.
    workers : int, optional
        Threads; as many as there are cores unless told.

    Returns
    -------
    list of Finding
        All that is wrong, in shard order; empty if nothing is. A changed byte inside a value shows only
        in a digest, so a dataset written without any is checked less.

    Raises
    ------
    octomed.errors.StorageError
        If there is no index.
    octomed.errors.DataError
        If the index is not one of MDS shards.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = tempfile.mkdtemp()
    >>> with MDSWriter(folder, {"text": "str"}, hashes=["xxh64"]) as writer:
    ...     writer.write({"text": "Fever"})
    >>> verify(folder)
    []
    >>> Path(folder, "shard.00000.mds").unlink()
    >>> [finding.file for finding in verify(folder)]
    ['shard.00000.mds']
    """
    found = _octomed.mds_verify(os.fspath(directory), workers or cores())
    return [Finding(*finding) for finding in found]


def _bytes(size: int | str | None) -> int | None:
    """Read a size in bytes; `kb`, `mb` and `gb` are powers of 1024, as `streaming` has them."""
    if not size:
        return None
    if isinstance(size, int):
        number, power = float(size), 0
    else:
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?)\s*([kmg]?)i?b?\s*", size, re.IGNORECASE)
        if match is None:
            raise RecipeError(f"`{size}` is not a size", hint='write a number of bytes, or "64mb"')
        number, power = float(match[1]), " kmg".index(match[2].lower() or " ")
    limit = int(number * 1024**power)
    if not 0 < limit < 2**32:
        raise RecipeError(f"the size limit is {limit} bytes, and must lie between 1 and 4294967295")
    return limit
