"""Pixels of a batch: patches of bytes in the loader, normalised numbers where the model is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from octomed import _octomed
from octomed.stream.images import Vision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    PackImages = tuple[bytes, NDArray[np.uint32], NDArray[np.uint32]]
    """Of a pack: its encoded images, where each begins, and the grid of each."""

_LEVELS = 255.0
_IN_CACHE = 256
"""Patches whose numbers stay in a processor's cache between two steps."""


def pixel_values(
    patches: torch.Tensor,
    vision: Vision | Mapping[str, Any],
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Make what a vision tower takes of patches of bytes, on the device where they are.

    Normalised in float32, as the fast image processor of transformers does, and then cast; each patch is
    repeated along time.

    Parameters
    ----------
    patches
        ``image_patches`` of a batch: uint8, ``[patches, 3 · P · P]``.
    vision
        The run's record, ``dataset.vision``.
    dtype
        Of the result.

    Returns
    -------
    torch.Tensor
        ``[patches, 3 · T · P · P]``, with ``T`` the ``temporal_patch_size``.

    Examples
    --------
    >>> vision = {
    ...     "family": "qwen3-vl",
    ...     "patch_size": 16,
    ...     "merge_size": 2,
    ...     "temporal_patch_size": 2,
    ...     "mean": [0.5, 0.5, 0.5],
    ...     "std": [0.5, 0.5, 0.5],
    ...     "image_token_id": 151655,
    ... }
    >>> patches = torch.full((4, 768), 255, dtype=torch.uint8)
    >>> pixels = pixel_values(patches, vision)
    >>> pixels.shape, pixels.unique()
    (torch.Size([4, 1536]), tensor([1.]))
    """
    prepared = Vision.of(vision)
    mean, std = _levels_of(prepared.mean, patches.device), _levels_of(prepared.std, patches.device)
    count, channels, plane = len(patches), len(prepared.mean), prepared.patch_size**2
    levels = patches.reshape(count, channels, 1, plane)
    values = torch.empty(
        (count, channels, prepared.temporal_patch_size, plane), dtype=dtype, device=patches.device
    )
    step = _IN_CACHE if patches.device.type == "cpu" else max(count, 1)
    for first in range(0, count, step):
        some = levels[first : first + step].to(torch.float32)
        values[first : first + step] = some.sub_(mean).div_(std)
    return values.view(count, prepared.temporal_patch_size * prepared.patch_bytes)


@lru_cache(16)
def _levels_of(channels: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """Return values of channels in levels, on a device: to copy them there in each step waits for it."""
    return (torch.tensor(channels, dtype=torch.float32) * _LEVELS).view(1, -1, 1, 1).to(device)


def decoded(
    packs: Sequence[PackImages | None], vision: Vision, *, threads: int, shared: bool
) -> torch.Tensor:
    """Return the patches of the images of some packs, one image after another.

    Parameters
    ----------
    packs
        Their images, which have been checked; ``None`` for a pack of text.
    vision
        How they are prepared.
    threads
        That decode at the same time.
    shared
        Write into memory that another process gets without a copy.

    Raises
    ------
    octomed.errors.DataError
        When an image does not decode, or has another size than its grid.
    """
    count = sum(int(pack[2].prod(axis=1, dtype=np.int64).sum()) for pack in packs if pack is not None)
    patches = _empty(count, vision.patch_bytes, shared=shared)
    if count:
        _octomed.image_patches(packs, vision.record, patches.numpy(), threads)
    return patches


def repeated(patches: torch.Tensor, grids: torch.Tensor, refs: torch.Tensor) -> torch.Tensor:
    """Return the patches of each placeholder's image, in the order of the placeholders."""
    if torch.equal(refs, torch.arange(len(grids))):
        return patches
    images = torch.tensor_split(patches, grids.prod(1).cumsum(0)[:-1])
    return torch.cat([images[image] for image in refs.tolist()])


def _empty(rows: int, columns: int, *, shared: bool) -> torch.Tensor:
    """Return memory for patches; where it is shared, what PyTorch itself collates into."""
    if not shared or not rows:
        return torch.empty((rows, columns), dtype=torch.uint8)
    memory: Any = torch.UntypedStorage
    storage: torch.UntypedStorage = memory._new_shared(rows * columns)  # noqa: SLF001
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(rows, columns)
