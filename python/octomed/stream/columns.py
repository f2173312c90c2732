"""What a sample has to have to be a pack: its columns, as aligned arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from octomed.errors import DataError
from octomed.stream.images import COLUMNS as IMAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from octomed.stream.deferred_batch import Columns, Images
    from octomed.stream.pixels import PackImages

    Pack = Mapping[str, Any]

_COLUMNS = {"input_ids": np.uint32, "lengths": np.uint32, "loss_spans": np.uint32, "trace_ids": np.uint64}
_STORED = np.dtype("<u4")
_HINT = "batches are made of the samples of a `PackedDataset`"


def columns_of(number: int, pack: Pack) -> Columns:
    """Return the columns that a batch is made of, as aligned arrays."""
    if not isinstance(pack, dict) or not _COLUMNS.keys() <= pack.keys():
        raise DataError(f"sample {number} of the batch is not a pack: it has no {_missing(pack)}", _HINT)
    for name, dtype in _COLUMNS.items():
        if getattr(pack[name], "dtype", None) != dtype or pack[name].ndim != 1 + (name == "loss_spans"):
            raise DataError(
                f"`{name}` of sample {number} of the batch is not an array of {np.dtype(dtype)}", _HINT
            )
    ids, lengths, spans, trace_ids = (np.require(pack[name], requirements=("C", "A")) for name in _COLUMNS)
    return ids, lengths, spans, trace_ids, _image_columns(number, pack)


def images_of(number: int, pack: Pack, columns: Columns) -> PackImages | None:
    """Return the images of a pack that has been checked, where each begins, and their grids."""
    *_, images = columns
    if images is None:
        return None
    _, offsets, grids, _ = images
    return _bytes(number, "images", pack["images"]), offsets.view(_STORED), grids.view(_STORED).reshape(-1, 3)


def image_counts(columns: Columns) -> tuple[int, int]:
    """Return how many images and placeholders the columns of a pack say that it has."""
    *_, images = columns
    if images is None:
        return 0, 0
    _, _, grids, refs = images
    return len(grids) // (3 * _STORED.itemsize), len(refs) // _STORED.itemsize


def _image_columns(number: int, pack: Pack) -> Images | None:
    """Return the columns of images as they are stored; a pack of text may lack them."""
    columns = [pack[name] for name in ("images", *IMAGE_COLUMNS) if name in pack]
    if not any(column.nbytes if isinstance(column, np.ndarray) else column for column in columns):
        return None
    offsets, grids, refs = (_stored(number, name, pack.get(name, b"")) for name in IMAGE_COLUMNS)
    images = len(_bytes(number, "images", pack.get("images", b"")))
    return (images, offsets, grids, refs) if images or len(offsets) or len(grids) or len(refs) else None


def _stored(number: int, name: str, column: Any) -> NDArray[np.uint8]:  # noqa: ANN401 what a pack holds
    """Return the bytes of an array of whole numbers, or those that a shard has of it."""
    if isinstance(column, np.ndarray) and column.dtype.kind != "S":
        if column.dtype != _STORED:
            raise DataError(f"`{name}` of sample {number} of the batch is not an array of uint32", _HINT)
        return np.ascontiguousarray(column).reshape(-1).view(np.uint8)
    return np.frombuffer(_bytes(number, name, column), np.uint8)


def _bytes(number: int, name: str, column: Any) -> bytes:  # noqa: ANN401 what a pack holds
    """Return a column of bytes, of which NumPy makes an array of one entry."""
    if isinstance(column, bytes):
        return column
    try:
        return bytes(column.item() if getattr(column, "shape", None) == () else memoryview(column))
    except TypeError:
        raise DataError(f"`{name}` of sample {number} of the batch is not bytes", _HINT) from None


def _missing(pack: object) -> str:
    present = pack.keys() if isinstance(pack, dict) else ()
    return ", ".join(f"`{name}`" for name in _COLUMNS if name not in present)
