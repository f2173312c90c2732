"""The images of packs: how a run prepared them, their columns, and the models that take them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed.errors import DataError, RecipeError, StorageError
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

COLUMNS = ("image_offsets", "image_grid_thw", "image_refs")
"""Columns of whole numbers that say what the column `images` holds."""

_ENTRIES: dict[str, tuple[int, ...]] = {"image_offsets": (), "image_grid_thw": (3,), "image_refs": ()}
_WORD = np.dtype("<u4")
_NUMBERS = ("patch_size", "merge_size", "temporal_patch_size", "image_token_id")
_HINT = "give the record of a run that has images: `Collator(vision=dataset.vision)`"


@dataclass(frozen=True)
class Vision:
    """How the images of a run are prepared, as its ``octomed.json`` says.

    Attributes
    ----------
    family
        The models that take them.
    patch_size
        Sides of a patch in pixels.
    merge_size
        Patches along a side of what becomes one token.
    temporal_patch_size
        Copies of a still image along time.
    image_token_id
        The token that stands for a part of an image.
    mean, std
        Of each channel, of values from 0 to 1.
    record
        All of the run's record, as JSON.

    Examples
    --------
    >>> vision = Vision.of(
    ...     {
    ...         "family": "qwen2.5-vl",
    ...         "patch_size": 14,
    ...         "merge_size": 2,
    ...         "temporal_patch_size": 2,
    ...         "mean": [0.48145466, 0.4578275, 0.40821073],
    ...         "std": [0.26862954, 0.26130258, 0.27577711],
    ...         "image_token_id": 151655,
    ...     }
    ... )
    >>> vision.factor, vision.patch_bytes
    (28, 588)
    """

    family: str
    patch_size: int
    merge_size: int
    temporal_patch_size: int
    image_token_id: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    record: str

    @classmethod
    def of(cls, record: Vision | Mapping[str, Any] | object) -> Vision:
        """Read a run's record.

        Raises
        ------
        RecipeError
            When it is none.
        """
        if isinstance(record, cls):
            return record
        values = plain(record)
        if not isinstance(values, dict):
            raise RecipeError(f"`vision` is {type(record).__name__}, and not the record of a run", _HINT)
        for name in (*_NUMBERS, "mean", "std"):
            if name not in values:
                raise RecipeError(f"`vision` has no `{name}`", _HINT)
        numbers = {name: values[name] for name in _NUMBERS}
        channels = {name: tuple(map(float, values[name])) for name in ("mean", "std")}
        if any(type(number) is not int or number < 1 for number in numbers.values()):
            raise RecipeError(f"`vision` has a size or a token below 1: {numbers}", _HINT)
        if any(len(values) != _CHANNELS for values in channels.values()):
            raise RecipeError("`vision` has not three channels in `mean` and `std`", _HINT)
        mean, std = channels.values()
        patch, merge, temporal, token = numbers.values()
        record = json.dumps(values, sort_keys=True)
        return cls(str(values.get("family", "")), patch, merge, temporal, token, mean, std, record)

    @property
    def factor(self) -> int:
        """What the sides of a prepared image are multiples of, in pixels."""
        return self.patch_size * self.merge_size

    @property
    def patch_bytes(self) -> int:
        """Bytes of a patch, without the copies along time."""
        return _CHANNELS * self.patch_size * self.patch_size

    @property
    def rules(self) -> tuple[int, int]:
        """The token of images, and the patches along a side of one: what packs are checked by."""
        return self.image_token_id, self.merge_size


_CHANNELS = 3


def check_model(vision: object, configuration: Any, run: str) -> None:  # noqa: ANN401 of transformers
    """Refuse a model that does not take the images of a run as they were prepared.

    Parameters
    ----------
    vision
        The run's record; ``None`` for a run of text, which every model takes.
    configuration
        The model's configuration in transformers.
    run
        What the run is called in messages.

    Raises
    ------
    DataError
        Saying what differs.
    """
    if vision is None:
        return
    prepared = Vision.of(vision)
    tower, name = getattr(configuration, "vision_config", None), getattr(configuration, "model_type", "?")
    if tower is None:
        message = f"`{run}` has images, and a model of `{name}` has no vision tower"
        raise DataError(message, f"train a model of {prepared.family}")
    hint = f"pack again for this model, or train a model of {prepared.family}"
    patch, merge = int(tower.patch_size), int(tower.spatial_merge_size)
    if (patch, merge) != (prepared.patch_size, prepared.merge_size):
        raise DataError(
            f"the images of `{run}` are prepared for {prepared.family}, on a grid of {prepared.factor} "
            f"pixels; a model of `{name}` takes a grid of {patch * merge}",
            hint,
        )
    for what, packed, known in (
        ("frames of an image", prepared.temporal_patch_size, getattr(tower, "temporal_patch_size", None)),
        ("the image token", prepared.image_token_id, getattr(configuration, "image_token_id", None)),
    ):
        if known is not None and known != packed:
            raise DataError(
                f"the images of `{run}` do not suit a model of `{name}`: {what}: {packed}, not {known}", hint
            )


def with_arrays(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its columns of images as arrays: ``[n + 1]``, ``[n, 3]`` and ``[placeholders]``.

    Raises
    ------
    StorageError
        When a column is no whole number of entries.
    """
    found = {name: row[name] for name in COLUMNS if isinstance(row.get(name), bytes)}
    return row | {name: _array(name, column) for name, column in found.items()} if found else row


def _array(name: str, column: bytes) -> NDArray[np.uint32]:
    entry = _ENTRIES[name]
    if not column:
        return _EMPTY[name]
    size = _WORD.itemsize * int(np.prod(entry))
    if len(column) % size:
        message = f"a pack's `{name}` has {len(column)} bytes, which are not entries of {size} bytes"
        raise StorageError(message, "`octomed verify RUN` says which shards are damaged")
    return np.frombuffer(column, _WORD).reshape(-1, *entry)


_EMPTY = {name: np.empty((0, *entry), _WORD) for name, entry in _ENTRIES.items()}
for _empty in _EMPTY.values():
    _empty.flags.writeable = False
