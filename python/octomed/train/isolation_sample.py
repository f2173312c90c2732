"""What the start-up self-test feeds a model: documents of random tokens, some of which show random images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from octomed.stream import Collator
from octomed.stream.deferred_batch import Decoded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from octomed.stream.images import Vision
    from octomed.stream.tower_tables import TowerTables

LENGTHS = (5, 17, 9, 2)
"""Tokens of text of each document."""
SHOWN = ((0,), (), (1, 2), (1,))
"""Images of each document: one has none, one is in two documents."""
UNITS = ((2, 3), (5, 2), (1, 1))
"""Height and width of each image in tokens. The second is taller than a window of Qwen2.5-VL, 4 tokens."""


@dataclass(frozen=True)
class Images:
    """How a model takes images.

    Attributes
    ----------
    vision
        How the run's are prepared.
    tables
        What the model's tower derives of their grids.
    """

    vision: Vision
    tables: TowerTables


@dataclass(frozen=True)
class Sample:
    """A pack of documents, any part of which can be changed.

    Attributes
    ----------
    ids
        Of the text of each document, int64.
    rows
        Rows of `position_ids`.
    allowed
        The ids that text is made of: all but those that a model takes for parts of images.
    images
        How the model takes images; ``None`` for a sample of text.
    patches
        Of each image, uint8.
    shown
        Images of each document.
    """

    ids: tuple[torch.Tensor, ...]
    rows: int
    allowed: torch.Tensor
    images: Images | None = None
    patches: tuple[torch.Tensor, ...] = ()
    shown: tuple[tuple[int, ...], ...] = field(default=((),) * len(LENGTHS))

    @classmethod
    def draw(
        cls, vocabulary: int, rows: int, reserved: Collection[int] = (), images: Images | None = None
    ) -> Sample:
        """Return the sample of a seed.

        Parameters
        ----------
        vocabulary
            Number of token ids.
        rows
            Rows of `position_ids`.
        reserved
            Ids that stand for images, or around them.
        images
            How the model takes images.
        """
        generator = torch.Generator().manual_seed(17)
        allowed = torch.tensor([one for one in range(vocabulary) if one not in set(reserved)])
        drawn = torch.randint(0, len(allowed), (sum(LENGTHS),), generator=generator)
        ids = tuple(torch.split(allowed[drawn], list(LENGTHS)))
        if images is None:
            return cls(ids, rows, allowed)
        vision = images.vision
        patches = tuple(
            torch.randint(
                0,
                256,
                (height * width * vision.merge_size**2, vision.patch_bytes),
                dtype=torch.uint8,
                generator=generator,
            )
            for height, width in UNITS
        )
        return cls(ids, rows, allowed, images, patches, SHOWN)

    def with_other_ids(self, document: int) -> Sample:
        """Return it with every token of a document's text another one."""
        places = torch.searchsorted(self.allowed, self.ids[document])
        changed = self.allowed[(places + 1) % len(self.allowed)]
        return replace(self, ids=(*self.ids[:document], changed, *self.ids[document + 1 :]))

    def with_other_pixels(self, image: int) -> Sample:
        """Return it with every value of an image's pixels another one."""
        changed = self.patches[image] ^ 0x80
        return replace(self, patches=(*self.patches[:image], changed, *self.patches[image + 1 :]))

    def alone(self) -> Iterator[Sample]:
        """Yield each document in a pack of its own."""
        for ids, shown in zip(self.ids, self.shown, strict=True):
            yield replace(self, ids=(ids,), shown=(shown,))

    def batch(self, device: torch.device | str) -> dict[str, Any]:
        """Return the batch of its documents in one pack."""
        if self.images is None:
            lengths = [len(ids) for ids in self.ids]
            return text_batch(torch.cat(self.ids), lengths, rows=self.rows, device=device)
        return moved(self._batch_with_images(self.images), device)

    def is_text(self) -> torch.Tensor:
        """Return which tokens of the pack are text, [T]."""
        return self._stands_for() < 0

    def places(self, image: int) -> torch.Tensor:
        """Return which tokens of the pack stand for an image, [T]."""
        return self._stands_for() == image

    def edges(self) -> list[int]:
        """Return where each document begins, and where the last one ends."""
        lengths = [
            len(ids) + sum(_units(image) for image in shown)
            for ids, shown in zip(self.ids, self.shown, strict=True)
        ]
        return [0, *accumulate(lengths)]

    def _stands_for(self) -> torch.Tensor:
        """Return the image that each token of the pack stands for, [T], -1 for text.

        A document's images stand behind its first tokens, one behind each, so that no two touch.
        """
        parts = []
        for ids, shown in zip(self.ids, self.shown, strict=True):
            for image in shown:
                parts += [torch.tensor([-1]), torch.full((_units(image),), image)]
            parts.append(torch.full((len(ids) - len(shown),), -1))
        return torch.cat(parts)

    def _tokens(self, images: Images) -> torch.Tensor:
        """Return the ids of the pack, [T]."""
        tokens = torch.full((self.edges()[-1],), images.vision.image_token_id)
        tokens[self.is_text()] = torch.cat(self.ids)
        return tokens

    def _batch_with_images(self, images: Images) -> dict[str, Any]:
        """Return the batch that the loader makes of such a pack."""
        used = sorted({image for shown in self.shown for image in shown})
        merge = images.vision.merge_size
        grids = np.array([[1, UNITS[one][0] * merge, UNITS[one][1] * merge] for one in used], "<u4")
        refs = np.array([used.index(image) for shown in self.shown for image in shown], "<u4")
        columns: Any = (
            self._tokens(images).numpy().astype(np.uint32),
            np.diff(self.edges()).astype(np.uint32),
            np.empty((0, 2), np.uint32),
            np.arange(len(self.ids), dtype=np.uint64),
            _stored(grids, refs) if used else None,
        )
        patches = [self.patches[image] for image in used]
        empty = torch.empty((0, images.vision.patch_bytes), dtype=torch.uint8)
        tables = images.tables.of_images(grids.reshape(-1, 3))
        collator = Collator(vision=images.vision, tower_tables=images.tables)
        return collator.batch([columns], Decoded(torch.cat([empty, *patches]), tables))


def text_batch(
    ids: torch.Tensor, lengths: Sequence[int], *, rows: int, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """Return a batch of one pack of text documents, every token supervised.

    Parameters
    ----------
    ids
        [T], int64.
    lengths
        Tokens a document.
    rows
        Rows of `position_ids`.
    device
        Where its tensors are.

    Examples
    --------
    >>> batch = text_batch(torch.tensor([5, 6, 7, 8, 9]), (3, 2), rows=1)
    >>> batch["labels"]
    tensor([[-100,    6,    7, -100,    9]])
    >>> batch["cu_seqlens"]
    tensor([0, 3, 5], dtype=torch.int32)
    """
    edges = torch.tensor([0, *lengths]).cumsum(0)
    positions = torch.cat([torch.arange(length) for length in lengths])
    labels = ids.clone()
    labels[edges[:-1]] = -100
    batch = {
        "packs": torch.tensor([[len(ids), len(lengths)]]),
        "input_ids": ids[None],
        "labels": labels[None],
        "position_ids": positions.expand(rows, 1, -1) if rows > 1 else positions[None],
        "cu_seqlens": edges.to(torch.int32),
        "max_length": max(lengths),
        "trace_ids": torch.arange(len(lengths)),
        "supervised_tokens": torch.tensor(lengths) - 1,
    }
    return moved(batch, device)


def moved(batch: dict[str, Any], device: torch.device | str) -> dict[str, Any]:
    """Return a batch with its tensors on a device."""
    return {
        name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()
    }


def _stored(grids: np.ndarray[Any, Any], refs: np.ndarray[Any, Any]) -> tuple[int, Any, Any, Any]:
    """Return the columns of images as a shard has them, each image a byte."""
    offsets = np.arange(len(grids) + 1, dtype="<u4")
    offsets, grids, refs = (
        np.ascontiguousarray(one).reshape(-1).view(np.uint8) for one in (offsets, grids, refs)
    )
    return len(offsets) // 4 - 1, offsets, grids, refs


def _units(image: int) -> int:
    height, width = UNITS[image]
    return height * width
