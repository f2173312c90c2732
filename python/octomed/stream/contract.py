"""The batch contract: every key that a batch may have, and the axis along which its values run.

The collator allocates by this table, `fill_batch` fills in its order, and microbatches are split by it. A key
that is not in it is an error: nobody could say which of its values belong to a pack, and a value that is left
out of a microbatch changes what is learned.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Axis(Enum):
    """What the entries of a value are, one by one."""

    PACKS = "packs"
    """A row a pack."""
    TOKENS = "tokens"
    """An entry of the last dimension a token."""
    DOCUMENTS = "documents"
    """A row a document."""
    EDGES = "edges of documents"
    """A row a document and one more: offsets into the tokens, the first 0."""
    LONGEST = "longest document"
    """One number, the tokens of the longest document."""
    IMAGES = "images"
    """A row an image."""
    PATCHES = "patches of images"
    """A row a patch; an image has as many as the product of its row of `image_grid_thw`."""
    UNITS = "units of images"
    """An entry a square of patches that becomes one token."""
    WINDOWS = "windows of images"
    """An entry a window that a layer of the vision tower attends inside of."""
    PLACEHOLDERS = "placeholders of images"
    """An entry a run of image tokens, which shows an image."""


CONTRACT: dict[str, Axis] = {
    "packs": Axis.PACKS,
    "input_ids": Axis.TOKENS,
    "labels": Axis.TOKENS,
    "position_ids": Axis.TOKENS,
    "cu_seqlens": Axis.EDGES,
    "trace_ids": Axis.DOCUMENTS,
    "supervised_tokens": Axis.DOCUMENTS,
    "max_length": Axis.LONGEST,
    "cu_seq_lens_q": Axis.EDGES,
    "cu_seq_lens_k": Axis.EDGES,
    "max_length_q": Axis.LONGEST,
    "max_length_k": Axis.LONGEST,
    "image_patches": Axis.PATCHES,
    "pixel_values": Axis.PATCHES,
    "image_grid_thw": Axis.IMAGES,
    "image_refs": Axis.PLACEHOLDERS,
    "image_sizes": Axis.IMAGES,
    "image_tokens": Axis.PACKS,
    "image_counts": Axis.IMAGES,
    "image_positions": Axis.PATCHES,
    "image_window_order": Axis.UNITS,
    "image_window_lengths": Axis.WINDOWS,
    "image_corner_indices": Axis.PATCHES,
    "image_corner_weights": Axis.PATCHES,
    "runs": Axis.PACKS,
}
"""The axis of each key."""

COUNTED_OF_IMAGES = (Axis.PATCHES, Axis.UNITS, Axis.WINDOWS)
"""What the columns of `image_counts` count of an image."""

OF_IMAGES = {Axis.IMAGES, Axis.PLACEHOLDERS, *COUNTED_OF_IMAGES}
"""Axes that a batch of text has not."""

REQUIRED = ("packs", "input_ids", "labels", "position_ids", "cu_seqlens", "trace_ids", "supervised_tokens")
"""Keys of every batch, in the order in which `octomed._octomed.fill_batch` takes their buffers."""


OF_TRAINING = ("image_patches", "image_grid_thw", "image_refs", "image_sizes", "image_tokens", "image_counts")
"""Keys of images of every batch that a model with images is trained on, also of one that shows none."""

MADE_BY = "batches are made by `octomed.stream.Collator`"


def check_keys(batch: Mapping[str, Any]) -> None:
    """Check that a batch has the keys of the contract and no other.

    Raises
    ------
    DataError
        Naming the keys that are unknown, or those that are missing.
    """
    unknown = [name for name in batch if name not in CONTRACT]
    if unknown:
        raise DataError(
            f"the batch contract does not know {_listed(unknown)}",
            f"a batch may have {_listed(CONTRACT)}: see `octomed.stream.contract`",
        )
    missing = [name for name in REQUIRED if name not in batch]
    if missing:
        raise DataError(
            f"the batch has no {_listed(missing)}", "batches are made by `octomed.stream.Collator`"
        )


def check_text(batch: Mapping[str, Any]) -> None:
    """Check that a batch keeps the contract and holds text alone, for a model that would leave images out.

    Raises
    ------
    DataError
        As `check_keys`, and naming the values that belong to images.
    """
    check_keys(batch)
    images = [name for name in batch if CONTRACT[name] in OF_IMAGES]
    if images:
        raise DataError(
            f"the batch has {_listed(images)}, and the model was made for text alone",
            "tell it how the run's images are prepared: `vision=`",
        )


def check_images(batch: Mapping[str, Any]) -> None:
    """Check that a batch keeps the contract and says of its images all that a model is trained on.

    Raises
    ------
    DataError
        As `check_keys`, and naming what is missing, or pixels that would not be looked at.
    """
    check_keys(batch)
    missing = [name for name in OF_TRAINING if name not in batch]
    if missing or "pixel_values" in batch:
        what = f"has no {_listed(missing)}" if missing else "has `pixel_values`, which training does not take"
        raise DataError(
            f"the batch {what}",
            "the model was made for a run with images: its batches are those of `Collator(vision=…, "
            "tower_tables=TowerTables.of(configuration))`",
        )


def size_along(axis: Axis, value: Any) -> int:  # noqa: ANN401 a tensor, an array or a sequence
    """Return how many entries a value has along its axis."""
    return int(value.shape[-1]) if axis is Axis.TOKENS else len(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
